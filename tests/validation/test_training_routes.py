"""Both routes really trained: against a plain script, and the advice counted against what was measured."""

import numpy as np
import pytest

from predictor.errors import InputError
from predictor.estimators.problem import Representation
from predictor.estimators.somerstep2024 import LinearRefiner, disjoint_contexts, shared_contexts
from predictor.query.labels import Labels
from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.settings import Settings
from predictor.query.training_plan import Training
from predictor.steps import Progress, drain
from predictor.training.recipe import Recipe
from predictor.training.runs import train_w2s
from predictor.training.splits import thirds
from predictor.validation.training_routes import LinearRelabelling, PromptedRelabelling, Routes, routes_steps
from tests.reference.heads import ridge_predictions

ROWS = 90


@pytest.fixture(scope="module")
def task():
    rng = np.random.default_rng(0)
    hidden = rng.standard_normal((ROWS, 3))
    strong = Representation("s", hidden @ rng.standard_normal((3, 8)) + 0.1 * rng.standard_normal((ROWS, 8)))
    weak = tuple(
        Representation(f"w{i}", hidden[:, :2] @ rng.standard_normal((2, 5)) + noise * rng.standard_normal((ROWS, 5)))
        for i, noise in enumerate((0.1, 1.0))
    )
    return strong, weak, Labels.of((hidden @ np.array([1.0, -1.0, 0.5]) > 0).astype(float))


def measured(task, relabelling, **options) -> Routes:
    strong, weak, labels = task
    return drain(routes_steps(strong, weak, labels, relabelling, **options))


def test_students_of_both_routes_are_those_of_a_plain_script(task):
    strong, weak, labels = task
    found = measured(task, LinearRelabelling(strong.features), splits=2, seed=3)
    gold = labels.targets
    for split in range(2):
        part = thirds(ROWS, np.random.default_rng([3, split]))
        learner, truth = strong.features[part.student], gold[part.test]
        for i, model in enumerate(weak):
            weak_set = ridge_predictions(model.features[part.weak], model.features[part.student], gold[part.weak])
            rng = np.random.default_rng([3, split, *model.name.encode()])
            context = disjoint_contexts(30, 14, rng)[0]
            refined = LinearRefiner.of(learner, weak_set).relabel(weak_set, context)
            step = ridge_predictions(learner, learner, weak_set)
            for name, labels_taught in (("naive", weak_set), ("refined", refined), ("em_step", step)):
                student = ridge_predictions(learner, strong.features[part.test], labels_taught)
                error = np.mean((student - truth) ** 2) / np.var(gold)
                assert getattr(found, name)[i, split] == pytest.approx(error, rel=1e-6), name


def test_the_naive_route_is_the_training_that_predictions_are_checked_against(task):
    strong, weak, labels = task
    found = measured(task, LinearRelabelling(strong.features), splits=2, seed=1)
    outcomes = train_w2s(strong.features, [one.features for one in weak], labels, splits=2, seed=1)
    np.testing.assert_allclose(found.naive, outcomes.w2s, rtol=1e-8)
    np.testing.assert_allclose(found.weak, outcomes.weak, rtol=1e-8)


def test_parts_of_other_sizes_are_those_of_a_training_of_these_sizes(task):
    strong, weak, labels = task
    found = measured(task, LinearRelabelling(strong.features), splits=2, seed=1, sizes=(20, 24))
    recipe = Recipe(training=Training(weak_rows=20, student_rows=24))
    outcomes = train_w2s(strong.features, [one.features for one in weak], labels, splits=2, seed=1, recipe=recipe)
    np.testing.assert_allclose(found.naive, outcomes.w2s, rtol=1e-8)
    np.testing.assert_allclose(found.weak, outcomes.weak, rtol=1e-8)


def test_the_estimator_sees_what_the_student_was_trained(task):
    strong, _, _ = task
    found = measured(task, LinearRelabelling(strong.features), splits=3)
    assert np.isfinite(found.score).all()
    assert np.isfinite(found.promised).all()
    assert ((found.retention >= 0) & (found.retention <= 1)).all()
    assert np.array_equal(found.score, measured(task, LinearRelabelling(strong.features), splits=3).score)


class FakePrompted:
    """Fake strong model: knows the truth of every row by its text."""

    def __init__(self, truth: np.ndarray) -> None:
        self.truth = truth
        self.rows: list[int] = []

    def labels(self, spec, pool, settings):
        raise AssertionError("nobody asked for this")
        yield

    def refined(self, spec, pool, settings, weak_labels, contexts):
        yield Progress(spec.name, "label", 0, len(pool))
        self.rows = [int(text) for text in pool.texts]
        assert len(contexts) == 2
        return tuple(self.truth[self.rows] * 0.8 + 0.1 for _ in contexts)


def test_a_prompted_model_relabels_the_students_rows_and_helps_where_it_knows_better(task):
    _, _, labels = task
    source = FakePrompted(labels.targets)
    pool = Pool.of([str(i) for i in range(ROWS)])
    relabelling = PromptedRelabelling(source, ModelSpec("s", "./s"), pool, Settings())
    found = measured(task, relabelling, splits=2, seed=5)
    part = thirds(ROWS, np.random.default_rng([5, 1]))
    assert source.rows == part.student.tolist()
    assert (found.helped[1] > 0.0).all()  # the noisy teacher
    assert (found.score > 0.0).all()
    assert found.right(found.score) >= 0.5


