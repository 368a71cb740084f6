"""Instructions: what a piece of work costs in executed instructions, which no busy neighbour can change.

Counted by valgrind (its build of the matrix library takes AVX2 paths, so counts compare with counts only). The cost of
starting Python and importing is counted once and taken off.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from functools import cache

from predictor.errors import UnavailableError


def count(module: str, *words: str) -> int:
    """Instructions of `python -m MODULE WORDS`, less those of `python -m MODULE nothing`.

    Raises:
        UnavailableError: valgrind is not installed.
    """
    return _run(module, *words) - _start(module)


@cache
def _start(module: str) -> int:
    return _run(module, "nothing")


def _run(module: str, *words: str) -> int:
    tool = shutil.which("valgrind")
    if tool is None:
        raise UnavailableError("instructions are counted by valgrind; install it.", reason="MISSING_PACKAGE")
    done = subprocess.run(
        [tool, "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null",
         sys.executable, "-m", module, *words],
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = re.search(r"I\s+refs:\s+([\d,]+)", done.stderr)
    if found is None:
        raise ValueError(f"valgrind counted nothing:\n{done.stderr[-2000:]}")
    return int(found[1].replace(",", ""))
