"""The device that `--answer-device` names: numpy, torch on the CPU, or torch on a GPU."""

from __future__ import annotations

from importlib.util import find_spec

from predictor.errors import InputError
from predictor.models.libraries import need
from predictor.statistics.device import HOST, Device

AUTO, CPU = "auto", "cpu"


def open_device(name: str) -> Device:
    """The device of an answer; torch is loaded where it is named, and by `auto` where it is installed.

    Args:
        name: `Settings.answer_device`.

    Raises:
        UnavailableError: torch is missing.
        InputError: there is no such GPU here.
    """
    if name == HOST.name or (name == AUTO and find_spec("torch") is None):
        return HOST
    need("torch", "array_api_compat", purpose=f"the answer device {name}")
    import torch

    from predictor.engines.torch_device import TorchDevice

    if name == CPU:
        return TorchDevice(name)
    gpus = [f"cuda:{number}" for number in range(torch.cuda.device_count())]
    if name == AUTO:
        return TorchDevice(gpus[0]) if gpus else HOST
    wanted = name if ":" in name else f"{name}:0"
    if wanted not in gpus:
        raise InputError(
            f"answer_device is {name}, and torch {torch.__version__} sees {', '.join(gpus) or 'no GPU'} here; give "
            f"{', '.join((HOST.name, CPU, *gpus))} or {AUTO}. `w2s ls devices` lists what this machine has.",
            reason="NO_DEVICE",
            field="answer_device",
        )
    return TorchDevice(wanted)
