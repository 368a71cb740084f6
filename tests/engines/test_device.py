"""Answer devices: the same numbers from torch as from numpy, and clear words where a device is missing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.overrides import TorchFunctionMode

from predictor.api import predict
from predictor.engines.device import open_device
from predictor.engines.torch_device import TorchDevice
from predictor.errors import InputError, LimitError
from predictor.estimators.problem import Representation
from predictor.intake.request import build_query
from predictor.query.settings import Settings
from predictor.ranking.rank import rank_steps
from predictor.statistics.device import HOST
from predictor.steps import drain
from predictor.store.arrays import ArraySource

ROWS, FULL_AT = 150, 70
KINDS = ("nothing", "descriptions", "weak labels", "gold labels", "numbers", "three classes", "own training")
REL, ABS = 1e-6, 1e-9


def given(kind: str, classes: np.ndarray) -> dict[str, object]:
    """The evidence of one kind."""
    rng, weak = np.random.default_rng(2), {f"w{i}": np.where(classes == 1, 0.8, 0.3) for i in range(3)}
    known = rng.random(ROWS) < 1 / 3
    match kind:
        case "descriptions":
            return {"proxies": {"score": classes + rng.standard_normal(ROWS)}}
        case "weak labels":
            return {
                "weak_labels": {name: np.clip(p + 0.1 * rng.standard_normal(ROWS), 0, 1) for name, p in weak.items()}
            }
        case "gold labels":
            return {"labels": np.where(known, classes, np.nan)}
        case "numbers":
            return {"labels": np.where(known, classes + rng.standard_normal(ROWS), np.nan), "weak_rows": 60}
        case "three classes":
            return {"labels": np.where(known, classes + (rng.random(ROWS) < 0.4), np.nan), "weak_rows": 60}
        case "own training":
            return {"weak_rows": 30, "student_rows": 40, "weak_ridge": 0.1, "student_ridge": 0.02}
    return {}


@pytest.fixture(scope="module")
def arrays() -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:
    """A student of more dimensions than training rows, candidates of more and of fewer, and classes that it sees."""
    rng = np.random.default_rng(0)
    strong = rng.standard_normal((ROWS, 80)) @ np.diag(np.linspace(1.0, 0.1, 80))
    weak = {f"w{i}": strong[:, :d] + (0.3 + i) * rng.standard_normal((ROWS, d)) for i, d in enumerate((8, 20, 70))}
    return strong, weak, (strong[:, 0] > 0).astype(np.float64)


def numbers(value: object, path: str = "") -> dict[str, float]:
    """Every number of an answer by its place, timings left out."""
    if isinstance(value, dict):
        return {
            k: v for name, one in value.items() if name != "timings" for k, v in numbers(one, f"{path}.{name}").items()
        }
    if isinstance(value, list | tuple):
        return {k: v for i, one in enumerate(value) for k, v in numbers(one, f"{path}[{i}]").items()}
    return {path: float(value)} if isinstance(value, int | float) and not isinstance(value, bool) else {}


@pytest.mark.parametrize("kind", KINDS)
def test_torch_agrees_with_numpy(kind, arrays):
    """Errors, gains, intervals, the null and all else of an answer agree to a millionth, whatever the evidence."""
    strong, weak, classes = arrays
    host, other = (
        predict(strong=strong, weak=weak, answer_device=device, **given(kind, classes)).to_dict()
        for device in ("numpy", "cpu")
    )
    assert (host["provenance"]["request"]["answer_device"], other["provenance"]["request"]["answer_device"]) == (
        "numpy",
        "cpu",
    )
    expected, found = numbers(host), numbers(other)
    assert ".candidates[2].predicted_gain.low" in expected
    assert expected.keys() == found.keys()
    for place, value in expected.items():
        assert found[place] == pytest.approx(value, rel=REL, abs=ABS), place


class FakeGpuRules(TorchFunctionMode):
    """What holds for tensors on a GPU, on the CPU: numpy reads none that was not moved, and computes with none."""

    def __init__(self) -> None:
        super().__init__()
        self.moved: list[torch.Tensor] = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        name = getattr(func, "__name__", "")
        if name in ("__array__", "numpy") and not any(args[0] is one for one in self.moved):
            raise TypeError("numpy cannot read a tensor on a GPU")
        if name not in ("asarray", "__getitem__") and any(isinstance(one, np.ndarray) for one in args):
            raise TypeError(f"{name} of a tensor on a GPU and an array of numpy")
        found = func(*args, **(kwargs or {}))
        if name == "to":
            self.moved.append(found)
        return found


@pytest.mark.parametrize("kind", KINDS)
def test_numpy_and_tensors_are_not_mixed(kind, arrays, monkeypatch):
    """On one thread, as the rules hold for the thread that sets them."""
    strong, weak, classes = arrays
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    with FakeGpuRules():
        assert predict(strong=strong, weak=weak, answer_device="cpu", **given(kind, classes)).candidates


def test_fake_rules_refuse_what_a_gpu_refuses():
    """Reading a tensor and computing with both kinds fail; a tensor that was moved is read."""
    with FakeGpuRules() as rules:
        tensor = torch.ones(2)
        for mixed in (lambda: np.asarray(tensor), lambda: np.ones(2) + tensor, lambda: tensor * np.ones(2)):
            with pytest.raises(TypeError, match=r"GPU|NumPy"):
                mixed()
        assert np.asarray(tensor.to("cpu")).sum() == 2.0
    assert len(rules.moved) == 1


def test_threads_give_the_same_numbers(arrays, monkeypatch):
    """Candidates on three threads, all computing on one device, as on one thread."""
    strong, weak, _ = arrays
    found = []
    for threads in ("1", "3"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        found.append(numbers(predict(strong=strong, weak=weak, answer_device="cpu").to_dict()))
    assert found[0] == pytest.approx(found[1], rel=1e-9)


def test_names_are_checked_before_anything_is_read():
    """A word that names no device, an Apple GPU among them, is refused by the settings."""
    for name in ("gpu", "cuda:", "cuda:x", "torch"):
        with pytest.raises(InputError, match="must be numpy, cpu, cuda, cuda:N for GPU number N, or auto"):
            Settings(answer_device=name)
    with pytest.raises(InputError, match=r"Apple's GPUs \(mps\) have no 64-bit numbers"):
        Settings(answer_device="mps")


@pytest.mark.parametrize(("count", "seen"), [(0, "no GPU"), (2, "cuda:0, cuda:1")])
def test_missing_gpu_is_named_with_those_there_are(count, seen, monkeypatch):
    """The error says what was asked for, what torch sees and what to give instead."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    with pytest.raises(
        InputError, match=f"answer_device is cuda:7, and torch .* sees {seen} here; give numpy, cpu"
    ) as info:
        open_device("cuda:7")
    assert (info.value.reason, info.value.field) == ("NO_DEVICE", "answer_device")


