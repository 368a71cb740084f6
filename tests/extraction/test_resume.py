"""Row-level resume: a run that was killed, cancelled or failed goes on with the rows that are missing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from predictor.errors import LimitError
from predictor.extraction.backend import LayerPooling
from predictor.extraction.extractor import Extractor
from predictor.extraction.forward import run_passes
from predictor.query.model_spec import read_spec
from predictor.query.pool import Pool
from predictor.query.settings import Settings
from predictor.query.source import FeatureSet
from predictor.steps import drain
from predictor.store import partial as partial_module
from predictor.store.features import FeatureStore
from predictor.store.partial import PartialFeatures
from tests.extraction import tiny
from tests.extraction.fakes import FakeBackend, FakeTokenizer, fake_model
from tests.weights import SENTENCES

ROWS = FakeTokenizer().encode([f"row number {i} {'x' * (i % 17)}" for i in range(60)], 100).rows
OUTPUTS = (LayerPooling(1, "mean"), LayerPooling(3, "cls"))
ENTRIES = ("a", "b")
TEXTS = [f"{text} {place}" for place, text in enumerate(SENTENCES * 20)]


@pytest.fixture(autouse=True)
def eager(monkeypatch):
    """A part after every batch."""
    monkeypatch.setattr(PartialFeatures, "flush_seconds", 0.0)


def stopped_run(tmp_path: Path, passes: int) -> PartialFeatures:
    """The parts of a run that was closed after some passes."""
    left = PartialFeatures(tmp_path, ENTRIES)
    steps = run_passes(fake_model(FakeBackend()), ROWS, OUTPUTS, 64, left)
    for _ in range(passes + 1):
        next(steps)
    steps.close()
    return left


def batches_of_one_run() -> list[tuple[int, int]]:
    """Rows and tokens of every batch of an undisturbed run."""
    whole = FakeBackend()
    drain(run_passes(fake_model(whole), ROWS, OUTPUTS, 64))
    return whole.batches


def test_the_missing_rows_alone_are_run_and_the_values_are_bit_for_bit_those_of_one_run(tmp_path):
    whole, resumed = FakeBackend(), FakeBackend()
    expected = drain(run_passes(fake_model(whole), ROWS, OUTPUTS, 64))
    stopped_run(tmp_path, 7)
    again = PartialFeatures(tmp_path, ENTRIES)
    done: list[int] = []
    found = drain(run_passes(fake_model(resumed), ROWS, OUTPUTS, 64, again), done.append)
    assert resumed.batches == whole.batches[7:]
    assert done[0] > 0
    assert done[-1] == len(ROWS)
    for output in OUTPUTS:
        np.testing.assert_array_equal(found[output], expected[output])


def test_a_failed_run_stores_what_it_read(tmp_path):
    left = PartialFeatures(tmp_path, ENTRIES)
    with pytest.raises(LimitError):
        drain(run_passes(fake_model(FakeBackend(fits=1)), ROWS, OUTPUTS, 64, left))
    assert list(left.parts(len(ROWS))) == []
    assert not left.folder.exists()


def test_a_cancelled_run_writes_what_it_read_since_the_last_part(tmp_path, monkeypatch):
    monkeypatch.setattr(PartialFeatures, "flush_seconds", 3600.0)
    left = stopped_run(tmp_path, 7)
    ((rows, values),) = left.parts(len(ROWS))
    assert len(rows) == len(values[0]) == sum(count for count, _ in batches_of_one_run()[:7])


@pytest.mark.parametrize("damage", ["cut", "bit", "empty"])
def test_a_damaged_part_is_computed_again(tmp_path, damage):
    left = stopped_run(tmp_path, 5)
    file = sorted(left.folder.iterdir())[2]
    raw = bytearray(file.read_bytes())
    if damage == "bit":
        raw[len(raw) // 2] ^= 1
    file.write_bytes({"cut": raw[:-9], "bit": raw, "empty": b""}[damage])
    resumed = FakeBackend()
    expected = drain(run_passes(fake_model(FakeBackend()), ROWS, OUTPUTS, 64))
    found = drain(run_passes(fake_model(resumed), ROWS, OUTPUTS, 64, left))
    np.testing.assert_array_equal(found[OUTPUTS[0]], expected[OUTPUTS[0]])


@pytest.mark.parametrize(("entries", "rows"), [(("b", "a"), 60), (("a",), 60), (ENTRIES, 5)])
def test_parts_of_other_outputs_or_rows_are_not_taken(tmp_path, entries, rows):
    stopped_run(tmp_path, 5)
    assert list(PartialFeatures(tmp_path, entries).parts(rows)) == []


def test_a_full_disk_costs_the_parts_and_not_the_run(tmp_path, monkeypatch):
    def full(path, chunks):
        raise LimitError("the disk is full.", reason="STORAGE_FULL")

    monkeypatch.setattr(partial_module, "replace_file", full)
    left = PartialFeatures(tmp_path, ENTRIES)
    found = drain(run_passes(fake_model(FakeBackend()), ROWS, OUTPUTS, 64, left))
    assert len(found[OUTPUTS[0]]) == len(ROWS)


def test_abandoned_parts_are_swept_and_counted(tmp_path):
    left = stopped_run(tmp_path, 3)
    store = FeatureStore(tmp_path)
    size = store.size()
    assert size == sum(path.stat().st_size for path in left.folder.iterdir()) > 0
    assert len(store.idle()) == 3
    assert store.tidy() == 0
    for path in left.folder.iterdir():
        os.utime(path, (1, 1))
    assert store.tidy() == size
    assert not left.folder.exists()


KILLED = """
import sys
from pathlib import Path
from predictor.extraction.extractor import Extractor
from predictor.query.model_spec import read_spec
from predictor.query.pool import Pool
from predictor.query.settings import Settings
from predictor.steps import drain
from predictor.store.partial import PartialFeatures

