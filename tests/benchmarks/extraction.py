"""What reading a pool costs: ours against the loops that others use, process CPU seconds of one thread.

    W2S_DATA=FOLDER python -m tests.benchmarks.extraction --peers PYTHON -o tests/benchmarks/extraction.md

PYTHON is the interpreter of an environment that holds sentence-transformers and transformer-ranker beside the same
torch and transformers. Peers run in their own process, which is fed one round at a time, so that rounds of all sides
interleave. Every side gives the mean over tokens of the last hidden state (of the middle one where the row says so),
unnormalised, in fp32 and in our default; vectors are compared, and an fp32 row further off than 1e-5 is an error.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from predictor.extraction.backend import LayerPooling, Runtime
from predictor.extraction.extractor import CPU_TOKENS, GPU_TOKENS
from predictor.extraction.loaded import LoadedModel, load_model
from predictor.folders import cache_dir
from predictor.models.known_models import find
from predictor.models.resolve import resolve
from predictor.query.model_reference import ModelReference
from predictor.query.row_form import RowForm
from tests.benchmarks.lineup import data_folder, ready
from tests.benchmarks.peers import Peer, folder_for_peers
from tests.benchmarks.rounding import rounding
from tests.benchmarks.sides import MAX_LENGTH, dataset_order, ours
from tests.benchmarks.texts import mixed_texts, smiles

MODELS = {"all-MiniLM-L6-v2": 256, "all-mpnet-base-v2": 32, "SmolLM2-135M-Instruct": 24, "rxnfp-bert_ft": 384}
"""Rows for each: some seconds a side on one thread."""

BOTH_PEERS = ("all-MiniLM-L6-v2",)
"""Models that transformer-ranker is measured on too."""

TOLERANCE = 1e-5
"""Largest difference of a row between two fp32 sides, relative to its norm."""


def gemm_peak(precision: str, width: int, device: str) -> float:
    """Multiply-adds a second of the fastest matrix product found: library, prepacked, three heights."""
    import torch

    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[precision]
    best = 0.0
    with torch.inference_mode():
        for height in (512, 2048, 8192) if device == "cpu" else (16384,):
            rows, weight = (torch.randn(n, width, dtype=dtype, device=device) for n in (height, 4 * width))
            runs: list[Callable[[], Any]] = [lambda a=rows, w=weight: torch.nn.functional.linear(a, w)]
            if device == "cpu":
                packed = torch.ops.mkldnn._reorder_linear_weight(weight)
                runs.append(lambda a=rows, w=packed: torch.ops.mkldnn._linear_pointwise(a, w, None, "none", [], ""))
            for run in runs:
                run()
                for _ in range(5):
                    cpu, _wall = timed(run, device)
                    best = max(best, 4.0 * height * width * width / cpu)
    return best


def timed(run: Callable[[], Any], device: str) -> tuple[float, float]:
    """CPU and wall seconds; on a GPU the wall's stand for both."""
    import torch

    if device != "cpu":
        torch.cuda.synchronize()
    cpu, wall = time.process_time(), time.perf_counter()
    run()
    if device != "cpu":
        torch.cuda.synchronize()
    wall = time.perf_counter() - wall
    return (time.process_time() - cpu, wall) if device == "cpu" else (wall, wall)


def block_products(model: LoadedModel, texts: list[str], layer: int) -> float:
    """Multiply-adds of the linear layers up to `layer` over the real tokens; attention left out."""
    import torch

    tokens = sum(len(row) for row in model.tokenize(texts, RowForm(MAX_LENGTH)).rows)
    backend: Any = getattr(model.backend, "_inner", model.backend)  # of a sentence encoder, its transformer
    lists = [m for m in backend.model.modules() if isinstance(m, torch.nn.ModuleList) and len(m) == backend.layers]
    if not lists:
        return float("nan")
    blocks = max(lists, key=lambda m: sum(1 for _ in m.modules()))[:layer]
    return float(tokens) * sum(m.weight.numel() for m in blocks.modules() if isinstance(m, torch.nn.Linear))


