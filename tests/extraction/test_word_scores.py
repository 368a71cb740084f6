"""Scores of label words against plain forward passes, one row and one word at a time."""

from pathlib import Path

import numpy as np
import pytest
import torch

from predictor.errors import InputError, LimitError, RefusedError
from predictor.estimators.somerstep2024 import Refiner, shared_contexts
from predictor.extraction import word_scores
from predictor.extraction.backend import Runtime
from predictor.extraction.causal import CausalModel
from predictor.extraction.labeller import load_scorer
from predictor.extraction.prompted_refiner import PromptedRefiner
from predictor.models.artefact import Artefact
from predictor.models.forms import ONNX, TRANSFORMERS
from predictor.query.prompt import LabelPrompt
from predictor.query.row_form import RowForm
from predictor.steps import drain
from tests import weights
from tests.extraction import tiny

RUNTIME = Runtime("fp32", "cpu", 1)
TEMPLATE = "Review: {text}\nSentiment:"
EXAMPLES = (("warm , funny and wise", 1), ("bad", 0), ("a dull film", 0), ("it has its moments", 1))


@pytest.fixture(scope="module", params=["byte_level", "metaspace"])
def folder(request, tmp_path_factory) -> Path:
    return tiny.language_model(tmp_path_factory.mktemp(request.param), getattr(tiny, request.param))


def scorer(folder: Path, *words: str, cache_prefix: bool = True, budget: int = 64, max_length: int = 60):
    label_prompt = LabelPrompt(words or ("negative", "positive"), TEMPLATE)
    return load_scorer(
        Artefact(TRANSFORMERS, folder), RUNTIME, label_prompt, RowForm(max_length), budget, cache_prefix=cache_prefix
    )


def by_hand(asked, texts, examples=()):
    """(n, k) plain and calibrated probabilities from one unbatched forward pass per row and word."""
    model = asked.model.model
    room = asked.room(len(examples))
    context = asked.prompts.context(examples, room)

    def plain(text: str) -> np.ndarray:
        question = [*context, *asked.prompts.question(text, room, first=not examples)[0]]
        logs = []
        for word in asked.prompts.words.tokens:
            with torch.no_grad():
                logits = model(input_ids=torch.tensor([[*question, *word]])).logits[0].double()
            steps = torch.log_softmax(logits, -1)
            logs.append(sum(float(steps[len(question) - 1 + i, token]) for i, token in enumerate(word)))
        raised = np.exp(logs)
        return raised / raised.sum()

    leaning = np.mean([plain(text) for text in ("N/A", "", "[MASK]")], axis=0)
    found = np.array([plain(text) for text in texts])
    lifted = found / leaning
    return found, lifted / lifted.sum(axis=1, keepdims=True)


WORDS = {
    "one token": ("bad", "good"),
    "several tokens": ("so and so", "not bad", "unheard of"),
    "one begins another": ("not", "not good", "not bad"),
    "shared beginnings": ("feel like ten", "feel like", "dull"),
}


@pytest.mark.parametrize("examples", [(), EXAMPLES], ids=["zero-shot", "in context"])
@pytest.mark.parametrize("words", WORDS.values(), ids=WORDS)
def test_probabilities_are_those_of_plain_forward_passes(folder, words, examples):
    examples = [(text, label % len(words)) for text, label in examples]
    asked = scorer(folder, *words)
    assert asked.model.caches_prefix
    found = drain(asked.steps(weights.SENTENCES, examples))
    plain, calibrated = by_hand(asked, weights.SENTENCES, examples)
    np.testing.assert_allclose(np.log(found.plain), np.log(plain), atol=1e-4)
    np.testing.assert_allclose(np.log(found.probabilities), np.log(calibrated), atol=1e-4)
    assert np.ptp(np.log(plain), axis=0).max() > 0.1  # the rows differ at all
    assert np.abs(np.log(plain) - np.log(calibrated)).max() > 0.1


