"""Every message survives a round trip, with every field set and with every optional field absent."""

import json
from dataclasses import fields, replace

import numpy as np
import pytest
from google.protobuf.message import Message

from predictor.calibration import calibration
from predictor.calibration.backtest import Backtest
from predictor.calibration.fit import Line
from predictor.errors import InputError
from predictor.outcomes import outcome
from predictor.query import labels, pool
from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.query import RankingQuery
from predictor.query.settings import Settings
from predictor.results import candidate, ranking
from predictor.results.candidate import Candidate, Estimate, Interval
from predictor.results.ranking import NullBand, Ranking
from predictor.steps import Progress
from protos import convert
from protos.w2s.v1 import calibration_pb2, query_pb2, ranking_pb2
from tests.protos.samples import (
    full_calibration,
    full_candidate,
    full_job,
    full_outcome,
    full_progress,
    full_query,
    full_ranking,
)


def _unset(message: Message, path: str = "") -> list[str]:
    """Every field of the message, and of those inside, that has no value or its default."""
    missing = []
    for field in message.DESCRIPTOR.fields:
        value, name = getattr(message, field.name), f"{path}.{field.name}"
        if field.is_repeated:
            inner = [value[key] for key in value] if _is_map(field) else list(value)
            if not inner:
                missing.append(name)
            missing += [lack for one in inner if isinstance(one, Message) for lack in _unset(one, name)]
        elif field.message_type is not None and not field.message_type.full_name.startswith("google."):
            missing += _unset(value, name) if message.HasField(field.name) else [name]
        elif not message.HasField(field.name) if field.has_presence else value == field.default_value:
            missing.append(name)
    return missing


def _is_map(field) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


@pytest.mark.parametrize(
    "message",
    [
        convert.query_to_proto(full_query()),
        convert.calibration_to_proto(full_calibration()),
        convert.ranking_to_proto(full_ranking()),
        convert.progress_to_proto(full_progress()),
        convert.job_to_proto(full_job()),
        convert.outcome_to_proto(full_outcome()),
    ],
    ids=lambda message: message.DESCRIPTOR.name,
)
def test_the_samples_set_every_field_of_every_message(message):
    excluded = {
        # A student labels nothing, and so does a candidate with --weak-labels. The server sets what was measured.
        # Describers read texts and label nothing; proxies go with one column, and these labels have three.
        "RankingQuery": [
            *(".strong.labels", ".weak.labels", ".weak.labels", ".calibration"),
            *(".describers.values", ".describers.labels", ".proxies", ".past_outcomes"),
        ],
        # The server adds what was asked as it was stored, where a call asks for it.
        "Job": [".query"],
        # A fit of accuracy has no error as predicted.
        "Calibration": [".fits.backtest.mae_as_predicted"],
    }
    unset = [name for name in _unset(message) if not name.endswith(".part")]  # that is set instead of contents
    assert unset == excluded.get(message.DESCRIPTOR.name, [])


@pytest.mark.parametrize(
    ("noun", "message"),
    [
        (RankingQuery, query_pb2.RankingQuery),
        (ModelSpec, query_pb2.ModelSpec),
        (Settings, query_pb2.Settings),
        (Progress, ranking_pb2.Progress),
        (pool.Pool, query_pb2.Pool),
        (labels.Labels, query_pb2.Labels),
        (ranking.Ranking, ranking_pb2.Ranking),
        (ranking.StrongModel, ranking_pb2.StrongModel),
        (candidate.Candidate, ranking_pb2.Candidate),
        (candidate.Estimate, ranking_pb2.Estimate),
        (candidate.Interval, ranking_pb2.Interval),
        (candidate.Failure, ranking_pb2.Failure),
        (ranking.NullBand, ranking_pb2.NullBand),
        (ranking.Provenance, ranking_pb2.Provenance),
        (outcome.Outcome, calibration_pb2.Outcome),
        (calibration.Calibration, calibration_pb2.Calibration),
        (calibration.Fit, calibration_pb2.CalibrationFit),
        (Line, calibration_pb2.CalibrationLine),
        (Backtest, calibration_pb2.CalibrationBacktest),
    ],
    ids=lambda kind: getattr(kind, "__name__", ""),
)
def test_a_message_has_the_fields_of_its_noun(noun, message):
    server_side = {"calibration", "past_outcomes"} if noun is RankingQuery else set()
    assert {f.name for f in fields(noun)} == {f.name for f in message.DESCRIPTOR.fields} - {
        "key_order",
        "part",
    } - server_side