def measure(name: str, data: Path, rows: int, rounds: int, python: str | None, device: str, place: Path) -> list[str]:
    """One model's rows of the table.

    Raises:
        ValueError: two fp32 sides differ by more than TOLERANCE.
    """
    zoo = find(name)
    ready(zoo)
    artefact = resolve(ModelReference.parse(zoo.reference), cache_dir())
    texts = smiles(data, rows) if zoo.reads == "smiles" else mixed_texts(data, rows)
    listed = place / f"{name}.json"
    listed.write_text(json.dumps(texts))
    budget = CPU_TOKENS if device == "cpu" else GPU_TOKENS
    models = {one: load_model(artefact, Runtime(one, device, 1)) for one in ("fp32", "bf16")}
    last, middle = models["fp32"].facts.layers, (models["fp32"].facts.layers + 1) // 2
    runs: dict[str, Callable[[], Any]] = {
        "dataset order, batches of 32, fp32": lambda: dataset_order(models["fp32"], texts, LayerPooling(last, "mean")),
        "ours, fp32": lambda: ours(models["fp32"], texts, LayerPooling(last, "mean"), budget),
        "ours, bf16": lambda: ours(models["bf16"], texts, LayerPooling(last, "mean"), budget),
        "ours, bf16, middle layer (the default)": lambda: ours(
            models["bf16"], texts, LayerPooling(middle, "mean"), budget
        ),
    }
    folder = None if python is None else folder_for_peers(artefact, place)
    peers = (
        []
        if python is None or folder is None
        else [
            Peer(python, device, side, folder, listed, place)
            for side in ("sentence-transformers", "transformer-ranker")[: 2 if name in BOTH_PEERS else 1]
        ]
    )
    exact = runs["ours, fp32"]()
    drift = {side: relative_distance(run(), exact) for side, run in runs.items() if "middle" not in side}
    drift |= {peer.name: relative_distance(peer.vectors, exact) for peer in peers}
    spent: dict[str, list[float]] = {side: [] for side in (*runs, *(peer.name for peer in peers))}
    peaks: dict[str, list[float]] = {"fp32": [], "bf16": []}
    for number in range(rounds):
        for half, found in peaks.items():
            found.append(gemm_peak(half, models["fp32"].facts.width, device))
        for side, run in runs.items():
            spent[side].append(timed(run, device)[0])
        for peer in peers:
            cpu, wall = peer.round()
            spent[peer.name].append(cpu if device == "cpu" else wall)
        print(name, number, {side: round(values[-1], 2) for side, values in spent.items()}, file=sys.stderr)
    for peer in peers:
        peer.close()
    wrong = {
        side: off
        for side, off in drift.items()
        if side != "transformer-ranker" and "bf16" not in side and off > TOLERANCE
    }
    if wrong:
        raise ValueError(f"{name}: vectors of {wrong} are not ours in fp32")
    base = statistics.median(spent["sentence-transformers" if peers else "dataset order, batches of 32, fp32"])
    lines = []
    for side, values in spent.items():
        middle_one, half = statistics.median(values), "bf16" if "bf16" in side else "fp32"
        done = block_products(models["fp32"], texts, middle if "middle" in side else last)
        share = done / middle_one / statistics.median(peaks[half])
        off = f"{drift[side]:.0e}" if side in drift else "–"
        span = f"{min(values):.2f} – {max(values):.2f}"
        lines.append(
            f"| {name} ({len(texts)}) | {side} | {middle_one:.2f} | {span} | "
            f"{base / middle_one:.2f} | {share:.2f} | {off} |"
        )
    return lines


def relative_distance(found: np.ndarray, exact: np.ndarray) -> float:
    """Largest difference of a row relative to its norm."""
    return float((np.linalg.norm(found - exact, axis=1) / np.linalg.norm(exact, axis=1)).max())


def main() -> None:
    """Measure, print the table, and write it where told."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="multiplies the rows of every model")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", help="python with sentence-transformers and transformer-ranker")
    parser.add_argument("--device", default="cpu", help="cpu, or cuda for a GPU (wall seconds, then)")
    parser.add_argument(
        "--rounding", type=int, metavar="ROWS", help="only the table of what bf16 does, on so many rows"
    )
    parser.add_argument("--model", action="append", help="only these")
    parser.add_argument("-o", "--output", type=Path)
    given = parser.parse_args()
    data = data_folder()
    if given.rounding:
        print("\n".join(rounding(data, given.rounding)))
        return
    lines = [
        "| model (rows) | side | median s | range | × sentence-transformers | share of GEMM peak | rows apart |",
        "|---|---|---:|---|---:|---:|---:|",
    ]
    with tempfile.TemporaryDirectory() as place:
        for name in given.model or MODELS:
            lines += measure(
                name, data, round(MODELS[name] * given.scale), given.rounds, given.peers, given.device, Path(place)
            )
    shape = f"{os.cpu_count()} shared vCPU ({platform.machine()}), one thread"
    head = f"{datetime.now(UTC):%Y-%m-%d} · {given.device} · {shape}"
    table = f"{head} · {given.rounds} interleaved rounds; rows in brackets\n\n" + "\n".join(lines) + "\n"
    print(table)
    if given.output:
        given.output.write_text(table, encoding="utf-8")


if __name__ == "__main__":
    main()
