"""Mutations: each takes one guard out of a copy of the tree, and the named test must turn red.

`python -m tests.chaos.mutations [--only TEXT] [--jobs N] [--write]`; `--write` puts the table into `mutations.md`
beside this file.
"""

from __future__ import annotations

import argparse
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from tests.chaos.access_guards import ACCESS_GUARDS
from tests.chaos.http_guards import HTTP_GUARDS
from tests.chaos.mutation import Mutation
from tests.chaos.state_guards import STATE_GUARDS

ROOT = Path(__file__).parents[2]
MUTATIONS = (*STATE_GUARDS, *ACCESS_GUARDS, *HTTP_GUARDS)


def copied(target: Path) -> None:
    """The tree as it stands, without what git ignores."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in listed.stdout.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


def passes(tree: Path, tests: list[str], *, tell: bool = False) -> bool:
    """Whether the tests are green in that tree; where asked, which are not is printed."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--timeout=150", *tests]
    environment = os.environ | {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, timeout=900, check=False)
    if tell and done.returncode:
        print(done.stdout.decode()[-4000:])
    if done.returncode not in (0, 1):
        raise RuntimeError(done.stdout.decode()[-2000:])
    return done.returncode == 0


def result(tree: Path, mutation: Mutation) -> str:
    """`red` as it must be, `GREEN` where nobody missed the guard, `ABSENT` where the text is not there any more."""
    place = tree / mutation.file
    whole = place.read_text(encoding="utf-8")
    if mutation.old not in whole:
        return "ABSENT"
    place.write_text(whole.replace(mutation.old, mutation.new, 1), encoding="utf-8")
    try:
        compile(place.read_text(encoding="utf-8"), mutation.file, "exec")
        return "GREEN" if passes(tree, [mutation.test]) else "red"
    finally:
        place.write_text(whole, encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    chosen = [one for one in MUTATIONS if given.only in one.guard]
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="w2s-mutations-") as folder, ThreadPoolExecutor(given.jobs) as threads:
        trees: queue.SimpleQueue[Path] = queue.SimpleQueue()
        for number in range(given.jobs):
            copied(Path(folder) / f"{number}")
            trees.put(Path(folder) / f"{number}")
        if not passes(Path(folder) / "0", sorted({one.test for one in chosen}), tell=True):
            print("these tests are red before anything is taken out")
            return 1

        def tried(one: Mutation) -> tuple[Mutation, str]:
            tree = trees.get()
            try:
                found = result(tree, one)
            finally:
                trees.put(tree)
            print(f"{found:6}  {one.guard}", flush=True)
            return one, found

        rows = list(threads.map(tried, chosen))
    wrong = [one.guard for one, found in rows if found != "red"]
    lines = [
        "# Guards that were taken out",
        "",
        "Each was taken out alone of a copy of the tree; the test beside it must turn red. "
        f"{len(rows) - len(wrong)} of {len(rows)} did, on {datetime.now(UTC):%Y-%m-%d}, "
        f"in {time.monotonic() - began:.0f} s on 2 shared cores.",
        "",
        "| guard | file | test | result |",
        "|---|---|---|---|",
        *(f"| {one.guard} | `{one.file}` | `{one.test.removeprefix('tests/')}` | {found} |" for one, found in rows),
        "",
        "Made by `python -m tests.chaos.mutations --write`.",
        "",
    ]
    if given.write:
        Path(__file__).with_suffix(".md").write_text("\n".join(lines), encoding="utf-8")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