def test_a_query_with_every_field_survives_the_round_trip():
    asked = full_query()
    message = convert.query_to_proto(asked)
    back = convert.query_from_proto(query_pb2.RankingQuery.FromString(message.SerializeToString()))
    assert back.settings == asked.settings
    assert (back.pool.ids, back.pool.texts) == (asked.pool.ids, asked.pool.texts)
    for mine, theirs in zip((back.strong, *back.weak), (asked.strong, *asked.weak), strict=True):
        assert (mine.name, mine.reference, mine.layer, mine.pooling, mine.about) == (
            theirs.name,
            theirs.reference,
            theirs.layer,
            theirs.pooling,
            theirs.about,
        )
        assert mine.values.dtype == theirs.values.dtype
        np.testing.assert_array_equal(mine.values, theirs.values)
    np.testing.assert_array_equal(back.labels.targets, asked.labels.targets)
    assert (back.labels.kind, back.labels.classes) == (asked.labels.kind, asked.labels.classes)
    assert list(back.weak_labels) == list(asked.weak_labels)
    for name, values in asked.weak_labels.items():
        assert back.weak_labels[name].dtype == values.dtype
        np.testing.assert_array_equal(back.weak_labels[name], values)
    assert convert.query_to_proto(back) == message


def test_a_query_with_nothing_optional_has_every_default():
    bare = RankingQuery(ModelSpec("s", "./s"), (ModelSpec("w", "./w"),), Pool.numbered(3))
    back = convert.query_from_proto(convert.query_to_proto(bare))
    assert back.settings == Settings()
    assert (back.labels, back.weak_labels, back.pool.texts) == (None, {}, ())
    assert (back.strong.layer, back.strong.pooling, back.strong.values) == (None, None, None)


def test_absent_settings_take_the_defaults_of_the_predictor():
    message = convert.query_to_proto(full_query())
    message.ClearField("settings")
    message.weak[2].ClearField("labels")  # which would need words
    assert convert.query_from_proto(message).settings == Settings()


@pytest.mark.parametrize("variant", ["full", "bare", "failed"])
def test_a_ranking_prints_the_same_json_after_the_round_trip(variant):
    ranking = {"full": full_ranking, "bare": _bare_ranking, "failed": _failed_ranking}[variant]()
    message = convert.ranking_to_proto(ranking)
    back = convert.ranking_from_proto(type(message).FromString(message.SerializeToString()))
    assert back.to_json() == ranking.to_json()
    assert convert.ranking_to_proto(back) == message


def test_whole_numbers_of_the_request_come_back_as_whole_numbers():
    request = convert.ranking_from_proto(convert.ranking_to_proto(full_ranking())).provenance.request
    assert json.dumps(request["seed"]) == "7"
    assert request["share"] == 0.125
    assert request["flags"]["z"] is True


def test_a_ranking_without_key_order_reads_alphabetically():
    message = convert.ranking_to_proto(full_ranking())
    del message.key_order[:]
    back = convert.ranking_from_proto(message)
    assert list(back.candidates[0].estimates) == ["alpha", "zeta"]
    assert list(back.provenance.request) == ["flags", "seed", "share", "strong", "weak"]


def test_a_job_survives_the_round_trip():
    job = full_job()
    back = convert.job_from_proto(convert.job_to_proto(job))
    assert back.to_dict() == job.to_dict()
    assert type(back.error) is InputError
    assert back.created == job.created


def test_a_job_with_nothing_optional_survives_the_round_trip():
    job = replace(full_job(), error=None, progress=None, ranking=None, repeat_of=None, state="QUEUED")
    assert convert.job_from_proto(convert.job_to_proto(job)).to_dict() == job.to_dict()


