"""TorchDevice: the CPU or a GPU, as torch computes on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import torch

from predictor.errors import LimitError
from predictor.statistics.device import HOST, Numbers


@dataclass(frozen=True)
class TorchDevice:
    """A device of torch with 64-bit numbers; see `predictor.statistics.device.Device`.

    Attributes:
        name: `cpu` or `cuda:N`.
    """

    name: str

    def put(self, array: Numbers) -> Numbers:
        """The array as a tensor, which the algebra does not tell from one of numpy."""
        return cast(Numbers, torch.asarray(array, device=self.name))

    @contextmanager
    def running(self) -> Iterator[None]:
        """One thread for each operation, as candidates are shared over threads, and products of all 32 bits.

        Raises:
            LimitError: the memory of the device does not suffice.
        """
        threads, precision = torch.get_num_threads(), torch.get_float32_matmul_precision()
        torch.set_num_threads(1)
        torch.set_float32_matmul_precision("highest")
        try:
            yield
        except RuntimeError as error:
            if "alloc" not in str(error).lower():
                raise
            raise LimitError(
                f"{self.name} has too little memory for this answer ({str(error).splitlines()[0]}). Give "
                "--max-rows for fewer rows, set OMP_NUM_THREADS=1 for one candidate at a time, or leave "
                f"--answer-device out for {HOST.name}.",
                reason="DEVICE_MEMORY",
                field="answer_device",
            ) from error
        finally:
            torch.set_num_threads(threads)
            torch.set_float32_matmul_precision(precision)
            if self.name != "cpu":
                torch.cuda.empty_cache()
