"""Precision: whether a device computes in bf16, how far that moves features, and when it is used.

Loads no torch unless there is a GPU to ask.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from predictor.query.settings import Precision
from predictor.spectral.spectra import Scale

DRIFT_LIMIT = 0.05
"""Largest drift at which `auto` takes bf16. tests/benchmarks/extraction.md shows drifts and what they do to answers."""

PROBE_ROWS = (
    (
        "The film never finds its feet, and by the second hour neither do we.",
        "Water boils at a lower temperature on a mountain than by the sea.",
        "I used to walk my neighbour's dog, but I stopped because he moved to Ohio.",
        "yes",
        "A detective returns to the village of his childhood and finds that nobody remembers him.",
        "How many people live in the largest city of Brazil?",
        "warm, funny and wise",
        "The committee postponed its vote until the auditors had read every one of the 214 invoices.",
        "She said that she would rather sell the house than paint that fence again!",
        "Profits fell by 12% in the third quarter.",
        "Who wrote the opera about the barber?",
        "an overlong, joyless exercise in noise",
    ),
    (
        "CCO",
        "c1ccccc1C(=O)O",
        "CC(=O)Oc1ccccc1C(=O)O",
        "CN1C=NC2=C1C(=O)N(C(=O)N2C)C",
        "C[C@H](N)C(=O)O",
        "ClC(Cl)(Cl)Cl",
        "CC(C)Cc1ccc(cc1)C(C)C(=O)O",
        "[Na+].[Cl-]",
        "O=C(O)CC(O)(CC(=O)O)C(=O)O",
        "CCCCCCCCCCCCCCCC",
        "NS(=O)(=O)c1ccc(N)cc1",
        "FC(F)(F)c1ccccc1Br",
    ),
)
"""Rows of the two kinds that models here read; the drift is the worse of the two."""


def device_computes_bf16(device: str) -> bool:
    """Whether matrix products in bf16 are native: on a CPU with AMX or AVX-512 BF16, on a GPU that reports it.

    Args:
        device: `cpu`, `cuda`, or `auto`.
    """
    if device != "cpu" and Path("/dev/nvidiactl").exists():
        import torch

        if torch.cuda.is_available():
            return bool(torch.cuda.is_bf16_supported())
    return not device.startswith("cuda") and bool({"amx_bf16", "avx512_bf16"} & _cpu_flags())


@cache
def _cpu_flags() -> frozenset[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return frozenset()  # another system: nothing is known of its CPU
    return frozenset(next((line for line in lines if line.startswith("flags")), "").split())


def preferred_precision(asked: Precision, device: str) -> str:
    """`bf16` where it is asked for or `auto`, and the device has it; else `fp32`."""
    return "bf16" if asked != "fp32" and device_computes_bf16(device) else "fp32"


def drift_allowed(drift: Sequence[float], layers: Sequence[int]) -> bool:
    """Whether every one of these layers drifts by no more than the limit."""
    return max((drift[layer] for layer in layers), default=0.0) <= DRIFT_LIMIT


def drift_of(exact: NDArray[np.floating], rounded: NDArray[np.floating]) -> float:
    """How far features move, as a share of their spread: √ mean ‖z' − z‖² with z standardised as estimators see it.

    Args:
        exact, rounded: (n, d) of the same rows.

    Returns:
        0 where nothing moves; 1 where the rounding is as large as the differences between rows.
    """
    moved = np.subtract(rounded, exact, dtype=np.float64) * Scale.of(exact).weight
    return float(np.sqrt(np.mean(np.sum(moved**2, axis=1))))
