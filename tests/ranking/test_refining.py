"""Prompted refinement on its way into a ranking: who is relabelled, on which rows, and what becomes of it."""

import numpy as np
import pytest

from predictor.errors import InputError, RefusedError
from predictor.estimators.problem import Case, Refined, Representation
from predictor.estimators.somerstep2024 import Refinement, distance, route_gains, shared_contexts
from predictor.query.labels import Labels
from predictor.query.model_spec import ModelSpec
from predictor.query.prompt import LabelPrompt
from predictor.query.query import RankingQuery
from predictor.query.settings import Settings
from predictor.ranking.rank import rank_steps
from predictor.steps import Progress, drain
from tests.ranking.test_labelling import LOGITS, PLAIN, ROWS, FakeModels, query

WORDS = LabelPrompt(("no", "yes"))


class FakePrompted(FakeModels):
    """Fake strong model: its refined labels are the weak labels of the rows in context, averaged with the row's own."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, np.ndarray, list[np.ndarray]]] = []

    def refined(self, spec, pool, settings, weak_labels, contexts):
        self.seen.append((spec.name, weak_labels, list(contexts)))
        yield Progress(spec.name, "label", len(pool), len(pool))
        return tuple(0.5 * weak_labels + 0.5 * weak_labels[c].mean(axis=1) for c in contexts)


def test_contexts_are_shared_disjoint_balanced_and_never_hold_the_row_itself():
    classes = np.array([0] * 30 + [1] * 12 + [2] * 3)
    first, second = shared_contexts(classes, 6, np.random.default_rng(0))
    for row, (one, other) in enumerate(zip(first, second, strict=True)):
        assert row not in one
        assert row not in other
        assert not set(one) & set(other)
        assert len(set(one)) == len(set(other)) == 6
    assert len({tuple(c) for c in (*first, *second)}) == 3
    for batch in {tuple(c) for c in (*first, *second)}:
        counts = np.bincount(classes[list(batch)], minlength=3)
        assert counts.min() >= 1
        assert counts.max() <= 3
    again = shared_contexts(classes, 6, np.random.default_rng(0))
    np.testing.assert_array_equal(again[0], first)
    other = shared_contexts(classes, 6, np.random.default_rng(1))
    assert not np.array_equal(other[0], first)


def test_classes_that_run_out_leave_their_places_to_others():
    first, second = shared_contexts(np.array([0] * 11 + [1]), 4, np.random.default_rng(0))
    batches = {tuple(sorted(c)) for c in (*first, *second)}
    assert sorted(i for batch in batches for i in batch) == list(range(12))


def test_every_candidate_with_labels_is_relabelled_by_the_strong_model():
    source = FakePrompted()
    found = drain(rank_steps(query(LOGITS, PLAIN, refine="prompted", label_prompt=WORDS), source))
    ((name, weak, contexts),) = source.seen
    assert name == "s"
    assert weak.shape == (ROWS, 1)
    assert [c.shape for c in contexts] == [(ROWS, 8)] * 2
    refined = drain(FakePrompted().refined(ModelSpec("s", "./s"), [0] * ROWS, Settings(), weak, contexts))
    by_name = {c.name: c.estimates["refinement"] for c in found.candidates}
    expected = (distance(weak, refined[0]) + distance(weak, refined[1])) / 2 - distance(*refined)
    assert by_name["head"].value == pytest.approx(expected, abs=1e-6)
    assert by_name["head"].note.endswith(f"{ROWS} rows relabelled by prompts")
    assert by_name["plain"].value is None
    assert "--weak-labels" in by_name["plain"].note


def test_with_gold_rows_heads_are_relabelled_where_no_gold_label_is():
    gold = Labels.of([*(["no", "yes"] * 10), *[None] * 40])
    source = FakePrompted()
    found = drain(rank_steps(query(PLAIN, labels=gold, refine="prompted", label_prompt=WORDS), source))
    ((_, weak, _),) = source.seen
    assert weak.shape == (40, 1)
    details = found.candidates[0].estimates["refinement"].details
    assert {"gain_naive", "gain_refined", "retention"} <= set(details)


def test_the_rows_are_few_enough_to_be_read_and_drawn_by_the_seed(monkeypatch):
    monkeypatch.setattr("predictor.ranking.refining.MAX_ROWS", 30)
    sources = [FakePrompted() for _ in range(3)]
    for source, seed in zip(sources, (0, 0, 1), strict=True):
        drain(rank_steps(query(LOGITS, refine="prompted", label_prompt=WORDS, seed=seed), source))
    one, same, other = (source.seen[0] for source in sources)
    assert one[1].shape == (30, 1)
    np.testing.assert_array_equal(one[1], same[1])
    np.testing.assert_array_equal(one[2][0], same[2][0])
    assert not np.array_equal(one[1], other[1])


def test_what_cannot_be_relabelled_is_left_out_and_reports_so():
    numbers = Labels.of([0.37 * i for i in range(20)] + [None] * 40)
    base = query(PLAIN, refine="prompted", label_prompt=WORDS)
    with pytest.raises(InputError, match="the gold labels are numbers"):
        RankingQuery(base.strong, base.weak, base.pool, numbers, settings=base.settings)
    for given in (np.full(ROWS, 0.9), np.linspace(-4, 4, ROWS), np.full((ROWS, 3), 1 / 3)):
        asked = RankingQuery(base.strong, base.weak, base.pool, weak_labels={"plain": given}, settings=base.settings)
        source = FakePrompted()
        found = drain(rank_steps(asked, source)).candidates[0].estimates["refinement"]
        assert source.seen == []
        assert (found.value, found.note[:32]) == (None, "the strong model was not prompte")


def test_a_strong_model_that_cannot_be_prompted_ends_the_request():
    class Encoder(FakeModels):
        def refined(self, *_):
            raise RefusedError("no language model.", reason="NOT_PROMPTABLE")
            yield

    with pytest.raises(RefusedError, match="no language model"):
        drain(rank_steps(query(LOGITS, refine="prompted", label_prompt=WORDS), Encoder()))


def test_linear_refinement_asks_nobody():
    source = FakePrompted()
    found = drain(rank_steps(query(LOGITS, PLAIN, refine="linear"), source)).candidates
    assert source.seen == []
    assert {c.name: c.estimates["refinement"].value is not None for c in found} == {"head": True, "plain": False}
    assert "refinement" not in drain(rank_steps(query(LOGITS), source)).candidates[0].estimates


def test_refinement_can_make_the_order_though_it_has_no_null_of_its_own():
    source = FakePrompted()
    other = ModelSpec("other", "./other", labels="logits")
    asked = query(LOGITS, other, refine="prompted", label_prompt=WORDS, estimators=("refinement",))
    found = drain(rank_steps(asked, source))
    assert found.rank_by == "refinement"
    assert found.null.value is None
    values = [c.estimates["refinement"].value for c in found.candidates]
    assert values == sorted(values, reverse=True)


def test_the_estimate_is_taken_on_the_rows_that_were_relabelled():
    rng = np.random.default_rng(0)
    features = rng.standard_normal((50, 5))
    gold = (features[:, 0] > 0).astype(float)
    labels = Labels.of([*gold[:20], *[None] * 30])
    weak = rng.random((50, 1))
    one, two = (np.where(np.arange(50)[:, None] >= 30, rng.random((50, 1)), np.nan) for _ in range(2))
    case = Case(
        Representation("s", features),
        (Representation("w", rng.standard_normal((50, 3))),),
        labels,
        {"w": weak},
        refined={"w": Refined(one, two)},
    )
    (found,) = Refinement().estimate(case)
    w, a, b = weak[30:], one[30:], two[30:]
    assert found.value == pytest.approx((distance(w, a) + distance(w, b)) / 2 - distance(a, b))
    assert found.details["retention"] == np.mean((w > 0.5) == (a > 0.5))
    assert found.note.endswith("20 rows relabelled by prompts")
    assert ", by predicted gains; " in found.note
    truth, variance = Refinement()._truth(case, np.arange(30, 50))
    expected = route_gains(features[30:], w, a, truth, variance, case.rng("routes"))
    assert {k: found.details[k] for k in expected} == pytest.approx(expected)
    half = case.take(np.arange(10, 45))
    assert Refinement().estimate(half)[0].note.endswith("15 rows relabelled by prompts")
    assert Refinement().estimate(case.shuffled(rng))[0].value is None
