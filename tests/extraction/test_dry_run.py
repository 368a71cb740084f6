"""Plans: what a ranking would read is counted once each, labels and refined labels too, and found again afterwards."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from predictor.extraction.dry_run import Step
from predictor.extraction.dry_run import plan as plan_of
from predictor.extraction.extractor import Extractor
from predictor.extraction.pass_cost import mean_tokens, multiplied_weights
from predictor.intake.request import build_query
from predictor.models.resolve import resolve
from predictor.query.model_reference import ModelReference
from predictor.query.query import RankingQuery
from predictor.ranking.rank import rank_steps
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


def plan(query: RankingQuery, refined_rows: int, cache: Path) -> tuple[Step, ...]:
    """With a rate that no busy machine changes."""
    return plan_of(query, refined_rows, cache, rate={"fp32": 1e9, "bf16": 2e9}.__getitem__)


def seconds(folder: Path, texts: list[str], frame: int = 0) -> float:
    """Of a pass in fp32 through all blocks."""
    artefact = resolve(ModelReference.parse(str(folder)), folder)
    return multiplied_weights(artefact) * mean_tokens(artefact, texts, 256, frame) * len(texts) / 1e9


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
        ("b", "features", "shared"),
        ("c", "features", "shared"),
        ("a", "labels", "to read"),
        ("b", "labels", "to read"),
    ]
    assert [s.layers for s in found[4:]] == ["logits", "words"]
    assert found[4].seconds == pytest.approx(seconds(models / "bert", ROWS))
    # `Review: `, `\nIt is` and ` bad` stand around each row.
    assert found[5].seconds == pytest.approx(seconds(models / "llama", ROWS, frame=8 + 6 + 4))


@pytest.mark.parametrize("kind", ["logits", "words"])
def test_labels_that_are_stored_cost_nothing(tmp_path, models, kind):
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


def test_models_that_cannot_label_are_reported_before_anything_is_read(tmp_path, models):
    weak = ["a=array:a.npy#labels=logits", f"gone={models / 'gone'}#labels=logits"]
    found = plan(asked(models, *weak), MAX_ROWS, tmp_path)
    assert "is an array of features, which labels nothing by itself" in found[-2].error
    assert "does not exist" in found[-1].error
    assert [s.state for s in found[-2:]] == ["error", "error"]


def test_a_model_asked_for_twice_is_counted_once_at_its_deepest_layer(tmp_path, models):
    query = build_query(
        strong=f"s={models / 'llama'}#layer=1",
        weak=[f"a={models / 'llama'}#layer=2", f"b={models / 'bert'}#layer=1,2"],
        pool=ROWS,
        precision="fp32",
    )
    found = plan(query, MAX_ROWS, tmp_path)
    assert [step.state for step in found] == ["to read", "shared", "to read"]
    assert found[0].seconds == pytest.approx(seconds(models / "llama", ROWS))
    assert found[1].seconds == 0.0


def test_weights_of_a_pass_are_those_of_the_blocks(models):
    config = json.loads((models / "llama" / "config.json").read_text())
    width, inner, blocks = config["hidden_size"], config["intermediate_size"], config["num_hidden_layers"]
    keys = width * config["num_key_value_heads"] * config.get("head_dim", width // config["num_attention_heads"])
    expected = blocks * (2 * width * width + 2 * keys + 3 * width * inner)
    assert multiplied_weights(resolve(ModelReference.parse(str(models / "llama")), models)) == expected


def test_blocks_that_share_their_weights_are_counted_as_often_as_they_are_run(tmp_path):
    from transformers import AlbertConfig, AlbertModel

    config = AlbertConfig(
        vocab_size=90,
        embedding_size=16,
        hidden_size=32,
        intermediate_size=64,
        num_attention_heads=4,
        num_hidden_layers=5,
    )
    AlbertModel(config).save_pretrained(tmp_path)
    block = 4 * 32 * 32 + 2 * 32 * 64
    found = multiplied_weights(resolve(ModelReference.parse(str(tmp_path)), tmp_path))
    assert found == 5 * block


def test_a_describer_shares_the_pass_of_a_model_that_is_ranked(tmp_path, models):
    """It is read at its last layer, in one pass with the other layer of the same model, as the dry run says."""
    query = asked(
        models, f"bert={models / 'bert'}", describers=[f"reader={models / 'bert'}"], describe={"0": "a", "1": "b"}
    )
    before = {step.work: step for step in plan(query, 0, tmp_path)[1:]}
    assert before["features"].layers == "middle"
    assert (before["descriptions"].layers, before["descriptions"].state) == ("last", "shared")
    whole, once = Extractor(tmp_path / "whole", prefetch=False), Extractor(tmp_path, prefetch=False)
    drain(rank_steps(query, once))
    (bert,) = query.weak
    for spec in (query.strong, bert):
        drain(whole.features(spec, query.pool, query.settings))
    assert once.forward_passes == whole.forward_passes + 1  # the descriptions
    assert [step.state for step in plan(query, 0, tmp_path)] == ["cached"] * 3
