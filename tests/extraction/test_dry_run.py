"""Plans: what a ranking would read is counted once each, labels and refined labels too, and found again afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from predictor.extraction.dry_run import CHARACTERS_PER_TOKEN, WEIGHTS_PER_SECOND, plan
from predictor.extraction.extractor import Extractor
from predictor.intake.request import build_query
from predictor.ranking.refining import MAX_ROWS
from predictor.steps import drain
from tests.extraction import tiny
from tests.weights import SENTENCES

ROWS = [f"{text} {place}" for place, text in enumerate(SENTENCES * 40)]
WORDS = ("bad", "good")


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    tiny.encoder_classifier(folder / "bert")
    tiny.language_model(folder / "llama")
    return folder


def asked(models, *weak, **options):
    return build_query(strong=f"strong={models / 'llama'}", weak=weak, pool=ROWS, **options)


def seconds(folder, texts, frame=0, limit=256):
    """Weights × tokens, by the files alone: four bytes a weight, the configuration counted with them."""
    weights = sum((folder / name).stat().st_size for name in ("model.safetensors", "config.json")) / 4
    return weights * sum(min(limit, 2 + (len(t) + frame) / CHARACTERS_PER_TOKEN) for t in texts) / WEIGHTS_PER_SECOND


def test_labels_by_models_are_passes_of_their_own(tmp_path, models):
    weak = (
        f"a={models / 'bert'}#labels=logits",
        f"b={models / 'llama'}#labels=words",
        f"c={models / 'bert'}#layer=1,2",
    )
    found = plan(asked(models, *weak, label_words=WORDS, prompt="Review: {text}\nIt is"), MAX_ROWS, tmp_path)
    assert [(s.name, s.work, s.state) for s in found] == [
        ("strong", "features", "to read"),
        ("a", "features", "to read"),
        ("b", "features", "to read"),
        ("c", "features", "to read"),
        ("a", "labels", "to read"),
        ("b", "labels", "to read"),
    ]
    assert [s.layers for s in found[4:]] == ["logits", "words"]
    assert found[4].seconds == pytest.approx(seconds(models / "bert", ROWS))
    # `Review: `, `\nIt is` and ` bad` stand around each row.
    assert found[5].seconds == pytest.approx(seconds(models / "llama", ROWS, frame=8 + 6 + 4))


@pytest.mark.parametrize("kind", ["logits", "words"])
def test_labels_that_are_kept_cost_nothing(tmp_path, models, kind):
    model = models / ("bert" if kind == "logits" else "llama")
    query = build_query(
        strong=str(models / "bert"), weak=[f"a={model}#labels={kind}"], pool=ROWS[:30], label_words=WORDS
    )
    drain(Extractor(tmp_path).labels(query.weak[0], query.pool, query.settings))
    step = plan(query, MAX_ROWS, tmp_path)[-1]
    assert (step.work, step.state, step.seconds) == ("labels", "cached", 0.0)
    longer = build_query(
        strong=str(models / "bert"), weak=[f"a={model}#labels={kind}"], pool=ROWS[:31], label_words=WORDS
    )
    assert plan(longer, MAX_ROWS, tmp_path)[-1].state == "to read"


def test_prompted_refinement_is_two_passes_over_some_rows_for_every_candidate_that_has_labels(tmp_path, models):
    given = {"b": [[0.2, 0.8]] * len(ROWS)}
    weak = {"a": f"{models / 'bert'}#labels=logits", "b": f"{models / 'bert'}#layer=1,2", "c": str(models / "bert")}
    query = build_query(
        strong=str(models / "llama"), weak=weak, pool=ROWS, weak_labels=given, label_words=WORDS, refine="prompted"
    )
    step = plan(query, MAX_ROWS, tmp_path)[-1]
    assert (step.work, step.state, step.layers) == ("refined labels", "to read", "2")
    # `\nLabel:` and ` bad` stand around each row.
    whole = seconds(models / "llama", ROWS, frame=7 + 4)
    assert len(ROWS) > MAX_ROWS
    assert step.seconds == pytest.approx(2 * 2 * whole * MAX_ROWS / len(ROWS))


def test_heads_on_gold_rows_are_refined_once_a_layer_on_the_other_rows(tmp_path, models):
    labels = [None if i % 2 else "bad" if i % 4 else "good" for i in range(100)]
    query = build_query(
        strong=str(models / "llama"),
        weak=[f"b={models / 'bert'}#layer=1,2"],
        pool=ROWS[:100],
        labels=labels,
        label_words=WORDS,
        refine="prompted",
    )
    step = plan(query, MAX_ROWS, tmp_path)[-1]
    assert step.layers == "2"
    assert step.seconds == pytest.approx(2 * 2 * 0.5 * seconds(models / "llama", ROWS[:100], frame=7 + 4))


def test_models_that_cannot_label_are_told_before_anything_is_read(tmp_path, models):
    weak = ["a=array:a.npy#labels=logits", f"gone={models / 'gone'}#labels=logits"]
    found = plan(asked(models, *weak), MAX_ROWS, tmp_path)
    assert "is an array of features, which labels nothing by itself" in found[-2].error
    assert "does not exist" in found[-1].error
    assert [s.state for s in found[-2:]] == ["error", "error"]
