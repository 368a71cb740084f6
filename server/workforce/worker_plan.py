"""Slots: how many workers there are, and what each may take of the machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from predictor.errors import InputError
from predictor.extraction.memory import total_memory
from predictor.statistics.threads import usable_threads
from server.config import Limits

_MIN_BUDGET = 8 << 30
"""Where no budget is given: less would not let two workers load their libraries and a small model."""

_DRIVER = Path("/proc/driver/nvidia/gpus")


@dataclass(frozen=True)
class Share:
    """What one worker may take.

    Attributes:
        number: of the slot, from 0.
        device: the GPU that it sees, as CUDA_VISIBLE_DEVICES names it; "" for none, None where there are no GPUs.
        threads: on which it runs models.
        data_bytes: its RLIMIT_DATA; 0 for none.
        niceness: how far it stands behind the process that answers calls, as nice(1) counts.
    """

    number: int
    device: str | None
    threads: int
    data_bytes: int
    niceness: int = 5


def plan_slots(limits: Limits, devices: tuple[str, ...]) -> tuple[Share, ...]:
    """One slot a GPU, or `workers` of them where there is none; CPU and memory budgets are shared evenly.

    Each worker for Predict, and the one for fits of calibrations, has half a share of the memory too.
    """
    seen: tuple[str | None, ...] = devices or (None,) * limits.workers
    threads = limits.worker_threads or max(1, (limits.cpu_budget_threads or usable_threads()) // len(seen))
    halves = 2 * len(seen) + limits.predict_workers + 1
    data = limits.worker_data_bytes or 2 * _memory_budget(limits, devices) // halves
    return tuple(Share(number, device, threads, data) for number, device in enumerate(seen))


def _memory_budget(limits: Limits, devices: tuple[str, ...]) -> int:
    """Bytes of all workers together; 0 for none, as for GPUs, whose drivers map more memory than they use."""
    if limits.memory_budget_bytes or devices:
        return limits.memory_budget_bytes
    return max(_MIN_BUDGET, total_memory() * 3 // 4)


def side_share(slots: tuple[Share, ...], limits: Limits) -> Share:
    """The share of each worker that answers Predict, and of the one that fits: neither needs a GPU."""
    first = slots[0]
    data = limits.worker_data_bytes or first.data_bytes // 2
    return Share(-1, None if first.device is None else "", first.threads, data)


def find_devices(
    asked: str = "auto", environment: Mapping[str, str] = os.environ, driver: Path = _DRIVER
) -> tuple[str, ...]:
    """The GPUs to use, one worker each, as CUDA_VISIBLE_DEVICES names them.

    Args:
        asked: `auto` for CUDA_VISIBLE_DEVICES, or else what the driver shows; `none`; or names joined by commas.
        environment: variables.
        driver: folder in which NVIDIA's driver shows one entry a GPU.

    Raises:
        InputError: a name is empty or given twice, or a number is beyond the GPUs that the driver shows.
    """
    if asked == "none":
        return ()
    shown = len(list(driver.glob("*")))
    if asked == "auto":
        named = environment.get("CUDA_VISIBLE_DEVICES")
        if named is None:
            return tuple(str(number) for number in range(shown))
        return tuple(name.strip() for name in named.split(",") if name.strip() not in ("", "-1"))
    names = tuple(name.strip() for name in asked.split(","))
    if not all(names) or len(set(names)) < len(names):
        raise InputError(
            f"devices are {asked!r}; give auto, none, or the names of GPUs joined by commas, each once, as in 0,1.",
            reason="BAD_DEVICES",
            field="devices",
        )
    beyond = [name for name in names if name.isdecimal() and int(name) >= shown] if shown else []
    if beyond:
        raise InputError(
            f"devices are {asked!r}, and there is no GPU {', '.join(beyond)}: the driver shows {shown}, from 0 on.",
            reason="BAD_DEVICES",
            field="devices",
        )
    return names
