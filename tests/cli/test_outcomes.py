"""`w2s outcomes`, `w2s calibrate` and `--calibration`, as real processes, here and against a real server."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import numpy as np
import pytest

from predictor.outcomes.outcome import Outcome
from tests.calibration.simulated import outcomes
from tests.cli.conftest import WEAK
from tests.service.running import RunningServer

RANK = ("predict", "--strong", "s.npy", *WEAK, "--labels", "classes.csv")


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("calibrating")) as running:
        yield running


@pytest.fixture(scope="session")
def past(tmp_path_factory) -> str:
    """A file of outcomes with predictions, of six tasks."""
    path = tmp_path_factory.mktemp("past") / "past.jsonl"
    path.write_text("".join(one.to_json() + "\n" for one in outcomes()))
    return str(path)


@pytest.fixture(scope="module", autouse=True)
def classes(arrays) -> None:
    """Gold labels as two classes, of every second row."""
    gold = np.load(arrays / "gold.npy")
    rows = [f"{row},{'yes' if value > 0 else 'no'}" for row, value in enumerate(gold) if np.isfinite(value)]
    (arrays / "classes.csv").write_text("id,label\n" + "\n".join(rows) + "\n")


def test_a_run_is_added_by_flags_with_what_a_ranking_had_predicted(run, tmp_path):
    ranked = tmp_path / "ranking.json"
    assert run(*RANK, "-o", str(ranked)).returncode == 0
    words = ("--task", "t", "--strong", "s.npy", "--weak", "half", "--weak-accuracy", "0.7", "--w2s-accuracy", "0.75")
    more = ("--w2s-error", "0.5", "--recipe", "lora", "--seeds", "3", "--measured-on", "2025-03-31")
    done = run("outcomes", "add", *words, *more, "--ranking", str(ranked), "--predicted", "mine=0.4,0.1")
    assert (done.returncode, done.stdout) == (0, "1 outcome(s) recorded, 0 known before\n")
    assert run("outcomes", "add", *words, *more, "--ranking", str(ranked), "--predicted", "mine=0.4,0.1").stdout == (
        "0 outcome(s) recorded, 1 known before\n"
    )
    (stored,) = json.loads(run("outcomes", "ls", "--json").stdout)
    one = Outcome.from_dict({key: value for key, value in stored.items() if key != "id"})
    assert (one.id, one.recipe, one.seeds, one.w2s_error) == (stored["id"], "lora", 3, 0.5)
    half = next(c for c in json.loads(ranked.read_text())["candidates"] if c["name"] == "half")
    reported = half["estimates"]["truth_posterior"]
    gained = 100 * (reported["details"]["w2s_accuracy"] - reported["details"]["weak_accuracy"])
    assert one.predicted["truth_posterior"] == {
        "value": reported["value"],
        "gain": reported["details"]["gain"],
        "accuracy_gain": pytest.approx(gained),
    }
    assert one.predicted["mine"] == {"value": 0.4, "gain": 0.1}
    shown = run("outcomes", "ls").stdout.splitlines()
    assert shown[0].split()[:3] == ["task", "strong", "recipe"]
    assert "+5.0" in shown[1]
    assert run("outcomes", "ls", "--recipe", "ridge").stdout == "no outcomes are stored\n"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--task", "t"), "--strong is missing"),
        (("--task", "t", "--strong", "s", "--weak", "w"), "w2s_error of an outcome is absent"),
        (("--task", "t", "--strong", "s", "--weak", "w", "--w2s-accuracy", "75"), "w2s_accuracy of an outcome is 75.0"),
        (("--task", "t", "--strong", "s", "--weak", "w", "--predicted", "x=y"), "give ESTIMATOR=ERROR,GAIN"),
        (("--task", "t", "--strong", "s", "--weak", "w", "--ranking", "s.npy"), "s.npy is no JSON"),
        (("gone.json",), "gone.json does not exist"),
    ],
)
def test_what_is_no_outcome_is_refused_in_one_line(run, words, text):
    done = run("outcomes", "add", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("w2s: error: ")
    assert text in done.stderr


def test_a_ranking_without_that_candidate_is_refused(run, tmp_path):
    run(*RANK, "-o", str(tmp_path / "r.json"))
    words = ("--task", "t", "--strong", "s", "--weak", "nobody", "--w2s-error", "0.5")
    done = run("outcomes", "add", *words, "--ranking", str(tmp_path / "r.json"))
    assert done.returncode == 2
    assert "no candidate 'nobody'; --weak must be one of" in done.stderr


def test_an_import_reports_what_it_read_and_what_it_could_not_use(run, past, tmp_path):
    done = run("outcomes", "import", past, "--json")
    assert json.loads(done.stdout) == {"recorded": 30, "repeated": 0, "unpaired": [], "notes": []}
    assert "read as a table of outcomes: 30 outcome(s)" in done.stderr
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / "a_b.results_summary.json").write_text('{"weak_acc": 0.7, "transfer_acc_xent": 0.75}')
    lost = run("outcomes", "import", str(tmp_path / "sweep"))
    assert lost.returncode == 2
    assert "its task is not recorded; name it with --task." in lost.stderr
    assert run("outcomes", "import", str(tmp_path / "sweep"), "--task", "sciq").stdout.startswith(
        "1 outcome(s) recorded"
    )


def test_a_calibration_is_fitted_shown_listed_and_used(run, past):
    refused = run("calibrate", "past")
    assert refused.returncode == 2
    assert "needs outcomes with predictions from at least 4 tasks, and there are 0" in refused.stderr
    run("outcomes", "import", past)
    done = run("calibrate", "past")
    assert done.returncode == 0, done.stderr
    first = done.stdout.splitlines()[0]
    assert first.startswith("past@")
    assert first.endswith("· recipe ridge · 6 tasks: task 0, task 1, task 2, task 3, task 4, task 5")
    assert re.search("truth_posterior +gain in accuracy", done.stdout)
    assert run("calibrate", "past", "--show").stdout == done.stdout
    assert json.loads(run("calibrate", "past", "--json").stdout)["schema"] == "w2s.calibration.v1"
    listed = run("calibrate", "--ls")
    assert "\npast  " in listed.stdout, listed.stderr
    assert run("calibrate").returncode == 2
    plain, found = (json.loads(run(*RANK, *more, "--json").stdout) for more in ((), ("--calibration", "past")))
    assert (plain["evidence"], found["evidence"]) == ("few_labels", "calibrated")
    assert found["schema"] == "w2s.ranking.v1"
    assert [c["name"] for c in found["candidates"]] == [c["name"] for c in plain["candidates"]]
    assert {c["predicted_gain"]["unit"] for c in found["candidates"]} == {"accuracy points"}
    assert found["provenance"]["request"]["calibration"] in first
    assert found["provenance"]["request"]["command"][-2:] == ["--calibration", "past"]
    shown = run(*RANK, env={"W2S_CALIBRATION": "past"}).stdout
    assert "gain, points" in shown
    assert "measured outcomes of earlier runs of this kind" in shown
    assert "there is no calibration 'other'" in run(*RANK, "--calibration", "other").stderr
    assert run(*RANK, "--calibration", "other").returncode == 2


def test_validate_records_what_calibrate_can_use(run, tmp_path, arrays):
    gold = np.load(arrays / "gold.npy")
    rng = np.random.default_rng(0)
    rows = [
        json.dumps(
            {"id": str(row), "text": "x", "label": "yes" if (0 if np.isnan(v) else v) + rng.normal() > 0 else "no"}
        )
        for row, v in enumerate(gold)
    ]
    out = tmp_path / "out.json"
    for number in range(4):
        (tmp_path / f"task{number}.jsonl").write_text("\n".join(rows) + "\n")
        words = ("--task", str(tmp_path / f"task{number}.jsonl"), "--splits", "2", "--seed", str(number), "--record")
        done = run("validate", "--strong", "s.npy", *WEAK, *words, "-o", str(out))
        assert done.returncode == 0, done.stderr
        assert "recorded 3 outcome(s)" in done.stderr
    assert "0 outcome(s) recorded, 3 known before" in run("outcomes", "add", str(out)).stdout
    fitted = json.loads(run("calibrate", "heads", "--json").stdout)
    assert {fit["estimator"] for fit in fitted["fits"]} == {
        "truth_posterior",
        "consensus_truth",
        "truth",
    }
    assert json.loads(run(*RANK, "--calibration", "heads", "--json").stdout)["evidence"] == "calibrated"


def test_a_server_stores_outcomes_and_calibrations_of_its_own(run, server, past):
    at = ("--server", server.address)
    assert json.loads(run("outcomes", "import", past, "--json", *at).stdout)["recorded"] == 30
    assert json.loads(run("outcomes", "import", past, "--json", *at).stdout)["repeated"] == 30
    assert run("outcomes", "ls").stdout == "no outcomes are stored\n"
    run("outcomes", "import", past)
    assert run("outcomes", "ls", "--json", *at).stdout == run("outcomes", "ls", "--json").stdout
    assert run("outcomes", "ls", "--task", "task 3", *at).stdout == run("outcomes", "ls", "--task", "task 3").stdout
    here, there = run("calibrate", "past", "--json"), run("calibrate", "past", "--json", *at)
    assert there.stdout == here.stdout
    assert run("calibrate", "past", "--show", *at).stdout == run("calibrate", "past", "--show").stdout
    assert run("calibrate", "--ls", *at).stdout == run("calibrate", "--ls").stdout
    assert run(*RANK, "--calibration", "past", *at).stdout == run(*RANK, "--calibration", "past").stdout
    missing = [run(*RANK, "--calibration", "none", *more) for more in ((), at)]
    assert [one.returncode for one in missing] == [2, 2]
    assert missing[0].stderr.splitlines()[-1] == missing[1].stderr.splitlines()[-1]
