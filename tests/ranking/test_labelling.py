"""Weak labels from candidates' own models, on their way into a ranking."""

import numpy as np
import pytest

from predictor.errors import RefusedError
from predictor.query.labels import Labels
from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.prompt import LabelPrompt
from predictor.query.query import RankingQuery
from predictor.query.settings import Settings
from predictor.query.source import FeatureSet, Predicted
from predictor.ranking.labelling import in_class_order
from predictor.ranking.rank import rank_steps
from predictor.steps import Progress, drain
from tests.answers import by_name

ROWS = 60
COLUMNS = Predicted(np.array([[0.1, 0.2, 0.7], [0.3, 0.3, 0.4]]), ("Eggs", "spam", "HAM"))


def test_columns_are_brought_into_the_order_of_the_gold_classes():
    found = in_class_order(COLUMNS, ("ham", "eggs", "Spam"))
    np.testing.assert_array_equal(found.values, [[0.7, 0.1, 0.2], [0.4, 0.3, 0.3]])
    assert found.classes == ("ham", "eggs", "Spam")


@pytest.mark.parametrize("classes", [None, ("0", "1", "2"), ("ham", "eggs"), ("ham", "eggs", "eggs")])
def test_other_names_leave_the_columns_as_they_are(classes):
    assert in_class_order(COLUMNS, classes) is COLUMNS
    assert in_class_order(Predicted(COLUMNS.values, None), ("a", "b", "c")).values is COLUMNS.values


class FakeModels:
    """Fake source: features of random numbers, labels that lean on the first of them."""

    def __init__(self, classes: tuple[str, ...] | None = None) -> None:
        self.asked: list[str] = []
        self.classes = classes

    def features(self, spec, pool, settings):
        yield Progress(spec.name, "extract", len(pool), len(pool))
        values = _features(spec.reference)
        names = (spec.layer or "1").split(",")
        return tuple(
            FeatureSet(f"{spec.name}#layer={one}" if len(names) > 1 else spec.name, values, one, f"{spec.name}{one}")
            for one in names
        )

    def labels(self, spec, pool, settings):
        self.asked.append(spec.name)
        yield Progress(spec.name, "label", 0, len(pool))
        if spec.name == "broken":
            raise RefusedError("it has no head.", reason="NO_CLASSIFIER")
        second = 1 / (1 + np.exp(-_features(spec.reference)[:, 0]))
        return Predicted(np.stack([1 - second, second], axis=1), self.classes, ("warned by the model",))

    def refined(self, spec, pool, settings, weak_labels, contexts):
        raise AssertionError("nobody asked for this")
        yield


def _features(reference: str) -> np.ndarray:
    shared = np.random.default_rng(0).standard_normal((ROWS, 4))
    return (shared + 0.3 * np.random.default_rng([*reference.encode()]).standard_normal((ROWS, 4))).astype(np.float32)


def query(*weak: ModelSpec, labels: Labels | None = None, **settings: object) -> RankingQuery:
    pool = Pool.of([f"row {i}" for i in range(ROWS)])
    return RankingQuery(ModelSpec("s", "./s"), weak, pool, labels, settings=Settings(**settings))  # type: ignore[arg-type]


LOGITS = ModelSpec("head", "./head", labels="logits")
PLAIN = ModelSpec("plain", "./plain")


def test_labels_of_a_model_are_weak_labels_like_given_ones():
    models = FakeModels()
    asked = drain(rank_steps(query(LOGITS, PLAIN), models))
    assert models.asked == ["head"]
    values = drain(models.labels(LOGITS, Pool.numbered(ROWS), Settings())).values
    plain = ModelSpec("head", "./head")
    base = query(plain, PLAIN)
    given = RankingQuery(base.strong, base.weak, base.pool, weak_labels={"head": values})
    expected = drain(rank_steps(given, FakeModels()))
    ranked = by_name(asked)
    for candidate in expected.candidates:
        assert ranked[candidate.name].estimates == candidate.estimates
    assert ranked["head"].estimates["misfit"].value is not None
    assert ranked["plain"].estimates["misfit"].value is None
    assert ranked["head"].warnings[-1] == "warned by the model"
    assert asked.evidence == expected.evidence


def test_layers_of_one_model_share_its_labels():
    models = FakeModels()
    found = drain(rank_steps(query(ModelSpec("head", "./head", "1,2", labels="logits")), models))
    assert models.asked == ["head"]
    assert [c.estimates["misfit"].value for c in found.candidates if c.estimates["misfit"].value is None] == []


def test_a_model_that_cannot_label_is_one_failed_row():
    broken = ModelSpec("broken", "./broken", "1,2", labels="logits")
    found = drain(rank_steps(query(broken, LOGITS, PLAIN), FakeModels()))
    (failed,) = [c for c in found.candidates if c.status == "failed"]
    assert (failed.name, failed.error.reason) == ("broken", "NO_CLASSIFIER")
    assert sorted(c.name for c in found.candidates if c.status == "ok") == ["head", "plain"]


def test_labels_that_do_not_fit_the_gold_classes_are_the_candidates_own_error():
    three = Labels.of(["a", "b", "c"] * 10 + [None] * 30)
    found = drain(rank_steps(query(LOGITS, PLAIN, labels=three), FakeModels()))
    (failed,) = [c for c in found.candidates if c.status == "failed"]
    assert (failed.name, failed.error.reason) == ("head", "COLUMNS_DIFFER")


def test_class_names_of_the_model_decide_which_column_is_which():
    gold = Labels.of([*(["no", "yes"] * 15), *[None] * 30])
    named = drain(rank_steps(query(LOGITS, labels=gold), FakeModels(("YES", "NO")))).candidates[0]
    values = drain(FakeModels().labels(LOGITS, Pool.numbered(ROWS), Settings())).values
    plain = query(ModelSpec("head", "./head"), labels=gold)
    given = RankingQuery(plain.strong, plain.weak, plain.pool, gold, {"head": values[:, ::-1]}, plain.settings)
    expected = drain(rank_steps(given, FakeModels())).candidates[0]
    assert named.estimates == expected.estimates


def test_a_source_of_arrays_alone_reports_that_it_reads_no_models():
    class Arrays:
        features = FakeModels().features

    found = drain(rank_steps(query(LOGITS, PLAIN), Arrays()))
    (failed,) = [c for c in found.candidates if c.status == "failed"]
    assert failed.error.reason == "ARRAYS_ONLY"
    assert "only arrays are read here" in failed.error.message


def test_words_and_prompt_stand_in_the_provenance():
    asked = query(LOGITS, label_prompt=LabelPrompt(("no", "yes"), "{text}?"), refine="linear")
    request = drain(rank_steps(asked, FakeModels())).provenance.request
    assert request["label_prompt"] == {"words": ("no", "yes"), "template": "{text}?"}
    assert request["refine"] == "linear"
    assert request["weak"] == ["head=./head#labels=logits"]
