"""The other subcommands, each as a real process unless a fault has to be staged."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys

import numpy as np
import pytest

from client.cli import __main__ as command
from predictor.report.page import html
from predictor.results.csv import csv
from predictor.results.markdown import markdown
from predictor.results.ranking import Ranking
from tests.cli.conftest import ROWS, WEAK


@pytest.mark.parametrize(
    "words", [(name,) for name in command.COMMANDS] + [("jobs", "watch"), ("features", "gc"), ("models", "convert")]
)
def test_every_command_explains_itself(process, words):
    done = process(*words, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith("usage: w2s")


def test_the_help_names_every_command_and_exit_code(run):
    shown = run("--help").stdout
    assert all(f"    {name} " in shown for name in command.COMMANDS)
    assert "3 some candidates failed" in shown
    assert run("--version").stdout.startswith("w2s 0.")


def test_no_command_and_no_verb_are_bad_usage(process):
    assert process().returncode == 2
    assert process("nonsense").returncode == 2
    done = process("features")
    assert done.returncode == 2
    assert "the following arguments are required: VERB. See w2s features --help." in done.stderr


def test_a_bug_looks_like_one(monkeypatch):
    def broken(commands):
        parser = commands.add_parser("broken")
        parser.set_defaults(run=lambda arguments: [][1])

    monkeypatch.setattr(command, "COMMANDS", ("report",))
    monkeypatch.setattr("client.cli.report.add", broken)
    with pytest.raises(IndexError):
        command.main(["broken"])


@pytest.mark.parametrize(("kind", "key"), [("estimators", "name"), ("models", "reference"), ("devices", "device")])
def test_lists_are_tables_or_json(run, kind, key):
    rows = json.loads(run("ls", kind, "--json").stdout)
    shown = run("ls", kind).stdout
    assert rows
    assert all(row[key] in shown for row in rows)


@pytest.fixture
def answer(run, tmp_path):
    path = tmp_path / "out.json"
    run("predict", "--strong", "s.npy", *WEAK, "-o", str(path))
    return path


def test_a_report_is_made_again_from_json(run, answer, tmp_path):
    ranking = Ranking.from_dict(json.loads(answer.read_text()))
    for flag, form in (("--html", html), ("--md", markdown), ("--csv", csv)):
        done = run("report", str(answer), flag)
        assert done.returncode == 0
        assert done.stdout.splitlines() == form(ranking).splitlines()
    assert run("report", str(answer)).stdout.splitlines()[-1] == ranking.advice()
    run("report", str(answer), "--html", "-o", str(tmp_path / "page.html"))
    assert (tmp_path / "page.html").read_text() == html(ranking)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{}", "is not a ranking (KeyError: 'schema')"),
        ("no json", "is not a ranking (JSONDecodeError"),
        ('{"schema": "w2s.ranking.v9"}', "has schema 'w2s.ranking.v9'; this version reads w2s.ranking.v1"),
        ('{"schema": "w2s.ranking.v1"}', "is not a ranking (KeyError: "),
        ("[]", "is not a ranking (TypeError"),
    ],
)
def test_a_report_of_something_else_is_refused(run, tmp_path, content, message):
    (tmp_path / "x.json").write_text(content)
    done = run("report", str(tmp_path / "x.json"))
    assert done.returncode == 2
    assert message in done.stderr


def test_feature_labels(run, arrays, tmp_path, monkeypatch):
    """Labels and filters of sets on this machine, as on a server."""
    monkeypatch.setenv("W2S_CACHE_DIR", str(tmp_path / "cache"))
    assert run("features", "push", "one", "good.npy", "--label", "team=vision", "n=1").returncode == 0
    assert run("features", "push", "two", "half.npy").returncode == 0
    listed = run("features", "ls", "--filter", "labels.team = vision AND rows > 1", "--json").stdout
    assert [(one["name"], one["labels"]) for one in json.loads(listed)] == [("one", {"team": "vision", "n": "1"})]
    assert "team=vision n=1" in run("features", "ls", "--order-by", "name desc").stdout
    assert [line.split()[0] for line in run("features", "ls", "--order-by", "name desc").stdout.splitlines()[1:3]] == [
        "two",
        "one",
    ]
    done = run("features", "ls", "--filter", "color = red")
    assert done.returncode == 2
    assert "labels.KEY" in done.stderr
    assert "give KEY=VALUE" in run("features", "push", "x", "good.npy", "--label", "team").stderr


def test_feature_sets_are_stored_used_fetched_and_cleared(run, arrays, tmp_path):
    assert run("features", "ls").stdout.strip() == "no named feature sets"
    assert run("features", "push", "mine", "good.npy").stdout.strip() == "stored; use it with --weak features:mine"
    listed = json.loads(run("features", "ls", "--json").stdout)
    assert [(one["name"], one["rows"], one["dim"]) for one in listed] == [("mine", ROWS, 16)]
    done = run("rank", "--strong", "s.npy", "--weak", "features:mine", "half=half.npy", "--json")
    assert done.returncode == 0, done.stderr
    assert {c["name"] for c in json.loads(done.stdout)["candidates"]} == {"features:mine", "half"}
    for name in ("back.npy", "back.safetensors"):
        assert run("features", "pull", "mine", "-o", str(tmp_path / name)).returncode == 0
        assert run("predict", "--strong", "s.npy", "--weak", str(tmp_path / name), "half.npy").returncode == 0
    np.testing.assert_allclose(np.load(tmp_path / "back.npy"), np.load(arrays / "good.npy"), rtol=1e-6)
    entry = next((tmp_path / "cache").rglob("*.w2sf"))
    assert json.loads(run("features", "verify", "--json").stdout) == {"checked": 1, "damaged": []}
    raw = bytearray(entry.read_bytes())
    raw[len(raw) // 2] ^= 1
    entry.write_bytes(raw)
    done = run("features", "verify")
    assert done.returncode == 3
    assert "1 entries read, 1 damaged" in done.stdout
    assert run("features", "gc", "--keep", "1G").stdout.strip().endswith("freed")
    assert "--keep is 'much'" in run("features", "gc", "--keep", "much").stderr
    assert (
        "there is no feature set 'nothing'" in run("features", "pull", "nothing", "-o", str(tmp_path / "x.npy")).stderr
    )


def test_the_table_fits_its_terminal_while_bars_run_beside_it(arrays):
    master, slave = pty.openpty()
    environment = {**os.environ, "COLUMNS": "80", "TERM": "xterm"}
    done = subprocess.run(
        [sys.executable, "-m", "client.cli", "predict", "--strong", "s.npy", *WEAK],
        cwd=arrays,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=slave,
        text=True,
        check=False,
        timeout=120,
    )
    os.close(slave)
    drawn = os.read(master, 1 << 20).decode(errors="replace")
    os.close(master)
    assert done.returncode == 0
    assert "good" in drawn
    assert "\x1b[" in drawn
    assert "\x1b" not in done.stdout
    assert max(map(len, done.stdout.splitlines()[:-1])) <= 80


def test_without_rich_progress_is_plain_lines(arrays):
    master, slave = pty.openpty()
    code = (
        "import sys; sys.modules['rich'] = None; sys.modules['rich.console'] = None;"
        "from client.cli.__main__ import main; sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "predict", "--strong", "s.npy", *WEAK],
        cwd=arrays,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=slave,
        check=False,
        timeout=120,
    )
    os.close(slave)
    stated = os.read(master, 1 << 20).decode()
    os.close(master)
    assert done.returncode == 0
    assert "reading rows of 4 models" in stated
    assert "\x1b" not in stated