def test_contexts_of_a_prompted_route_are_shared_by_rows(task):
    _, weak, labels = task
    seen = []

    class Noted(FakePrompted):
        def refined(self, spec, pool, settings, weak_labels, contexts):
            seen.append((weak_labels, contexts))
            return (yield from super().refined(spec, pool, settings, weak_labels, contexts))

    pool = Pool.of([str(i) for i in range(ROWS)])
    relabelling = PromptedRelabelling(Noted(labels.targets), ModelSpec("s", "./s"), pool, Settings())
    measured(task, relabelling, splits=1, seed=2)
    for model, (weak_set, contexts) in zip(weak, seen, strict=True):
        rng = np.random.default_rng([2, 0, *model.name.encode()])
        expected = shared_contexts((weak_set[:, 0] > 0.5).astype(int), 8, rng)
        np.testing.assert_array_equal(contexts, expected)


def test_labels_that_cannot_be_refined_leave_no_advice(task):
    class Nothing:
        def pair(self, rows, weak_labels, rng):
            yield from ()

    found = measured(task, Nothing(), splits=2)
    assert np.isfinite(found.naive).all()
    assert np.isnan(found.refined).all()
    assert (found.right(found.score), found.cost(found.score)) == (None, None)


def test_advice_is_right_where_its_sign_is_that_of_the_help():
    one = np.array([[0.5, 0.4, 0.3, 0.3, np.nan]])
    # Refined saves 0.1, costs 0.2, changes nothing, saves 0.2, is missing; advice: refine but for the third.
    routes = Routes(one, one, np.array([[0.4, 0.6, 0.3, 0.1, np.nan]]), one, one, one, one)
    advice = np.array([[1.0, 1.0, -1.0, 1.0, 1.0]])
    assert routes.right(advice) == pytest.approx(3 / 4)
    assert routes.cost(advice) == pytest.approx((0.0 + 0.2 + 0.0 + 0.0) / 4)
    assert routes.cost(-advice) == pytest.approx((0.1 + 0.0 + 0.0 + 0.2) / 4)
    assert routes.right(np.full((1, 5), np.nan)) is None


def test_a_task_with_unlabelled_rows_is_refused(task):
    strong, weak, labels = task
    holed = Labels(np.where(np.arange(ROWS)[:, None] == 4, np.nan, labels.targets), labels.kind, labels.classes)
    with pytest.raises(InputError, match="labelled rows only"):
        drain(routes_steps(strong, weak, holed, LinearRelabelling(strong.features)))


def test_a_validation_that_refines_measures_both_routes_and_shows_them(task):
    from predictor.query.query import RankingQuery
    from predictor.report.validation_page import html
    from predictor.store.arrays import ArraySource
    from predictor.validation.tables import markdown
    from predictor.validation.validate import validation_steps
    from predictor.validation.validation import Validation

    strong, weak, labels = task
    specs = [ModelSpec(one.name, "array:", values=one.features) for one in (strong, *weak)]
    settings = Settings(refine="linear", estimators=("refinement", "cka"), seed=2)
    query = RankingQuery(specs[0], tuple(specs[1:]), Pool.numbered(ROWS), settings=settings)
    found = drain(validation_steps(query, labels, ArraySource(), task="t", splits=2, labelled_splits=1))
    measured_here = measured(task, LinearRelabelling(strong.features.astype(np.float32)), splits=3, seed=2)
    assert [one.name for one in found.routes] == ["w0", "w1"]
    for i, one in enumerate(found.routes):
        assert one.realisation == "linear"
        assert one.naive_error.value == pytest.approx(measured_here.naive[i].mean(), rel=1e-4)
        assert one.refined_error.value == pytest.approx(measured_here.refined[i].mean(), rel=1e-4)
        assert one.right_score == pytest.approx(measured_here.of(i).right(measured_here.of(i).score))
    assert Validation.from_dict(found.to_dict()).routes == found.routes
    for page in (markdown(found), html(found)):
        assert "Refining before training" in page
    plain = RankingQuery(specs[0], tuple(specs[1:]), Pool.numbered(ROWS), settings=Settings(estimators=("cka",)))
    none = drain(validation_steps(plain, labels, ArraySource(), splits=2, labelled_splits=0))
    assert none.routes == ()
    assert "Refining" not in markdown(none)


def test_a_validation_of_arrays_cannot_prompt(task):
    from predictor.query.prompt import LabelPrompt
    from predictor.query.query import RankingQuery
    from predictor.store.arrays import ArraySource
    from predictor.validation.validate import validation_steps

    strong, weak, labels = task
    specs = [ModelSpec(one.name, "array:", values=one.features) for one in (strong, *weak)]
    settings = Settings(refine="prompted", label_prompt=LabelPrompt(("no", "yes")), estimators=("cka",))
    pool = Pool.of([f"row {i}" for i in range(ROWS)])
    query = RankingQuery(specs[0], tuple(specs[1:]), pool, settings=settings)
    with pytest.raises(InputError, match="only arrays are read here"):
        drain(validation_steps(query, labels, ArraySource(), splits=2, labelled_splits=0))
