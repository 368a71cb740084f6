"""The .proto files are lint clean, and the modules beside them are the ones that they generate."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import protos
from protos.generate import committed, drift, generate

ROOT = Path(protos.__file__).parent


def _buf() -> str:
    found = shutil.which("buf", path=str(Path(sys.executable).parent)) or shutil.which("buf")
    if found is None:
        pytest.skip("buf is not installed (package buf-bin)")
    return found


@pytest.mark.parametrize("command", [["lint"], ["format", "--diff", "--exit-code"]])
def test_the_protos_pass_buf(command):
    done = subprocess.run([_buf(), *command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_generated_modules_have_not_drifted():
    try:
        fresh = generate()
    except subprocess.CalledProcessError as error:
        if "pip" in error.cmd:
            pytest.skip("no package registry answers, so the compiler cannot be fetched")
        raise
    assert drift(fresh, committed()) == []


def test_drift_names_changed_missing_and_left_over_modules():
    changed, missing, left_over = Path("a_pb2.py"), Path("b_pb2.py"), Path("c_pb2.py")
    assert drift({changed: "1", missing: "2"}, {changed: "x", left_over: "3"}) == [changed, missing, left_over]


def test_neither_the_protos_nor_the_client_load_torch():
    code = "import sys, protos.convert, client; print(sorted(m for m in sys.modules if m in ('torch', 'transformers')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
