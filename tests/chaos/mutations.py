"""Mutations: each takes one guard out of a copy of the tree, and the named test must turn red.

`python -m tests.chaos.mutations [--only TEXT] [--jobs N] [--write]`; `--write` puts what was found into `mutations.csv`
beside this file as it is found, and the table into `mutations.md`. A guard whose row is there is not tried again while
its file, its test and what is taken out are the same; so a run that was broken off goes on.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from tests.chaos.access_guards import ACCESS_GUARDS
from tests.chaos.http_guards import HTTP_GUARDS
from tests.chaos.mutation import Mutation
from tests.chaos.state_guards import STATE_GUARDS

ROOT = Path(__file__).parents[2]
RESULTS = Path(__file__).with_suffix(".csv")
WRITING = threading.Lock()
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


def passes(tree: Path, test: str) -> bool:
    """Whether the test is green in that tree."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--timeout=150", test]
    environment = os.environ | {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, timeout=900, check=False)
    if done.returncode not in (0, 1):
        raise RuntimeError(done.stdout.decode()[-2000:])
    return done.returncode == 0


def result(tree: Path, mutation: Mutation) -> str:
    """`red` as it must be, `GREEN` where nobody missed the guard.

    `ABSENT` where the text is not there any more, `BEFORE` where the test is red with every guard in place.
    """
    place = tree / mutation.file
    whole = place.read_text(encoding="utf-8")
    if mutation.old not in whole:
        return "ABSENT"
    if not passes(tree, mutation.test):
        return "BEFORE"
    place.write_text(whole.replace(mutation.old, mutation.new, 1), encoding="utf-8")
    try:
        compile(place.read_text(encoding="utf-8"), mutation.file, "exec")
        return "GREEN" if passes(tree, mutation.test) else "red"
    finally:
        place.write_text(whole, encoding="utf-8")


def digest(mutation: Mutation) -> str:
    """Of all that a result rests on directly."""
    parts = [repr(mutation).encode()]
    for name in (mutation.file, mutation.test.partition("::")[0]):
        parts.append((ROOT / name).read_bytes() if (ROOT / name).is_file() else b"")
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def known() -> dict[str, tuple[str, str, str]]:
    """Digest, result and day of each guard that was tried."""
    if not RESULTS.is_file():
        return {}
    with RESULTS.open(encoding="utf-8", newline="") as file:
        return {row["guard"]: (row["digest"], row["result"], row["day"]) for row in csv.DictReader(file)}


def keep(found: dict[str, tuple[str, str, str]]) -> None:
    """Write what is known of the guards that there are."""
    with RESULTS.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("guard", "digest", "result", "day"))
        rows.writerows((one.guard, *found[one.guard]) for one in MUTATIONS if one.guard in found)


def table(found: dict[str, tuple[str, str, str]]) -> str:
    """Every guard that was tried as it is now."""
    rows = [(one, *found[one.guard]) for one in MUTATIONS if one.guard in found]
    red = sum(result == "red" for _, _, result, _ in rows)
    lines = [
        "# Guards that were taken out",
        "",
        "Each was taken out alone of a copy of the tree. The test beside it was green before and must turn red: "
        f"{red} of {len(rows)} did, of {len(MUTATIONS)} guards.",
        "",
        "| guard | file | test | result | day |",
        "|---|---|---|---|---|",
        *(
            f"| {one.guard} | `{one.file}` | `{one.test.removeprefix('tests/')}` | {result} | {day} |"
            for one, _, result, day in rows
        ),
        "",
        "Made by `python -m tests.chaos.mutations --write`.",
        "",
    ]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    chosen = [one for one in MUTATIONS if given.only in one.guard]
    digests = {one.guard: digest(one) for one in chosen}
    found = (
        {guard: row for guard, row in known().items() if digests.get(guard, row[0]) == row[0]} if given.write else {}
    )
    with tempfile.TemporaryDirectory(prefix="w2s-mutations-") as folder, ThreadPoolExecutor(given.jobs) as threads:
        trees: queue.SimpleQueue[Path] = queue.SimpleQueue()
        for number in range(given.jobs):
            copied(Path(folder) / f"{number}")
            trees.put(Path(folder) / f"{number}")

        def tried(one: Mutation) -> None:
            tree = trees.get()
            try:
                outcome = result(tree, one)
            finally:
                trees.put(tree)
            print(f"{outcome:6}  {one.guard}", flush=True)
            with WRITING:
                found[one.guard] = (digests[one.guard], outcome, f"{datetime.now(UTC):%Y-%m-%d}")
                if given.write:
                    keep(found)

        list(threads.map(tried, (one for one in chosen if one.guard not in found)))
    if given.write:
        Path(__file__).with_suffix(".md").write_text(table(found), encoding="utf-8")
    return int(any(found[one.guard][1] != "red" for one in chosen))


if __name__ == "__main__":
    sys.exit(main())
