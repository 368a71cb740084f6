"""A GPU at work, in under ten minutes: reading (speed, share of the peak, what bf16 moves, models in memory together),
and answers with training simulated on it, against numpy.

    python -m tests.benchmarks.gpu [--peers PYTHON] [-o tests/benchmarks/gpu.md]
    python -m tests.benchmarks.gpu --small                        every line of it, on a CPU, in a minute

Nothing is downloaded: models are of the shapes of known ones with random weights, and MiniLM itself where it is in the
cache. PYTHON is an interpreter with sentence-transformers; without it the loop that it runs (rows sorted by characters,
batches of 32, fp32) is run on our model. Times are wall seconds, medians of interleaved rounds.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from predictor.extraction.backend import LayerPooling, Runtime
from predictor.extraction.extractor import CPU_TOKENS, GPU_TOKENS
from predictor.extraction.loaded import LoadedModel, load_model
from predictor.extraction.precision import drift_of
from predictor.models.artefact import Artefact, classify
from tests.benchmarks import answer_device
from tests.benchmarks.extraction import block_products, gemm_peak, relative_distance, timed
from tests.benchmarks.gpu_models import FULL, SMALL, Shape, built, known, texts_of
from tests.benchmarks.peers import Peer
from tests.benchmarks.sides import by_characters, dataset_order, ours

PEER = "sentence-transformers"


@dataclass(frozen=True)
class Bench:
    """What is shared by all tables.

    Attributes:
        device: `cuda` or `cpu`.
        peers: interpreter with sentence-transformers, or None.
        rounds: of every side at most; one where time is short.
        deadline: by `time.monotonic`.
        place: folder for models and vectors.
    """

    device: str
    peers: str | None
    rounds: int
    deadline: float
    place: Path

    @property
    def budget(self) -> int:
        """Padded tokens a batch."""
        return CPU_TOKENS if self.device == "cpu" else GPU_TOKENS

    @property
    def late(self) -> bool:
        """Whether the time is spent."""
        return time.monotonic() > self.deadline

    def load(self, artefact: Artefact, precision: str) -> LoadedModel:
        """A model on the device."""
        return load_model(artefact, Runtime(precision, self.device, torch.get_num_threads()))

    def wall(self, run: Callable[[], Any]) -> float:
        """Seconds, the device's work included."""
        return timed(run, self.device)[1]


