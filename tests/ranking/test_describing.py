"""Descriptions and proxies from the query to the order and the answer."""

from collections.abc import Sequence

import numpy as np
import pytest

from predictor.errors import InputError, UnavailableError
from predictor.intake.request import build_query
from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.settings import Settings
from predictor.query.source import FeatureSet, Predicted
from predictor.ranking.describing import similarities, voters_of
from predictor.ranking.rank import rank_steps
from predictor.results.ranking import Ranking
from predictor.statistics.arrays import Floats
from predictor.steps import Progress, Steps, drain
from predictor.store.arrays import ArraySource
from tests.estimators.cases import task, teachers

ROWS = 200


class Source(ArraySource):
    """Arrays, and describers that place texts by a number in them; those called `broken` fail."""

    def __init__(self, noise: float = 0.5) -> None:
        self.noise = noise
        self.asked: list[tuple[str, str | None, str | None, int]] = []

    def features(self, spec: ModelSpec, pool: Pool, settings: Settings) -> Steps[tuple[FeatureSet, ...]]:
        if spec.values is not None:
            return (yield from super().features(spec, pool, settings))
        if spec.name == "broken":
            raise UnavailableError("it is not here.", reason="MODEL_UNAVAILABLE")
        self.asked.append((spec.name, settings.layer, settings.pooling, len(pool)))
        place = np.array([float(text.split()[-1]) for text in pool.texts])
        place += self.noise * np.random.default_rng(len(pool)).normal(size=len(pool)) * (len(pool) == ROWS)
        values = np.stack([np.ones_like(place), place], axis=1).astype(np.float32)
        return (FeatureSet(spec.name, values, str(spec.layer), "f" * 64),)


STRONG, WEAK = teachers((0.1, 0.6, 2.5), ROWS)
VALUES = task(STRONG)
GIVEN = {
    "strong": STRONG.features,
    "weak": {one.name: one.features for one in WEAK},
    "pool": [f"row {value}" for value in VALUES],
    "describe": {"low": "at -1", "high": ["at 1", "at 2"]},
}


def ranked(source: Source, describers: Sequence[str] = ("reader=./encoder",), **changes: object) -> Ranking:
    return drain(rank_steps(build_query(**(GIVEN | changes), describers=list(describers)), source))  # type: ignore[arg-type]


class LanguageModel(Source):
    """Fake language model: it finds the texts of the upper end the likelier, the larger a row's number."""

    def labels(self, spec: ModelSpec, pool: Pool, settings: Settings) -> Steps[Predicted]:
        assert settings.label_prompt is not None
        self.words = settings.label_prompt.words
        yield Progress(spec.name, "label", len(pool), len(pool))
        upper = 1.0 / (1.0 + np.exp(-np.array([float(text.split()[-1]) for text in pool.texts])))
        return Predicted(np.stack([1.0 - upper, 0.7 * upper, 0.3 * upper], axis=1))

    def refined(self, *asked: object) -> Steps[tuple[Floats, ...]]:
        raise AssertionError("nobody asked for this")


def test_similarities_point_to_the_second_class_and_ignore_length():
    rows, low, high = np.array([[1.0, 0.0], [0.0, 5.0]]), np.array([[2.0, 0.0]]), np.array([[0.0, 1.0], [0.0, 3.0]])
    found = similarities(rows, [low, high])
    np.testing.assert_allclose(found, [[-1.0], [1.0]])
    several = similarities(np.eye(3), [np.eye(3)[i : i + 1] for i in range(3)])
    assert several.shape == (3, 3)
    np.testing.assert_allclose(several.sum(axis=1), 0.0, atol=1e-12)
    assert list(several.argmax(axis=1)) == [0, 1, 2]


def test_descriptions_make_the_order_and_are_reported():
    source = Source()
    found = ranked(source, layer="3", pooling="cls")
    assert found.evidence == "descriptions"
    assert [one.name for one in found.candidates] == ["t0", "t1", "t2"]
    (use,) = found.evidence_kinds
    assert (use.kind, use.name, use.weight, use.gold_correlation) == ("description", "reader", 1.0, None)
    assert "descriptions, 100% of the vote: reader" in str(found)
    assert source.asked == [("reader", "last", "mean", ROWS), ("reader", "last", "mean", 3)]
    assert Ranking.from_dict(found.to_dict()) == found
    request = found.provenance.request
    assert (request["descriptions"], request["describers"]) == (
        {"low": ["at -1"], "high": ["at 1", "at 2"]},
        ["reader=./encoder"],
    )


def test_gold_labels_show_what_a_description_is_worth():
    gold = np.where(np.arange(ROWS) < 60, VALUES, np.nan)
    good, bad = (ranked(Source(noise), labels=gold) for noise in (0.2, 1e6))
    assert good.evidence == bad.evidence == "few_labels"
    assert (good.evidence_kinds[0].gold_correlation or 0.0) > 0.6
    assert "trusted little" in " ".join(str(bad).split())
    assert "trusted little" not in " ".join(str(good).split())


