"""Which architectures are read, and how exactly: against transformers itself, one row at a time, unpadded.

    python -m tests.benchmarks.compatibility [-o tests/benchmarks/compatibility.md] [--only bert llama]

Every architecture that is read is built tiny, with random weights, by its own library, written to a folder, a graph or
a file, and read from there with rows of very different lengths in shared batches. Each layer and pooling is compared
with a plain forward pass of the model that was written. Twice: in fp32, and as it is read by default (`auto`), which is
bf16 where the device computes in it and the model tolerates it. The error of a row is relative to the length of its
vector; a cell is the worst row. Exit code 1 where an fp32 cell is above 1e-5.
"""

from __future__ import annotations

import argparse
import csv
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass, fields
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

import transformers
from transformers.utils import logging

from predictor.errors import W2SError
from predictor.extraction.extractor import Extractor
from predictor.models.architectures import DECODERS, ENCODER_DECODERS, ENCODERS
from predictor.query.model_spec import read_spec
from predictor.query.pool import Pool
from predictor.query.row_form import RowForm
from predictor.query.settings import Precision, Settings
from predictor.steps import drain
from tests.benchmarks.compatibility_models import LAYERS, tiny_model, write_folder, write_gguf, write_onnx
from tests.extraction.plain import one_by_one, relative_error
from tests.extraction.tiny import byte_level
from tests.weights import SENTENCES

FAR, ASKED = 1e-5, 1e-6
"""fp32 errors that are a failure, and those that are within rounding."""

ONNX = ("albert", "bert", "distilbert", "electra", "gpt2", "mpnet", "roberta", "xlm-roberta")
GGUF = ("llama", "qwen2")
POOLINGS = ("mean", "last", "cls")
ROWS = (*SENTENCES[:2], *SENTENCES[3:], " ".join(SENTENCES), "x")
"""Of 1 to some 80 tokens."""


@dataclass(frozen=True)
class Cell:
    """One layer and pooling of one model from one source.

    Attributes:
        precision: asked for: `fp32` or `auto`.
        read_in: precision that it was read in.
        batching: what the self-check found.
        error: worst row; None where it was not read.
        why: it was not read.
    """

    architecture: str
    family: str
    source: str
    precision: str
    read_in: str
    batching: str
    layer: int | None
    pooling: str
    error: float | None
    why: str = ""


def cells(kind: str, family: str, folder: Path, tokenizer: Path, vocabulary: int) -> Iterator[Cell]:
    """Every cell of one architecture."""
    try:
        model = tiny_model(kind, vocabulary)
    except ValueError as error:
        yield Cell(kind, family, "safetensors", "fp32", "", "", None, "", None, str(error))
        return
    network = model.get_encoder() if model.config.is_encoder_decoder else model
    writers: dict[str, Callable[[], str]] = {
        "safetensors": lambda: str(write_folder(model, folder / "safetensors", tokenizer))
    }
    if kind in ONNX:
        writers["onnx"] = lambda: f"onnx:{write_onnx(network, folder / 'onnx', tokenizer)}"
    if kind in GGUF:
        writers["gguf"] = lambda: f"gguf:{write_gguf(model, folder / 'model.gguf')}#tokenizer={tokenizer}"
    for source, write in writers.items():
        reference = write()
        for precision in ("fp32", "auto") if source != "onnx" else ("fp32",):
            yield from _read(kind, family, source, reference, precision, network, folder)  # type: ignore[arg-type]


def _read(
    kind: str, family: str, source: str, reference: str, precision: Precision, network: Any, folder: Path
) -> Iterator[Cell]:
    extractor = Extractor(folder / f"cache-{source}-{precision}", threads=1, prefetch=False)
    layers = ",".join(map(str, range(LAYERS + 1)))
    mark: Literal["#", "&"] = "&" if "#" in reference else "#"
    for pooling in POOLINGS:
        spec = read_spec(f"m={reference}{mark}layer={layers}&pooling={pooling}")
        try:
            found = drain(extractor.features(spec, Pool.of(ROWS), Settings(precision=precision)))
        except Exception as error:  # every architecture is reported, also where reading it is a bug of ours
            why = (
                error.message[:160] if isinstance(error, W2SError) else f"crash: {type(error).__name__}: {error}"[:160]
            )
            yield Cell(kind, family, source, precision, "", "", None, pooling, None, why.replace(str(folder), "…"))
            return
        model = extractor.models.current
        assert model is not None
        rows = [row.tolist() for row in model.tokenize(list(ROWS), RowForm(256)).rows]
        for one in found:
            wanted = one_by_one(network, rows, int(one.layer), pooling)
            read_in = "bf16" if "bf16_drift" in one.diagnostics else "graph" if source == "onnx" else "fp32"
            error = relative_error(one.values, wanted)
            yield Cell(kind, family, source, precision, read_in, model.facts.batching, int(one.layer), pooling, error)