def test_a_stored_beginning_changes_nothing_and_is_read_once(folder):
    kept, again = scorer(folder), scorer(folder, cache_prefix=False)
    before = (kept.model.tokens_read, again.model.tokens_read)
    one, other = (drain(asked.steps(weights.SENTENCES, EXAMPLES)) for asked in (kept, again))
    np.testing.assert_allclose(one.plain, other.plain, atol=1e-4)
    read = (kept.model.tokens_read - before[0], again.model.tokens_read - before[1])
    rows = len(set(weights.SENTENCES)) + 2  # two of the three content-free rows are no rows of the pool
    prefix = len(kept.prompts.context(EXAMPLES, kept.room(4)))
    assert read[1] - read[0] == (rows - 1) * prefix


def test_rows_do_not_depend_on_their_batch(folder):
    one, other = scorer(folder, budget=1), scorer(folder, budget=10_000)
    found, whole = (drain(asked.steps(weights.SENTENCES, EXAMPLES)) for asked in (one, other))
    np.testing.assert_allclose(found.plain, whole.plain, atol=1e-5)


def test_rows_of_like_length_are_read_together_and_of_unlike_length_apart(folder, monkeypatch):
    asked = scorer(folder, budget=10_000, max_length=400)
    batches = []
    real = CausalModel.log_probabilities

    def noted(self, prefix, rows, last, tokens):
        batches.append([len(row) for row in rows])
        return real(self, prefix, rows, last, tokens)

    monkeypatch.setattr(CausalModel, "log_probabilities", noted)
    texts = ["film " * count for count in (1, 2, 3, 4, 5, 6, 20, 22, 24, 60)]
    found = drain(asked.steps(texts, EXAMPLES))
    lengths = {length for batch in batches for length in batch}
    assert len(batches) < len(lengths)  # Or nothing would be read together but rows of one length.
    assert all(max(batch) <= 1.25 * min(batch) for batch in batches)
    plain, _ = by_hand(asked, texts, EXAMPLES)
    np.testing.assert_allclose(np.log(found.plain), np.log(plain), atol=1e-4)


def test_equal_rows_are_read_once_and_rows_are_counted(folder):
    asked = scorer(folder)
    steps = list(asked.steps(weights.SENTENCES))
    assert steps == sorted(steps)
    assert steps[-1] == len(weights.SENTENCES)
    found = drain(asked.steps(weights.SENTENCES))
    np.testing.assert_array_equal(found.probabilities[1], found.probabilities[4])  # "a dull film", twice


def test_long_rows_are_cut_and_counted(folder):
    asked = scorer(folder, max_length=40)
    found = drain(asked.steps(["bad", "and so on " * 100]))
    assert found.truncated == 1
    assert np.isfinite(found.probabilities).all()


def test_examples_and_row_fit_the_positions_of_the_model(folder):
    asked = scorer(folder, max_length=4000)
    long = [("and so on " * 200, i % 2) for i in range(4)]
    seen = []
    real = CausalModel.log_probabilities

    def noted(self, prefix, rows, last, tokens):
        seen.append(len(prefix.ids) + max(map(len, rows)))
        return real(self, prefix, rows, last, tokens)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CausalModel, "log_probabilities", noted)
        drain(asked.steps(["and so on " * 200], long))
    assert tiny.POSITIONS - 40 < max(seen) <= tiny.POSITIONS
    with pytest.raises(InputError, match=r"the prompt takes more than|rows in context do not fit"):
        drain(asked.steps(["row"], long * 30))


def test_a_cache_that_changes_probabilities_is_not_used(folder, monkeypatch):
    real = CausalModel.cached_prefix

    def broken(self, ids):
        return real(self, [*ids[:-1], (ids[-1] + 7) % self.vocabulary])

    monkeypatch.setattr(CausalModel, "cached_prefix", broken)
    asked = scorer(folder)
    assert not asked.model.caches_prefix
    assert asked.model.begin([3, 4]).cache is None


def test_a_batch_that_does_not_fit_is_halved_and_one_row_that_does_not_is_reported(folder, monkeypatch):
    asked = scorer(folder, budget=10_000)
    expected = drain(asked.steps(weights.SENTENCES))
    real = CausalModel.log_probabilities

    def small(self, prefix, rows, last, tokens):
        if len(rows) > most:
            raise MemoryError("full")
        return real(self, prefix, rows, last, tokens)

    monkeypatch.setattr(CausalModel, "log_probabilities", small)
    most = 1
    np.testing.assert_allclose(drain(asked.steps(weights.SENTENCES)).plain, expected.plain, atol=1e-5)
    most = 0
    with pytest.raises(LimitError, match="does not fit the memory of this device"):
        drain(asked.steps(weights.SENTENCES))