def test_auto_takes_the_first_gpu_or_numpy(monkeypatch):
    """`cuda` is the first as well; numpy needs no look at torch."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert open_device("auto") is HOST
    assert open_device("numpy") is HOST
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert (open_device("auto").name, open_device("cuda").name, open_device("cuda:1").name) == (
        "cuda:0",
        "cuda:0",
        "cuda:1",
    )


def test_too_little_memory_is_said_with_what_to_do():
    """More than any address space is refused in words; other errors of torch pass."""
    device = TorchDevice("cpu")
    with (
        pytest.raises(LimitError, match=r"cpu has too little memory .*Give --max-rows for fewer rows") as info,
        device.running(),
    ):
        torch.empty(1 << 60)
    assert info.value.reason == "DEVICE_MEMORY"
    with pytest.raises(RuntimeError, match="shape"), device.running():
        torch.ones(2, 3) @ torch.ones(2, 3)


class FakeFullDevice(TorchDevice):
    """A device without room for features of one width."""

    def put(self, array):
        if array.shape[-1:] == (FULL_AT,):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nMore.")
        return super().put(array)


def test_full_device_ends_the_answer(arrays):
    """No candidate is dropped for the device's sake."""
    strong, weak, _ = arrays
    query = build_query(strong=strong, weak=weak)
    with pytest.raises(LimitError, match=r"for this answer \(CUDA out of memory. Tried to allocate 2.00 GiB.\)"):
        drain(rank_steps(query, ArraySource(), device=FakeFullDevice("cpu")))


def test_kernels_stay_with_numpy(arrays):
    """Labels are drawn along eigenvectors: one turned round would draw others, for all that is the same kernel."""
    strong, *_ = arrays
    one, other = (Representation("s", strong, device=device).kernel for device in (HOST, TorchDevice("cpu")))
    np.testing.assert_array_equal(one.vectors, other.vectors)


def test_settings_of_torch_are_put_back():
    """One thread for each operation and whole 32-bit numbers inside, as before afterwards."""

    def now():
        return torch.get_num_threads(), torch.get_float32_matmul_precision()

    before = now()
    torch.set_num_threads(2)
    torch.set_float32_matmul_precision("medium")
    try:
        with TorchDevice("cpu").running():
            assert now() == (1, "highest")
        assert now() == (2, "medium")
    finally:
        torch.set_num_threads(before[0])
        torch.set_float32_matmul_precision(before[1])
