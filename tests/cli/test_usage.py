"""Usage: what people mistype, and folders that cannot be used, are told in one line with the next step."""

from __future__ import annotations

import os
import socketserver
import threading
from pathlib import Path

import pytest

from client.cli.parser import Parser
from predictor.errors import InputError
from tests.cli.conftest import WEAK
from tests.service.certificates import Authority, needs_openssl


@pytest.mark.parametrize(
    ("words", "reported"),
    [
        (
            ("rank", "--stong", "s.npy", *WEAK),
            "there is no flag --stong; did you mean --strong? See w2s rank --help.",
        ),
        (
            ("rank", "--strong", "s.npy", *WEAK, "--pol=rows.txt"),
            "there is no flag --pol; did you mean --pool? See w2s rank --help.",
        ),
        (("rank", "--strong", "s.npy", *WEAK, "--xyzzy"), "there is no flag --xyzzy. See w2s rank --help."),
        (("features", "gc", "--kep", "1"), "there is no flag --kep; did you mean --keep? See w2s features gc --help."),
    ],
)
def test_a_mistyped_flag_is_named_with_the_one_that_was_meant(run, words, reported):
    done = run(*words)
    assert (done.returncode, done.stderr) == (2, f"w2s: error: {reported}\n")


def test_values_that_look_like_flags_stay_values():
    parser = Parser(prog="w2s")
    parser.add_argument("--prompt")
    parser.add_argument("rest", nargs="*")
    assert parser.parse_args(["--prompt", "--- {text} ---"]).prompt == "--- {text} ---"
    assert parser.parse_args(["--prompt=--x", "--", "--y"]).rest == ["--y"]
    with pytest.raises(InputError, match="there is no flag --y"):
        parser.parse_args(["--y"])


def test_flags_of_the_server_are_its_own(process):
    assert "--tenant-weight" in process("serve", "--help").stdout


def test_a_folder_is_no_file_of_rows(run, tmp_path):
    done = run("predict", "--strong", "s.npy", *WEAK, "--pool", str(tmp_path))
    advice = "name a file of rows in it, or a folder that Dataset.save_to_disk wrote"
    assert done.stderr == f"w2s: error: {tmp_path} is a folder; {advice}.\n"
    (tmp_path / "rows").write_text("x\n")
    done = run("predict", "--strong", "s.npy", *WEAK, "--pool", str(tmp_path / "rows"))
    assert "not from a file without an ending; rename or convert the file." in done.stderr


def test_a_state_folder_that_cannot_be_is_no_traceback(run, tmp_path):
    (tmp_path / "file").touch()
    done = run("jobs", "ls", env={"W2S_STATE_DIR": str(tmp_path / "file")})
    assert done.returncode == 1
    assert done.stderr.startswith(f"w2s: error: {tmp_path / 'file'} cannot be written (File exists); make it writable")


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs a folder that nobody can write to")
def test_a_server_does_not_start_where_its_cache_cannot_be(process, tmp_path):
    folders = {"W2S_CACHE_DIR": "/proc/w2s", "W2S_STATE_DIR": str(tmp_path / "state")}
    done = process("serve", "--address", "localhost:0", env=folders)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("w2s serve: /proc/w2s cannot be written (No such file or directory); make it")


def test_an_answer_that_cannot_be_read_is_no_traceback(monkeypatch, tmp_path):
    from pathlib import Path

    from client.cli.report import read_answer

    (tmp_path / "out.json").touch()

    def closed(*_, **__):
        raise PermissionError(13, os.strerror(13))

    monkeypatch.setattr(Path, "read_text", closed)
    with pytest.raises(InputError, match=r"out\.json' cannot be read: Permission denied\."):
        read_answer(str(tmp_path / "out.json"))


@needs_openssl
def test_a_server_without_tls_is_reported_in_one_line(run, tmp_path):
    with socketserver.TCPServer(("127.0.0.1", 0), _Plain) as plain:
        threading.Thread(target=plain.serve_forever, daemon=True).start()
        place = f"127.0.0.1:{plain.server_address[1]}"
        done = run("jobs", "ls", "--server", place, "--ca", str(Authority(tmp_path / "authority").pem))
        plain.shutdown()
    assert done.stderr == (
        f"w2s: error: the server at {place} was not reached: it speaks no TLS; leave --ca, --cert and --key out, or "
        "ask its operator.\n"
    )


class _Plain(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.recv(100)
        self.request.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


@pytest.mark.parametrize(
    ("variable", "value", "reported"),
    [
        ("W2S_MAX_ROWS", "many", "W2S_MAX_ROWS is 'many', which --max-rows cannot read."),
        (
            "W2S_WEAK",
            "a 'b",
            'W2S_WEAK is "a \'b", which no shell could split (no closing quotation); close its quotes.',
        ),
    ],
)
def test_a_variable_that_cannot_be_read_is_named_with_its_flag(run, variable, value, reported):
    done = run("rank", "--strong", "s.npy", env={variable: value})
    assert (done.returncode, done.stderr) == (2, f"w2s: error: {reported}\n")


def test_a_layer_that_is_none_is_refused_before_anything_is_read(run):
    done = run("rank", "--strong", "s.npy", *WEAK, "--layer", "forth")
    assert done.returncode == 2
    assert done.stderr.startswith("w2s: error: layer='forth' is not a layer; give a number from 0 (embeddings), middle")
