"""`w2s predict`: arrays in, table or JSON out, and exit codes that scripts can trust."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

from predictor.results.ranking import Ranking
from tests.cli.conftest import ROWS, WEAK

RANKING = {
    *("schema", "rank_by", "evidence", "rows", "rows_sha256", "strong", "candidates", "null", "provenance"),
}
CANDIDATE = {
    *("name", "status", "rank", "rank_low", "rank_high", "p_best", "tie_group"),
    *("predicted_w2s_error", "predicted_gain", "predicted_pgr"),
    *("estimates", "diagnostics", "warnings", "timings", "error"),
}


def test_the_json_has_every_key_of_the_contract_and_reads_back(process, tmp_path):
    done = process("predict", "--strong", "s.npy", *WEAK, "gone=none.npy", "--json", "-o", str(tmp_path / "out.json"))
    assert done.returncode == 3, done.stderr
    raw = json.loads(done.stdout)
    assert set(raw) >= RANKING
    assert raw["schema"] == "w2s.ranking.v1"
    assert raw["rows"] == ROWS
    assert set(raw["strong"]) >= {"name", "layer", "dim", "fingerprint"}
    assert all(set(candidate) >= CANDIDATE for candidate in raw["candidates"])
    assert [candidate["name"] for candidate in raw["candidates"]] == ["good", "half", "noise", "gone"]
    first, last = raw["candidates"][0], raw["candidates"][-1]
    for name, unit in (("predicted_w2s_error", "label variance"), ("predicted_gain", "label variance")):
        assert set(first[name]) == {"value", "low", "high", "unit"}
        assert first[name]["low"] <= first[name]["value"] <= first[name]["high"]
        assert first[name]["unit"] == unit
    assert all(set(estimate) >= {"value", "better"} for estimate in first["estimates"].values())
    assert (last["status"], last["rank"], last["predicted_w2s_error"]) == ("failed", None, None)
    assert set(last["error"]) == {"code", "reason", "message"}
    assert set(raw["provenance"]) == {"versions", "seed", "request"}
    assert "NaN" not in done.stdout
    assert json.loads((tmp_path / "out.json").read_text()) == raw
    assert Ranking.from_dict(raw).to_json() == done.stdout.rstrip("\n")


def test_the_command_typed_stands_in_the_provenance(run):
    done = run("predict", "--strong", "s.npy", *WEAK, "--labels", "gold.npy", "--seed", "3", "--json")
    assert json.loads(done.stdout)["provenance"]["request"]["command"] == [
        *("predict", "--strong", "s.npy", "--weak", "good=good.npy", "half=half.npy", "noise=noise.npy"),
        *("--labels", "gold.npy", "--seed", "3"),
    ]


def test_the_table_goes_to_stdout_and_progress_to_stderr(run):
    done = run("predict", "--strong", "s.npy", *WEAK)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "P(best)" in done.stdout
    assert "Train on the labels of good" in lines[-1]
    assert max(map(len, lines[:-1])) <= 100
    assert "reading rows of 4 models" in done.stderr
    assert "loading" not in done.stdout


SIZES = ("--weak-rows", "40", "--student-rows", "5000", "--weak-ridge", "0.02", "--student-ridge", "0.5")


def test_the_training_asked_for_is_simulated_and_what_the_rows_cannot_show_is_reported(run):
    done = run("predict", "--strong", "s.npy", *WEAK, *SIZES)
    assert done.returncode == 0, done.stderr
    text = " ".join(done.stdout.split())
    assert "warning simulated with 40 rows for each weak head and 104 for the student, as 160 rows can show no" in text
    free, own = (json.loads(run("predict", "--strong", "s.npy", *WEAK, *s, "--json").stdout) for s in ((), SIZES))
    asked = {"weak_rows": 40, "student_rows": 5000, "weak_ridge": 0.02, "student_ridge": 0.5}
    asked |= {"heads": "ridge", "label_form": "soft"}
    assert own["provenance"]["request"]["training"] == asked
    assert set(free["provenance"]["request"]["training"].values()) == {None, "ridge", "soft"}
    assert own["candidates"][0]["predicted_w2s_error"] != free["candidates"][0]["predicted_w2s_error"]
    env = {f"W2S_{name.upper()}": str(value) for name, value in asked.items()}
    text = json.loads(run("predict", "--strong", "s.npy", *WEAK, "--json", env=env).stdout)
    assert [c["predicted_gain"] for c in text["candidates"]] == [c["predicted_gain"] for c in own["candidates"]]


def test_the_heads_asked_for_are_forecast(run, tmp_path):
    lines = ["id,label", *(f"{i},{'yes' if i % 3 else 'no'}" for i in range(60))]
    (tmp_path / "classes.csv").write_text("\n".join(lines) + "\n")
    asked = ("predict", "--strong", "s.npy", *WEAK, "--labels", str(tmp_path / "classes.csv"), "--json")
    ridge, logistic = (json.loads(run(*asked, *heads).stdout) for heads in ((), ("--heads", "logistic")))
    assert logistic["provenance"]["request"]["training"]["heads"] == "logistic"
    text = [one["predicted_w2s_error"]["value"] for one in logistic["candidates"]]
    assert text != [one["predicted_w2s_error"]["value"] for one in ridge["candidates"]]
    as_given = json.loads(run(*asked, env={"W2S_HEADS": "logistic"}).stdout)
    assert [one["predicted_w2s_error"]["value"] for one in as_given["candidates"]] == text
    hard = json.loads(run(*asked, "--label-form", "hard").stdout)
    assert hard["provenance"]["request"]["training"]["label_form"] == "hard"
    assert hard["candidates"][0]["predicted_w2s_error"] != ridge["candidates"][0]["predicted_w2s_error"]


def test_a_report_page_is_written(run, tmp_path):
    done = run("predict", "--strong", "s.npy", *WEAK, "--html", str(tmp_path / "out.html"))
    assert done.returncode == 0
    page = (tmp_path / "out.html").read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert "Train on the labels of good" in page


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--strong", "s.npy"), 2, "name at least one with --weak, or several with --candidates FILE"),
        (("--strong", "none.npy", *WEAK), 2, "array file 'none.npy' does not exist."),
        (("--strong", "s.npy", *WEAK, "--rank-by", "size"), 2, "invalid choice: 'size'"),
        (("--strong", "s.npy", *WEAK, "--seed", "x"), 2, "argument --seed: invalid int value: 'x'"),
        (("--strong", "s.npy", *WEAK, "--estimator", "magic"), 2, "no estimator is called 'magic'; known: combined"),
        (
            ("--strong", "s.npy", *WEAK, "--weak-rows", "3"),
            2,
            "weak_rows is 3; it must be a whole number of at least 8",
        ),
        (("--strong", "s.npy", *WEAK, "--student-ridge", "0"), 2, "student_ridge is 0.0; it must be above 0"),
        (("--strong", "s.npy", *WEAK, "--heads", "tree"), 2, "invalid choice: 'tree'"),
        (
            ("--strong", "s.npy", *WEAK, "--labels", "gold.npy", "--heads", "logistic"),
            2,
            "the labels are numbers to regress on, and logistic heads on soft labels need classes",
        ),
        (("--strong", "s.npy", *WEAK, "--lables", "x"), 2, "there is no flag --lables; did you mean --labels?"),
        (("--strong", "s.npy", *WEAK, "-o", "none/out.json"), 2, "name a file in a folder that exists"),
        (("--strong", "s.npy", *WEAK, "--pool", "-"), 2, "has no rows"),
    ],
)
def test_bad_usage_and_input_end_with_2_one_line_and_no_traceback(run, words, code, message):
    done = run("predict", *words)
    assert done.returncode == code
    assert done.stdout == ""
    errors = [line for line in done.stderr.splitlines() if not line.startswith("w2s:  ")]
    assert len(errors) == 1
    assert errors[0].startswith("w2s: error: ")
    assert message in errors[0]


def test_nothing_separable_from_the_null_is_4(process):
    done = process("predict", "--strong", "s.npy", "--weak", "noise=noise.npy")
    assert done.returncode == 4, done.stdout
    assert done.stdout.splitlines()[-1].startswith("Train on none of them yet")


def test_every_candidate_failing_is_1(process):
    done = process("predict", "--strong", "s.npy", "--weak", "none.npy", "./folder")
    assert done.returncode == 1
    assert "✗ failed  none.npy: array file 'none.npy' does not exist." in done.stdout
    assert "only arrays can be read here" in done.stdout


def test_flags_come_from_the_environment_and_the_command_line_wins(run):
    given = {
        "W2S_STRONG": "s.npy",
        "W2S_WEAK": "good=good.npy 'two words=half.npy'",
        "W2S_MAX_ROWS": "120",
        "W2S_JSON": "1",
        "W2S_SEED": "5",
    }
    raw = json.loads(run("predict", env=given).stdout)
    assert [candidate["name"] for candidate in raw["candidates"]] == ["good", "two words"]
    assert (raw["rows"], raw["provenance"]["seed"]) == (120, 5)
    raw = json.loads(run("predict", "--weak", "noise=noise.npy", "--seed", "6", env=given).stdout)
    assert [candidate["name"] for candidate in raw["candidates"]] == ["noise"]
    assert raw["provenance"]["seed"] == 6
    assert run("predict", env={**given, "W2S_JSON": "0"}).stdout.startswith("student")
    done = run("predict", env={**given, "W2S_SEED": "five"})
    assert (done.returncode, done.stdout) == (2, "")
    assert "W2S_SEED is 'five'" in done.stderr


def test_another_commands_variables_do_no_harm(run):
    assert run("ls", "estimators", env={"W2S_SEED": "five", "W2S_POOLING": "max"}).returncode == 0


def test_rows_come_from_standard_input(process):
    texts = "".join(f"row {number}\n" for number in range(ROWS))
    done = process("predict", "--strong", "s.npy", *WEAK, "--pool", "-", "--json", input=texts, stdin=None)
    assert done.returncode == 0, done.stderr
    from predictor.query.pool import Pool

    assert json.loads(done.stdout)["rows_sha256"] == Pool.of([f"row {number}" for number in range(ROWS)]).sha256


def test_no_model_library_is_loaded(arrays):
    code = (
        "import sys; from client.cli.__main__ import main;"
        "main(['predict', '--strong', 's.npy', '--weak', 'good.npy', 'half.npy']);"
        "heavy = {'torch', 'transformers', 'onnxruntime', 'onnx', 'sklearn', 'pandas', 'matplotlib', 'scipy'};"
        "sys.exit(f'loaded: {heavy & set(sys.modules)}' if heavy & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=arrays, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_ctrl_c_ends_with_130(arrays):
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; print('on', flush=True); from client.cli.__main__ import main; sys.exit(main())",
            *("predict", "--strong", "s.npy", "--weak", "good.npy", "--pool", "-"),
        ],
        cwd=arrays,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    assert process.stdin is not None
    process.stdin.write("a row\n" * 100_000)  # more than a pipe holds: once it is written, the command reads rows
    process.stdin.flush()
    process.send_signal(signal.SIGINT)
    _, stated = process.communicate(timeout=120)
    assert process.returncode == 130
    assert stated.strip().splitlines()[-1] == "w2s: cancelled"
    assert "Traceback" not in stated


def test_a_reader_who_leaves_is_no_traceback(arrays):
    script = f"{sys.executable} -m client.cli ls models | head -n 1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], cwd=arrays, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert done.stdout.startswith("model")
