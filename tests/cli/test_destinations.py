"""Where an answer may be written: what cannot or should not be is refused first, and costs no answer afterwards."""

from __future__ import annotations

import errno
import json
import os
import shutil

import pytest

from client.cli.destinations import write
from predictor.errors import InputError
from predictor.results.csv import safe
from tests.cli.conftest import WEAK

PREDICT = ("predict", "--strong", "s.npy", *WEAK)


@pytest.fixture
def files(arrays, tmp_path):
    """A folder with copies of the arrays and a pool."""
    folder = tmp_path / "files"
    shutil.copytree(arrays, folder)
    (folder / "rows.txt").write_text("".join(f"row {row}\n" for row in range(160)))
    return folder


@pytest.mark.parametrize(
    ("words", "reported"),
    [
        (("-o", "-"), "'-' names no file; leave the flag out to have the answer on standard output."),
        (
            ("-o", "x.json", "--html", "./x.json"),
            "two of -o, --html and --suggestions name 'x.json'; give each a file of its own.",
        ),
        (("-o", "good.npy"), "'good.npy' is read by this command, and would be overwritten; name another file."),
        (("-o", "./s.npy"), "'./s.npy' is read by this command, and would be overwritten"),
        (("--html", "rows.txt", "--pool", "rows.txt"), "'rows.txt' is read by this command, and would be overwritten"),
        (("-o", "gold.npy", "--weak-labels", "good=gold.npy"), "'gold.npy' is read by this command"),
    ],
)
def test_a_file_that_should_not_be_written_is_refused_before_the_work(run, files, words, reported):
    before = {path.name: path.read_bytes() for path in files.iterdir()}
    done = run(*PREDICT, *words, cwd=files)
    assert (done.returncode, done.stdout) == (2, "")
    assert reported in done.stderr
    assert "loading" not in done.stderr
    assert {path.name: path.read_bytes() for path in files.iterdir()} == before


def test_a_model_reference_counts_as_its_file(run, files):
    done = run("rank", "--strong", "s.npy", "--weak", "good=array:good.npy", "-o", "good.npy", cwd=files)
    assert "'good.npy' is read by this command" in done.stderr


def test_a_report_does_not_overwrite_what_it_shows(run, files):
    run(*PREDICT, "-o", "out.json", cwd=files)
    done = run("report", "out.json", "--md", "-o", "out.json", cwd=files)
    assert done.returncode == 2
    assert json.loads((files / "out.json").read_text())["schema"] == "w2s.ranking.v1"


def test_an_answer_written_twice_replaces_the_first(run, files):
    for seed in ("1", "2"):
        assert run(*PREDICT, "--seed", seed, "-o", "out.json", cwd=files).returncode == 0
    assert json.loads((files / "out.json").read_text())["provenance"]["seed"] == 2


def test_a_file_that_is_closed_to_us_is_refused_before_the_work(files, monkeypatch, capsys):
    from client.cli import __main__ as command
    from client.cli import destinations

    (files / "old.json").write_text("{}")
    monkeypatch.chdir(files)
    # Whoever runs the tests as root may write everything.
    monkeypatch.setattr(destinations.os, "access", lambda path, mode: not str(path).endswith("old.json"))
    assert command.main([*PREDICT, "-o", "old.json"]) == 2
    assert capsys.readouterr() == ("", "w2s: error: 'old.json' exists and cannot be written; name another file.\n")


def test_a_path_that_is_not_utf8_is_written_and_read_back(process, files):
    """The answer has a lone surrogate for each such byte, and JSON has a form for it."""
    shutil.copy(files / "good.npy", files / os.fsdecode(b"caf\xe9.npy"))
    strange, out = os.fsdecode(b"caf\xe9.npy"), os.fsdecode(b"\xff.json")
    weak = ("--weak", f"good={strange}", "half=half.npy", "noise=noise.npy")
    done = process("predict", "--strong", "s.npy", *weak, "-o", out, "--html", "page.html", cwd=files)
    assert done.returncode == 0, done.stderr
    command = json.loads((files / out).read_text(encoding="utf-8"))["provenance"]["request"]["command"]
    assert f"good={strange}" in command
    assert (files / "page.html").read_text(encoding="utf-8").endswith("</html>\n")
    assert process("report", out, cwd=files).returncode == 0


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    (tmp_path / "out.json").write_text("old")

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="cannot be written: No space left on device"):
        write(str(tmp_path / "out.json"), "new")
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]
    assert (tmp_path / "out.json").read_text() == "old"


def test_a_link_and_its_mode_survive_a_write(tmp_path):
    (tmp_path / "real.json").write_text("old")
    (tmp_path / "real.json").chmod(0o640)
    (tmp_path / "link.json").symlink_to(tmp_path / "real.json")
    write(str(tmp_path / "link.json"), "new")
    assert (tmp_path / "link.json").is_symlink()
    assert (tmp_path / "real.json").read_text() == "new"
    assert (tmp_path / "real.json").stat().st_mode & 0o777 == 0o640


def test_a_csv_shows_control_characters_as_escapes():
    assert safe("a\x1b[31m,\u202eb,\x85\r\nß\t") == "a\\x1b[31m,\\u202eb,\\x85\r\nß\t"


def test_a_disk_that_is_full_at_the_end_does_not_cost_the_answer(process):
    plain, full = process(*PREDICT), process(*PREDICT, "-o", "/dev/full")
    assert full.returncode == 2
    assert "'/dev/full' cannot be written: No space left on device." in full.stderr
    assert full.stdout == plain.stdout