def page(found: list[Cell]) -> str:
    """The table: one line for each architecture and source, worst over layers and poolings."""
    exact = [cell for cell in found if cell.precision == "fp32"]
    read = sorted({cell.architecture for cell in exact if cell.error is not None})
    worst = max((cell.error for cell in exact if cell.error is not None), default=0.0)
    within = sum(cell.error is not None and cell.error <= ASKED for cell in exact)
    measured = sum(cell.error is not None for cell in exact)
    lines = [
        "# Compatibility: what is read, against transformers one row at a time",
        "",
        f"`python -m tests.benchmarks.compatibility`, transformers {transformers.__version__}, {platform.machine()}, "
        f"one thread. {len(read)} architectures are read. Each is tiny, with random weights; {len(ROWS)} rows of very "
        f"different lengths share batches. Of {measured} fp32 cells (layers 0 to {LAYERS}, poolings "
        f"{', '.join(POOLINGS)}), {within} differ by at most {ASKED:g} of the length of a row's vector, the worst by "
        f"{worst:.1e}. The column *default* is what is read without any flag: its precision, and the worst error. "
        "Every cell is in [compatibility.csv](compatibility.csv). *padded* means that rows of any lengths share a "
        "batch.",
        "",
        "| architecture | family | source | batching | fp32, worst | default | default, worst | not read |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for (kind, family, source), group in groupby(found, key=lambda cell: (cell.architecture, cell.family, cell.source)):
        here = list(group)
        fp32, auto = (_worst(here, precision) for precision in ("fp32", "auto"))
        batching = next((cell.batching for cell in here if cell.batching), "")
        chosen = "/".join(dict.fromkeys(cell.read_in for cell in here if cell.precision == "auto" and cell.read_in))
        why = next((cell.why for cell in here if cell.why), "")
        lines.append(f"| {kind} | {family} | {source} | {batching} | {fp32} | {chosen} | {auto} | {why} |")
    return "\n".join(lines) + "\n"


def _worst(found: list[Cell], precision: str) -> str:
    errors = [cell.error for cell in found if cell.precision == precision and cell.error is not None]
    return f"{max(errors):.1e}" if errors else ""


def main() -> int:
    """Measure, write both files, and fail where an fp32 cell is far off."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=Path("tests/benchmarks/compatibility.md"))
    parser.add_argument("--only", nargs="+", default=[])
    given = parser.parse_args()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    families = {"encoder": ENCODERS, "decoder": DECODERS, "encoder–decoder": ENCODER_DECODERS}
    found: list[Cell] = []
    with tempfile.TemporaryDirectory() as work:
        tokenizer = Path(work) / "tokenizer"
        vocabulary = byte_level(tokenizer)
        for family, kinds in families.items():
            for kind in kinds:
                if not given.only or kind in given.only:
                    found += cells(kind, family, Path(work) / kind, tokenizer, vocabulary)
                    print(kind, _worst([c for c in found if c.architecture == kind], "fp32"), file=sys.stderr)
    given.output.write_text(page(found), encoding="utf-8")
    with given.output.with_suffix(".csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow([field.name for field in fields(Cell)])
        table.writerows(
            [f"{v:.2e}" if isinstance(v, float) else "" if v is None else v for v in astuple(c)] for c in found
        )
    far = [cell for cell in found if cell.precision == "fp32" and (cell.error is None or cell.error > FAR)]
    for cell in far:
        print("far off or not read:", cell, file=sys.stderr)
    return 1 if far else 0


if __name__ == "__main__":
    sys.exit(main())
