"""Row-level resume of labels: a model that was stopped while it labelled rows goes on with those that are missing."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from predictor.extraction.extractor import Extractor
from predictor.query.model_spec import read_spec
from predictor.query.pool import Pool
from predictor.query.prompt import LabelPrompt
from predictor.query.settings import Settings
from predictor.query.source import Predicted
from predictor.statistics.arrays import Floats
from predictor.steps import Progress, Steps, drain
from predictor.store.partial import PartialFeatures
from tests.extraction import tiny
from tests.weights import SENTENCES

TEXTS = [f"{text} {place}" for place, text in enumerate(SENTENCES * 12)]
WORDS = {"one token": ("negative", "positive"), "several": ("negative", "positive, in all", "positive")}

KILLED = """
import sys
from pathlib import Path
from predictor.extraction.extractor import Extractor
from predictor.query.model_spec import read_spec
from predictor.query.pool import Pool
from predictor.query.prompt import LabelPrompt
from predictor.query.settings import Settings
from predictor.steps import drain
from predictor.store.partial import PartialFeatures

PartialFeatures.flush_seconds = 0.0
model, cache, rows, *words = sys.argv[1:]
settings = Settings(label_prompt=LabelPrompt(tuple(words)) if words else None)
pool = Pool.of(Path(rows).read_text().splitlines())
drain(
    Extractor(Path(cache), 256, prefetch=False).labels(read_spec(model), pool, settings),
    lambda step: print(step.phase, step.done, flush=True),
)
"""


@pytest.fixture(autouse=True)
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """A part after every batch."""
    monkeypatch.setattr(PartialFeatures, "flush_seconds", 0.0)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A language model and a classifier."""
    folder = tmp_path_factory.mktemp("models")
    tiny.language_model(folder / "words")
    tiny.encoder_classifier(folder / "logits", names=("Spam", "ham", "eggs"), outputs=3)
    return folder


def label(extractor: Extractor, reference: str, words: tuple[str, ...]) -> tuple[Predicted, list[int]]:
    """The labels, and the rows done at every step."""
    settings, seen = Settings(label_prompt=LabelPrompt(words) if words else None), list[int]()
    steps = extractor.labels(read_spec(reference), Pool.of(TEXTS), settings)
    return drain(steps, lambda step: seen.append(step.done) if step.phase == "label" else None), seen


@pytest.mark.parametrize(
    ("kind", "words"), [("words", WORDS["one token"]), ("words", WORDS["several"]), ("logits", ())]
)
def test_killed(tmp_path: Path, models: Path, kind: str, words: tuple[str, ...]) -> None:
    """After a kill the missing rows alone are read, labels are bit for bit those of one run, and no part is left."""
    reference = f"{models / kind}#labels={kind}"
    rows = tmp_path / "rows.txt"
    rows.write_text("\n".join(TEXTS))
    command = [sys.executable, "-c", KILLED, reference, str(tmp_path / "cache"), str(rows), *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            phase, done = line.split()
            if phase == "label" and int(done) > len(TEXTS) // 4:
                process.send_signal(signal.SIGKILL)
                break
        process.wait(120)
    assert process.returncode == -signal.SIGKILL
    resumed, anew = Extractor(tmp_path / "cache", 256), Extractor(tmp_path / "other", 256)
    found, after_kill = label(resumed, reference, words)
    expected, whole = label(anew, reference, words)
    assert max(after_kill[:2]) > len(TEXTS) // 4
    assert len(after_kill) < len(whole)
    np.testing.assert_array_equal(found.values, expected.values)
    assert not list((tmp_path / "cache" / "features" / "partial").glob("*"))


def test_cancelled_refinement(tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows shown in context are no hindrance: what was read since the last part is written when a run is closed."""
    monkeypatch.setattr(PartialFeatures, "flush_seconds", 3600.0)
    pool, settings = Pool.of(TEXTS[:30]), Settings(label_prompt=LabelPrompt(WORDS["one token"]))
    labels = np.linspace(0.0, 1.0, 30)[:, None]
    contexts = [np.repeat([[0, 5], [7, 9]], 15, axis=0)]

    def refine(cache: str) -> Steps[tuple[Floats, ...]]:
        extractor = Extractor(tmp_path / cache, 128)
        return extractor.refined(read_spec(str(models / "words")), pool, settings, labels, contexts)

    steps = refine("stopped")
    while next(steps).done <= 15:
        pass
    steps.close()
    seen: dict[str, list[Progress]] = {"stopped": [], "whole": []}
    (found,), (expected,) = (drain(refine(cache), seen[cache].append) for cache in seen)
    np.testing.assert_array_equal(found, expected)
    assert len(seen["stopped"]) < len(seen["whole"])