def test_batches_stay_small_where_each_row_brings_its_copy_of_the_beginning(folder, monkeypatch):
    asked = scorer(folder, budget=10_000)
    prefix = len(asked.prompts.context(EXAMPLES, asked.room(4)))
    monkeypatch.setattr(word_scores, "CACHED_POSITIONS", 2 * prefix + 1)
    sizes = []
    real = CausalModel.log_probabilities

    def noted(self, prefix, rows, last, tokens):
        sizes.append(len(rows))
        return real(self, prefix, rows, last, tokens)

    monkeypatch.setattr(CausalModel, "log_probabilities", noted)
    drain(asked.steps([f"row {i}" for i in range(10)], EXAMPLES))
    assert max(sizes) == 2


def test_models_that_are_no_language_models_are_refused(tmp_path):
    encoder = tiny.encoder_classifier(tmp_path / "bert")
    with pytest.raises(RefusedError, match="is of kind 'bert', and only a causal language model"):
        scorer(encoder)
    with pytest.raises(RefusedError, match="is of kind 'onnx'"):
        load_scorer(Artefact(ONNX, tmp_path / "m.onnx"), RUNTIME, LabelPrompt(("a", "b")), RowForm(10), 10)


def test_a_head_that_is_missing_is_refused_and_never_random(tmp_path):
    folder = tiny.decoder_classifier(tmp_path)
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    config = (folder / "config.json").read_text().replace('"tie_word_embeddings": true', '"tie_word_embeddings": false')
    (folder / "config.json").write_text(config)
    save_file({k: v for k, v in tensors.items() if k != "score.weight"}, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(RefusedError, match=r"lacks 1 weight tensor.*lm_head"):
        scorer(folder)


def test_the_prompted_refiner_reads_each_context_once_and_each_row_behind_its_own(folder):
    asked = scorer(folder)
    rng = np.random.default_rng(0)
    weak = rng.random((len(weights.SENTENCES) + 10, 1))
    texts = [*weights.SENTENCES, *(f"row {i}" for i in range(10))]
    classes = (weak[:, 0] > 0.5).astype(int)
    refiner = PromptedRefiner(asked, texts)
    assert isinstance(refiner, Refiner)
    for context in shared_contexts(classes, 4, rng):
        refined = refiner.relabel(weak, context)
        for row, text in enumerate(texts):
            examples = [(texts[i], int(classes[i])) for i in context[row]]
            alone = drain(asked.steps([text], examples)).probabilities
            assert refined[row, 0] == pytest.approx(alone[0, 1], abs=1e-4)


def test_refined_labels_have_the_coding_of_the_weak_ones(folder):
    texts = [f"row {i}" for i in range(12)]
    context = shared_contexts(np.arange(12) % 3, 4, np.random.default_rng(0))[0]
    three = PromptedRefiner(scorer(folder, "bad", "dull", "good"), texts)
    refined = three.relabel(np.eye(3)[np.arange(12) % 3], context)
    assert refined.shape == (12, 3)
    np.testing.assert_allclose(refined.sum(axis=1), 1.0)
    with pytest.raises(InputError, match="the weak labels have 2 classes and there are 3 label words"):
        three.relabel(np.zeros((12, 1)), context)


@pytest.mark.weights
def test_the_real_smollm2_prefers_the_right_word_and_may_keep_its_beginning():
    artefact = weights.artefact(weights.SMOLLM2)
    asked = load_scorer(artefact, RUNTIME, LabelPrompt(("negative", "positive"), TEMPLATE), RowForm(64), 512)
    assert asked.model.caches_prefix
    examples = [("a wonderful film", 1), ("a terrible mess", 0), ("I loved it", 1), ("boring and bad", 0)]
    texts = ["the acting is superb and the story never lets go", "a dull film , and far too long"]
    found = drain(asked.steps(texts, examples))
    asked.model.caches_prefix = False
    whole = drain(asked.steps(texts, examples))
    np.testing.assert_allclose(found.plain, whole.plain, atol=1e-4)
    assert found.probabilities[0, 1] > 0.5 > found.probabilities[1, 1]