def test_describer_that_fails_is_a_warning_beside_another_and_else_an_error():
    found = ranked(Source(), ("reader=./encoder", "broken=./broken"))
    assert any(text.startswith("describer 'broken' was left out: it is not here.") for text in found.warnings)
    with pytest.raises(InputError, match=r"'broken' failed: it is not here.*--describer MODEL"):
        ranked(Source(), ("broken=./broken",))


def test_proxies_vote_beside_descriptions():
    query = build_query(**GIVEN, describers=["reader=./encoder"], proxies={"own": VALUES})  # type: ignore[arg-type]
    voters, warnings = drain(voters_of(query, Source()))
    assert voters is not None
    assert not warnings
    assert (voters.names, voters.kinds) == (("reader", "own"), ("description", "proxy"))
    np.testing.assert_array_equal(voters.scores[:, 1, 0], VALUES)


def test_another_estimator_reports_that_it_does_not_use_them():
    found = ranked(Source(), estimators=["label_prior_simulation"])
    assert any("did not make the order: label_prior_simulation" in text for text in found.warnings)
    assert (found.evidence, found.evidence_kinds) == ("representations", ())


def test_stages_have_descriptions_and_proxies():
    """Describers read all rows once; the models read the budget, and the first choice is that of all rows."""
    source, own = Source(), VALUES + np.random.default_rng(6).normal(size=ROWS)
    found = ranked(source, budget=0.8, proxies={"own": own})
    assert source.asked == [("reader", "last", "mean", ROWS), ("reader", "last", "mean", 3)]
    assert found.rows == 160
    assert [one.kind for one in found.evidence_kinds] == ["description", "proxy"]
    assert found.best().name == ranked(Source(), proxies={"own": own}).best().name


def test_finished_teachers_are_compared_with_gold_labels():
    """Given weak labels of teachers trained elsewhere and gold labels of few rows, the better teacher comes first."""
    rng = np.random.default_rng(4)
    errors = (0.2, 0.8, 2.0)
    given = {one.name: VALUES + size * rng.normal(size=ROWS) for one, size in zip(WEAK, errors, strict=True)}
    query = build_query(
        strong=STRONG.features,
        weak={one.name: one.features for one in WEAK},
        weak_labels=given,
        labels=np.where(np.arange(ROWS) < 40, VALUES, np.nan),
    )
    found = drain(rank_steps(query, ArraySource()))
    assert [one.name for one in found.candidates] == ["t0", "t1", "t2"]
    assert {one.kind for one in found.evidence_kinds} == {"weak"}
    assert found.candidates[0].estimates["combined"].note == "from truth"


def test_a_language_model_describes_by_the_probability_of_the_words():
    """`#labels=words` asks for the texts themselves; those of one class are added up, and the order is as good."""
    source = LanguageModel()
    query = build_query(**GIVEN, describers=["reader=./model#labels=words"])  # type: ignore[arg-type]
    voters, warnings = drain(voters_of(query, source))
    assert source.words == ("at -1", "at 1", "at 2")
    assert voters is not None
    assert (voters.scores.shape, warnings) == ((ROWS, 1, 1), ())
    assert np.corrcoef(voters.scores[:, 0, 0], VALUES)[0, 1] > 0.8
    assert np.mean(voters.scores) == pytest.approx(0.0, abs=1e-12)


def test_a_classifier_is_no_describer():
    with pytest.raises(InputError, match="reads no descriptions; name a sentence encoder, or a language model as"):
        build_query(**GIVEN, describers=["reader=./model#labels=logits"])  # type: ignore[arg-type]


def test_cosines_of_many_classes_become_probabilities():
    """Of ten classes, they go with the labels better than cosines do, and vary by a quarter of what these do."""
    rng = np.random.default_rng(3)
    texts, named = rng.standard_normal((10, 24)), rng.integers(10, size=600)
    rows = texts[named] + 1.5 * rng.standard_normal((600, 24))
    found, labels = similarities(rows, list(texts[:, None])), np.eye(10)[named] - np.eye(10)[named].mean(axis=0)
    unit_rows, unit_texts = (one / np.linalg.norm(one, axis=1, keepdims=True) for one in (rows, texts))
    cosines = unit_rows @ unit_texts.T
    cosines = cosines - cosines.mean(axis=0)
    fits = [np.corrcoef(one.ravel(), labels.ravel())[0, 1] for one in (found, cosines - cosines.mean(axis=1)[:, None])]
    assert fits[0] > fits[1] + 0.05
    np.testing.assert_allclose(found.sum(axis=1), 0.0, atol=1e-12)
    assert np.sum(np.var(found, axis=0)) == pytest.approx(0.25 * np.sum(np.var(labels, axis=0)), rel=0.05)
    assert not similarities(np.ones((5, 3)), [np.ones((1, 3))] * 3).any()