@dataclass(frozen=True, eq=False)
class Sides:
    """All ways in which one model reads the same rows.

    Attributes:
        runs: side -> a call that gives the vectors.
        models: by precision.
    """

    models: dict[str, LoadedModel]
    runs: dict[str, Callable[[], np.ndarray]]

    @classmethod
    def of(cls, bench: Bench, artefact: Artefact, texts: list[str]) -> Sides:
        """The model in both precisions, ready to read."""
        models = {one: bench.load(artefact, one) for one in ("fp32", "bf16")}
        facts = models["fp32"].facts
        last, middle = (LayerPooling(layer, "mean") for layer in (facts.layers, (facts.layers + 1) // 2))
        runs = {
            "dataset order, batches of 32, fp32": lambda: dataset_order(models["fp32"], texts, last),
            f"the loop of {PEER}, fp32": lambda: by_characters(models["fp32"], texts, last),
            "ours, fp32": lambda: ours(models["fp32"], texts, last, bench.budget),
            "ours, bf16": lambda: ours(models["bf16"], texts, last, bench.budget),
            "ours, bf16, middle layer (the default)": lambda: ours(models["bf16"], texts, middle, bench.budget),
        }
        return cls(models, runs)


def speed(bench: Bench, name: str, artefact: Artefact, texts: list[str]) -> list[str]:
    """One model's rows of the first table."""
    sides = Sides.of(bench, artefact, texts)
    exact, listed = sides.runs["ours, fp32"](), bench.place / "texts.json"
    listed.write_text(json.dumps(texts))
    peer = None if bench.peers is None else Peer(bench.peers, bench.device, PEER, artefact.path, listed, bench.place)
    spent: dict[str, list[float]] = {side: [] for side in (*sides.runs, *([PEER] if peer is not None else []))}
    facts = sides.models["fp32"].facts
    peaks = {half: gemm_peak(half, facts.width, bench.device) for half in sides.models}
    for number in range(bench.rounds):
        if number and bench.late:
            break
        for side, run in sides.runs.items():
            spent[side].append(bench.wall(run))
        if peer is not None:
            spent[PEER].append(peer.round()[1])
        print(name, number, {side: round(values[-1], 3) for side, values in spent.items()}, file=sys.stderr)
    if peer is not None:
        peer.close()
    base = statistics.median(spent[PEER if peer is not None else f"the loop of {PEER}, fp32"])
    lines = []
    for side, values in spent.items():
        seconds, half = statistics.median(values), "bf16" if "bf16" in side else "fp32"
        depth = (facts.layers + 1) // 2 if "middle" in side else facts.layers
        share = block_products(sides.models["fp32"], texts, depth) / seconds / peaks[half]
        vectors = peer.vectors if side == PEER and peer is not None else sides.runs[side]()
        apart = "–" if "middle" in side else f"{relative_distance(vectors, exact):.0e}"
        lines.append(
            f"| {name} ({len(texts):,}) | {side} | {seconds:.3f} | {min(values):.3f} – {max(values):.3f} | "
            f"{len(texts) / seconds:,.0f} | {base / seconds:.2f} | {share:.2f} | {apart} |"
        )
    return lines


def drift(bench: Bench, name: str, artefact: Artefact, texts: list[str]) -> str:
    """One model's row of the second table: how far bf16 moves each layer, as a share of the features' spread."""
    exact, rounded = (bench.load(artefact, one) for one in ("fp32", "bf16"))
    moved = []
    for layer in range(exact.facts.layers + 1):
        cell = LayerPooling(layer, "mean")
        moved.append(drift_of(*(ours(model, texts, cell, bench.budget) for model in (exact, rounded))))
    shown = " ".join(f"{one:.3f}" for one in moved)
    witnesses = " ".join(f"{one:.3f}" for one in rounded.facts.drift)
    return f"| {name} ({len(texts):,}) | {shown} | {witnesses} |"


def resident(bench: Bench, models: dict[str, Artefact], texts: list[str]) -> list[str]:
    """Rows of the third table: models in memory together, each read alone first and then by turns with the others."""
    loaded: dict[str, LoadedModel] = {}
    rows: list[tuple[str, float, str, float]] = []
    for name, artefact in models.items():
        before, started = _allocated(bench.device), time.perf_counter()
        loaded[name] = bench.load(artefact, "bf16")
        seconds = time.perf_counter() - started
        rows.append(
            (name, seconds, _size(_allocated(bench.device) - before), bench.wall(_reader(bench, loaded[name], texts)))
        )
    turns = {
        name: [bench.wall(_reader(bench, loaded[name], texts)) for _ in range(bench.rounds)][-1] for name in models
    }
    return [
        f"| {name} | {seconds:.1f} | {size} | {alone:.3f} | {turns[name]:.3f} |" for name, seconds, size, alone in rows
    ]


def _reader(bench: Bench, model: LoadedModel, texts: list[str]) -> Callable[[], np.ndarray]:
    return lambda: ours(model, texts, LayerPooling(model.facts.layers, "mean"), bench.budget)


def _allocated(device: str) -> int:
    return 0 if device == "cpu" else int(torch.cuda.memory_allocated())


def _size(count: int) -> str:
    return f"{count / 1e9:.2f} GB" if count else "–"


def tables(bench: Bench, shapes: tuple[Shape, ...]) -> list[str]:
    """All four tables; what there was no time for is named."""
    models = {one.name: (classify(built(one, bench.place), as_given=one.name), texts_of(one.rows)) for one in shapes}
    real = known()
    if real is not None:
        models = {"all-MiniLM-L6-v2, its own weights": (real, texts_of(shapes[0].rows)), **models}
    left: list[str] = []
    lines = [
        "| model (rows) | side | median s | range | rows/s | × base | share of GEMM peak | rows apart |",
        "|---|---|---:|---|---:|---:|---:|---:|",
    ]
    for name, (artefact, texts) in models.items():
        if bench.late:
            left.append(f"speed of {name}")
        else:
            lines += speed(bench, name, artefact, texts)
    lines += ["", "| model (rows) | drift of bf16 by layer | on the witness rows |", "|---|---|---|"]
    for name, (artefact, texts) in models.items():
        if bench.late:
            left.append(f"drift of {name}")
        else:
            lines.append(drift(bench, name, artefact, texts[:256]))
    lines += [
        "",
        "| in memory together | seconds to load | device memory | s alone | s by turns |",
        "|---|---:|---:|---:|---:|",
    ]
    if bench.late:
        left.append("models in memory together")
    else:
        together = {f"{name}": artefact for name, (artefact, _) in models.items()}
        lines += resident(bench, together, next(iter(models.values()))[1])
    lines += ["", f"Not run, out of time: {', '.join(left)}." if left else "All models were read."]
    answers = answer_device.table(bench.device, small=shapes is SMALL, rounds=1, deadline=bench.deadline)
    return [*lines, "", "Training simulated by torch against numpy, on arrays:", "", *answers]


def main() -> None:
    """Measure, print the tables, and write them where told."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="tiny shapes, on the CPU where there is no GPU")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=480, help="begin nothing new after so many")
    parser.add_argument("--peers", help="python with sentence-transformers")
    parser.add_argument("-o", "--output", type=Path)
    given = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu" and not given.small:
        parser.error("there is no GPU here; --small runs every line on the CPU")
    with tempfile.TemporaryDirectory(prefix="w2s-gpu-") as place:
        bench = Bench(device, given.peers, given.rounds, time.monotonic() + given.seconds, Path(place))
        found = tables(bench, SMALL if given.small else FULL)
    where = torch.cuda.get_device_name() if device == "cuda" else platform.machine()
    head = [
        "# Reading, and simulating training, on a GPU",
        "",
        f"{datetime.now(UTC):%Y-%m-%d} · {where} · torch {torch.__version__} · {given.rounds} interleaved rounds"
        f"{' · --small' if given.small else ''}. Base: {PEER}, or its loop where it is not given. Made by "
        "`python -m tests.benchmarks.gpu`.",
        "",
    ]
    text = "\n".join([*head, *found, ""])
    print(text)
    if given.output:
        given.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
