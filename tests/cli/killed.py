"""A command that is killed, as a power cut would, at a place that it reaches in any case."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

HERE = "here"

_CHILD = """
import importlib, signal, sys
place, argument, *words = sys.argv[1:]
module, name = place.split(":")
owner = importlib.import_module(module)
real = getattr(owner, name)

def stop(*given, **named):
    if argument and not any(str(one).endswith(argument) for one in given):
        return real(*given, **named)
    print("here", flush=True)
    signal.pause()

setattr(owner, name, stop)
from client.cli.__main__ import main
main(words)
"""


def kill_at(place: str, words: tuple[str, ...], cwd: Path, env: Mapping[str, str], argument: str = "") -> None:
    """Run `w2s` with some words in a process of its own, and kill it at a place.

    Args:
        place: `module:function`, which is not run.
        argument: ending of one of the function's arguments; calls without it are run. Any call where "".
    """
    command = [sys.executable, "-c", _CHILD, place, argument, *words]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=cwd, env={**os.environ, **env}
    ) as child:
        assert child.stdout is not None
        if child.stdout.readline().strip() != HERE:
            raise AssertionError(f"the command ended before {place}: {child.communicate()[1][-2000:]}")
        child.send_signal(signal.SIGKILL)
        assert child.wait(120) == -signal.SIGKILL