PartialFeatures.flush_seconds = 0.0
model, cache, rows = sys.argv[1:]
texts = Path(rows).read_text().splitlines()
steps = Extractor(Path(cache), 256, prefetch=False).features(
    read_spec(model), Pool.of(texts), Settings(precision="fp32", layer="1")
)
drain(steps, lambda step: print(step.phase, step.done, flush=True))
"""


def read(model: Path, extractor: Extractor, seen: list[int]) -> FeatureSet:
    steps = extractor.features(read_spec(str(model)), Pool.of(TEXTS), Settings(precision="fp32", layer="1"))
    (found,) = drain(steps, lambda step: seen.append(step.done) if step.phase == "extract" else None)
    return found


def test_a_process_that_is_killed_while_reading_goes_on_where_it_stopped(tmp_path):
    model = tiny.language_model(tmp_path / "model")
    rows = tmp_path / "rows.txt"
    rows.write_text("\n".join(TEXTS))
    command = [sys.executable, "-c", KILLED, str(model), str(tmp_path / "cache"), str(rows)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            phase, done = line.split()
            if phase == "extract" and int(done) > len(TEXTS) // 4:
                process.send_signal(signal.SIGKILL)
                break
        process.wait(120)
    assert process.returncode == -signal.SIGKILL
    resumed, anew = Extractor(tmp_path / "cache", 256), Extractor(tmp_path / "other", 256)
    after_kill: list[int] = []
    found = read(model, resumed, after_kill)
    expected = read(model, anew, [])
    assert after_kill[0] > len(TEXTS) // 4
    assert 0 < resumed.forward_passes < anew.forward_passes
    np.testing.assert_array_equal(found.values, expected.values)
    assert not list((tmp_path / "cache" / "features" / "partial").glob("*"))


def test_a_short_run_writes_no_part(tmp_path, monkeypatch):
    monkeypatch.setattr(PartialFeatures, "flush_seconds", 3600.0)
    left = PartialFeatures(tmp_path, ENTRIES)
    drain(run_passes(fake_model(FakeBackend()), ROWS, OUTPUTS, 64, left))
    assert not left.folder.exists()
