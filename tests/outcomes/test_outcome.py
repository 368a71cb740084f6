"""Outcomes: what they hold, what is refused, and where they are read from."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from predictor.errors import InputError
from predictor.outcomes.outcome import Outcome, outcomes_of, predictions_in

FULL = Outcome(
    task="news",
    strong="./mpnet#layer=8",
    weak="small=./minilm#layer=3",
    recipe="lora",
    loss="xent",
    label_form="hard",
    unit="log-loss",
    weak_error=0.6,
    w2s_error=0.5,
    ceiling_error=0.35,
    weak_accuracy=0.7,
    w2s_accuracy=0.75,
    ceiling_accuracy=0.8,
    standard_error=0.01,
    seeds=3,
    rows=800,
    measured_on="2025-03-31",
    origin="runs/17",
    predicted={"truth_posterior": {"value": 0.4, "gain": 0.05}},
)


def plain(weak: str, **changes: object) -> Outcome:
    return replace(Outcome("news", "strong", weak, w2s_error=0.5), **changes)


def test_an_outcome_survives_json_with_every_field():
    assert all(getattr(FULL, one.name) != one.default for one in fields(Outcome))
    assert Outcome.of_json(FULL.to_json()) == FULL
    assert "\n" not in FULL.to_json()


def test_gain_points_and_pgr_by_hand():
    assert FULL.gain == pytest.approx(0.1)
    assert FULL.accuracy_gain == pytest.approx(5.0)
    assert FULL.pgr == pytest.approx(0.1 / 0.25)
    assert replace(FULL, weak_error=None).pgr == pytest.approx(0.5)


def test_pgr_does_not_exist_where_the_ceiling_does_not_beat_the_weak_model():
    assert replace(FULL, ceiling_error=0.6).pgr is None
    assert replace(FULL, ceiling_error=0.7).pgr is None
    assert plain("a").pgr is plain("a").gain is plain("a").accuracy_gain is None


def test_the_id_is_of_the_figures_and_names_not_of_when_and_whence():
    assert replace(FULL, measured_on="", origin="elsewhere").id == FULL.id
    for name in ("task", "strong", "weak", "recipe", "loss"):
        assert replace(FULL, **{name: "other"}).id != FULL.id
    assert replace(FULL, predicted={}).id != FULL.id
    assert replace(FULL, w2s_error=0.51).id != FULL.id


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"task": ""}, "task of an outcome is empty"),
        ({"unit": "points"}, "unit of an outcome is 'points'; it must be one of label variance, log-loss, error rate"),
        ({"label_form": "firm"}, "label_form of an outcome is 'firm'; it must be one of soft, hard"),
        ({"weak_error": -0.1}, "weak_error of an outcome is -0.1; it must be a finite number of at least 0"),
        ({"w2s_error": float("nan")}, "w2s_error of an outcome is nan"),
        ({"weak_accuracy": 71.0}, "weak_accuracy of an outcome is 71.0; it must be a finite number from 0 to 1"),
        ({"seeds": 0}, "seeds of an outcome is 0; it must be a whole number of at least 1"),
        ({"rows": True}, "rows of an outcome is True"),
        ({"measured_on": "yesterday"}, "measured_on of an outcome is 'yesterday'; it must be a date"),
        ({"predicted": {"cka": {"value": None}}}, "predicted.cka.value of an outcome is None"),
        ({"w2s_error": None, "w2s_accuracy": None}, "w2s_error of an outcome is absent"),
    ],
)
def test_what_cannot_be_an_outcome_is_refused(changes, text):
    with pytest.raises(InputError, match=text):
        replace(FULL, **changes)


def test_json_with_a_strange_missing_or_mistyped_field_is_refused():
    raw = FULL.to_dict()
    with pytest.raises(InputError, match="colour of an outcome is no field"):
        Outcome.from_dict(raw | {"colour": "red"})
    with pytest.raises(InputError, match="weak of an outcome is missing"):
        Outcome.from_dict({key: value for key, value in raw.items() if key != "weak"})
    with pytest.raises(InputError, match="task of an outcome is 3; it must be a text"):
        Outcome.from_dict(raw | {"task": 3})
    with pytest.raises(InputError, match=r"this version reads w2s\.outcome\.v1"):
        Outcome.from_dict(raw | {"schema": "w2s.outcome.v9"})
    with pytest.raises(InputError, match="no JSON"):
        Outcome.of_json("{")
    with pytest.raises(InputError, match="must be a JSON object"):
        Outcome.of_json("[1]")


def test_a_validation_gives_one_outcome_a_candidate_with_what_was_predicted():
    mean = {"value": 0.5, "standard_error": 0.02}
    trained = {"name": "a", "weak_error": {"value": 0.7, "standard_error": None}, "w2s_error": mean, "gain": mean}
    validation = {
        "schema": "w2s.validation.v1",
        "task": "news.jsonl",
        "strong": "mpnet (layer 8)",
        "rows": 300,
        "splits": 12,
        "ceiling_error": {"value": 0.3, "standard_error": 0.01},
        "trained": [
            trained
            | {"weak_accuracy": {"value": 0.8}, "w2s_accuracy": {"value": 0.9}}
            | {"predicted": {"combined": {"value": 0.4, "gain": None}, "cka": {"gain": None}}},
            trained | {"name": "b", "weak_accuracy": None, "w2s_accuracy": None},
        ],
    }
    first, second = outcomes_of(validation, origin="out.json")
    assert (first.weak, first.weak_error, first.w2s_error, first.ceiling_error) == ("a", 0.7, 0.5, 0.3)
    assert (first.weak_accuracy, first.w2s_accuracy, first.standard_error) == (0.8, 0.9, 0.02)
    assert (first.seeds, first.rows, first.recipe, first.unit, first.origin) == (
        12, 300, "ridge", "label variance", "out.json",
    )  # fmt: skip
    assert first.predicted == {"combined": {"value": 0.4}}
    assert (second.weak, second.weak_accuracy, second.predicted) == ("b", None, {})
    with pytest.raises(InputError, match=r"read from w2s\.validation\.v1"):
        outcomes_of({"schema": "w2s.ranking.v1"})


def test_predictions_are_read_from_a_ranking_where_they_are_of_outcomes():
    def estimate(value: float | None, **details: float) -> dict[str, object]:
        return {"value": value, "details": details}

    estimates = {
        "truth_posterior": estimate(0.4, gain=0.1),
        "cka": estimate(0.8),
        "misfit_selection": estimate(None, gain=0.1),
    }
    ranking = {"schema": "w2s.ranking.v1", "candidates": [{"name": "a", "estimates": estimates}]}
    assert predictions_in(ranking, "a") == {"truth_posterior": {"value": 0.4, "gain": 0.1}}
    estimates["truth_posterior"] = estimate(0.4, gain=0.1, weak_accuracy=0.7, w2s_accuracy=0.745)
    assert predictions_in(ranking, "a")["truth_posterior"]["accuracy_gain"] == pytest.approx(4.5)
    with pytest.raises(InputError, match="no candidate 'b'; --weak must be one of a"):
        predictions_in(ranking, "b")
    with pytest.raises(InputError, match=r"read from w2s\.ranking\.v1"):
        predictions_in({"schema": "w2s.validation.v1"}, "a")


def test_an_estimator_that_reported_nothing_is_no_part_of_an_outcome():
    silent = replace(FULL, predicted={**FULL.predicted, "cka": {}})
    assert silent.id == FULL.id
    assert Outcome.of_json(silent.to_json()) == FULL