def test_progress_survives_the_round_trip():
    assert convert.progress_from_proto(convert.progress_to_proto(full_progress())) == full_progress()


def test_an_outcome_survives_the_round_trip_with_every_field_and_with_none():
    for asked in (full_outcome(), outcome.Outcome("t", "s", "w", w2s_accuracy=0.5)):
        message = convert.outcome_to_proto(asked)
        back = convert.outcome_from_proto(type(message).FromString(message.SerializeToString()))
        assert (back, back.id) == (asked, asked.id)


def test_a_calibration_survives_the_round_trip():
    message = convert.calibration_to_proto(full_calibration())
    back = convert.calibration_from_proto(type(message).FromString(message.SerializeToString()))
    assert back == full_calibration()


def test_a_calibration_that_knows_no_candidate_and_no_order_survives_it_too():
    whole = full_calibration()
    tested = replace(whole.fits[1].backtest, order=None, order_as_predicted=None)
    bare = replace(whole, fits=(replace(whole.fits[1], backtest=tested, random_effects={}),))
    assert convert.calibration_from_proto(convert.calibration_to_proto(bare)) == bare


def test_a_fit_that_does_not_say_what_goes_in_is_of_before_it_did():
    message = convert.calibration_to_proto(full_calibration())
    for fit in message.fits:
        fit.ClearField("given")
    assert [fit.given for fit in convert.calibration_from_proto(message).fits] == ["gain", "value", "gain"]
    message.fits[0].given = "luck"
    with pytest.raises(InputError, match="given of a fit is 'luck'; it must be one of value, gain, accuracy_gain"):
        convert.calibration_from_proto(message)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda m: m.ClearField("unit"), "unit of an outcome is 0; it must be one of label variance, log-loss, error"),
        (lambda m: m.ClearField("label_form"), "label_form of an outcome is 0; it must be one of soft, hard"),
        (lambda m: m.ClearField("task"), "task of an outcome is empty"),
        (lambda m: m.predicted.add(estimator="truth_posterior"), "names an estimator twice, or none"),
        (lambda m: m.predicted.add(), "names an estimator twice, or none"),
        (lambda m: setattr(m, "weak_accuracy", float("nan")), "weak_accuracy of an outcome is nan"),
        (lambda m: setattr(m, "seeds", 0), "seeds of an outcome is 0"),
    ],
)
def test_an_outcome_that_is_none_is_refused(change, text):
    message = convert.outcome_to_proto(full_outcome())
    change(message)
    with pytest.raises(InputError, match=text):
        convert.outcome_from_proto(message)


def test_an_outcome_that_is_no_unicode_is_refused_before_it_is_sent():
    with pytest.raises(InputError, match="an outcome cannot be sent"):
        convert.outcome_to_proto(replace(full_outcome(), task="\ud800"))


def _bare_ranking() -> Ranking:
    bare = Candidate("c", "ok", estimates={"e": Estimate(None, "lower")}, predicted_gain=Interval(None, None, None, ""))
    return replace(full_ranking(), candidates=(bare,), null=NullBand(), warnings=())


def _failed_ranking() -> Ranking:
    failed = Candidate("broken", "failed", error=full_candidate().error)
    return replace(full_ranking(), candidates=(full_candidate(), failed))


def test_proxies_survive_the_wire_and_need_names():
    values = np.array([0.5, -1.0, 2.0])
    asked = RankingQuery(
        ModelSpec("s", "array:s.npy"),
        (ModelSpec("w", "array:w.npy"),),
        Pool.of(["a", "b", "c"]),
        proxies={"length": values},
    )
    message = convert.query_to_proto(asked)
    back = convert.query_from_proto(message)
    assert list(back.proxies) == ["length"]
    np.testing.assert_array_equal(back.proxies["length"], values)
    message.proxies.append(message.proxies[0])
    with pytest.raises(InputError, match="a name of its own"):
        convert.query_from_proto(message)


def test_descriptions_and_describers_survive_the_wire():
    asked = full_query()
    back = convert.query_from_proto(convert.query_to_proto(asked))
    assert back.descriptions == asked.descriptions
    assert [one.as_given for one in back.describers] == [one.as_given for one in asked.describers]
