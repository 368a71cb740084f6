"""`w2s ls estimators` says of each what it needs, what it predicts and where it stands."""

from __future__ import annotations

import json

from client.cli.__main__ import main
from predictor.estimators.protocol import predicted
from predictor.estimators.registry import ESTIMATORS
from predictor.intake.describing import DEFAULT
from predictor.query.model_spec import read_spec


def test_every_estimator_reports_what_it_needs_predicts_and_rests_on(capsys):
    assert main(["ls", "estimators"]) == 0
    shown = capsys.readouterr().out
    for name, one in ESTIMATORS.items():
        needs = one.evidence.name.replace("_", " ")
        assert f"\n{name}  ({one.better} is better; needs {needs}; predicts " in "\n" + shown
        assert f"    {one.source}\n" in shown
    assert "misfit  (higher is better; needs weak labels; predicts the gain)" in shown
    assert "combined  (lower is better; needs representations; predicts the W2S error and the gain)" in shown
    assert "logme  (higher is better; needs few labels; predicts the weak model's own error)" in shown
    assert "gain_bounds  (higher is better; needs weak labels; predicts no order)" in shown


def test_the_same_stands_in_its_json(capsys):
    assert main(["ls", "estimators", "--json"]) == 0
    found = {one["name"]: one for one in json.loads(capsys.readouterr().out)}
    assert set(found) == set(ESTIMATORS)
    assert {name: one["predicts"] for name, one in found.items()} == {n: predicted(e) for n, e in ESTIMATORS.items()}
    assert found["combined"]["forecasts"] is True
    assert found["cka"]["forecasts"] is False


def test_describers_are_listed_as_they_are_typed(capsys):
    """Every one can be given to --describer as it is; the default comes first."""
    assert main(["ls", "describers"]) == 0
    shown = capsys.readouterr().out
    assert main(["ls", "describers", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert all(f"--describer {one['describer']}\n" in shown for one in found)
    assert found[0]["name"] == DEFAULT
    specs = [read_spec(one["describer"]) for one in found]
    assert [spec.labels for spec in specs] == ["words" if one["by"] == "words" else None for one in found]
    assert all(spec.needs_rows for spec in specs)
