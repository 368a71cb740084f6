"""Fine-tuning against a plain loop in torch, on a real (if tiny) transformer."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import AutoModel

from predictor.errors import InputError, RefusedError
from predictor.finetuning.adapters import attach
from predictor.finetuning.body import Body
from predictor.finetuning.schedule import batches, rate_at, steps_of
from predictor.finetuning.tuner import FineTuner, trainable
from predictor.query.model_spec import ModelSpec
from predictor.query.row_form import RowForm
from predictor.query.training_plan import Training
from predictor.training.recipe import Recipe, Tuning
from tests.finetuning.tiny import SETTINGS, VOCABULARY, rows, spec, tiny_bert

TRAIN, OTHER = np.arange(40), np.arange(40, 64)
TEXTS, TRUTH = rows(64)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_bert(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def calm(tmp_path_factory):
    """The same without dropout, so that a plain loop can follow it."""
    return tiny_bert(tmp_path_factory.mktemp("calm"), hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)


def tuner(folder, method="full", loss=None, label_form="soft", confidence=0.5, kind="regression", **tuning):
    recipe = Recipe(method, loss, Training(label_form=label_form), confidence, tuning=Tuning(**tuning)).for_labels(kind)
    return FineTuner.of(spec(folder), TEXTS, SETTINGS, recipe)


def tokens(text):
    inside = [VOCABULARY.index(letter) for letter in text]
    return torch.tensor([[2, *inside, 3]])


def plain_states(model, texts, layer):
    """One row at a time, hidden states of the layer averaged over its tokens."""
    return torch.cat(
        [model(input_ids=tokens(t), output_hidden_states=True).hidden_states[layer].mean(dim=1) for t in texts]
    )


@pytest.mark.parametrize("layer", [0, 1, 2, 3])
def test_states_are_those_of_a_plain_forward_pass(folder, layer):
    body = Body(
        trainable(spec(folder)), TEXTS, Tuning(head_layer=str(layer)), adapters=False, pooling="mean", form=RowForm(256)
    )
    with torch.no_grad():
        plain = plain_states(AutoModel.from_pretrained(str(folder)).eval(), TEXTS, layer)
    torch.testing.assert_close(body.states(np.arange(64)), plain, rtol=1e-5, atol=1e-5)
    assert (body.block is not None) == (layer in (1, 2))  # Blocks above the layer are not run.


def test_three_steps_are_those_of_a_plain_loop(calm, monkeypatch):
    """Full batch, squared loss: AdamW on every weight and on a zero head over standardised states, rates 1, 1 and ½."""
    monkeypatch.setattr("predictor.finetuning.tuner.WEIGHT_DECAY", 20.0)  # Or three steps would not show it.
    label_sets = 3.0 * TRUTH[TRAIN] + 1.0
    found = tuner(calm, epochs=3, batch_rows=40, learning_rate=0.002).on(TRAIN, OTHER).learn(label_sets, 0)

    model = AutoModel.from_pretrained(str(calm)).eval()
    train, other = [TEXTS[i] for i in TRAIN], [TEXTS[i] for i in OTHER]
    with torch.no_grad():
        first = plain_states(model, train, 3)
    mean, spread = first.mean(dim=0), first.std(dim=0, unbiased=False)
    weight, bias = torch.zeros(16, 1, requires_grad=True), torch.zeros(1, requires_grad=True)
    body = [p for name, p in model.named_parameters() if not name.startswith("pooler")]
    optimiser = torch.optim.AdamW(
        [{"params": body, "weight_decay": 20.0}, {"params": [weight, bias], "weight_decay": 0.0}]
    )
    target = torch.tensor((label_sets - label_sets.mean()) / label_sets.std(), dtype=torch.float32)
    for share in (1.0, 1.0, 0.5):
        for group in optimiser.param_groups:
            group["lr"] = 0.002 * share
        outputs = ((plain_states(model, train, 3) - mean) / spread) @ weight + bias
        optimiser.zero_grad()
        ((outputs - target) ** 2).mean().backward()
        torch.nn.utils.clip_grad_norm_([*body, weight, bias], 1.0)
        optimiser.step()
    with torch.no_grad():
        expected = ((plain_states(model, other, 3) - mean) / spread) @ weight + bias
    expected = expected.numpy() * label_sets.std() + label_sets.mean()
    np.testing.assert_allclose(found, expected, atol=3e-3)  # AdamW magnifies rounding where a gradient is nearly 0.
    assert np.ptp(found) > 0.05  # Or the loop might have learned nothing.


@pytest.mark.parametrize("method", ["full", "lora"])
def test_a_student_learns_what_its_tokens_say(folder, method):
    rate = {"full": 0.003, "lora": 0.01}[method]
    student = tuner(folder, method, epochs=12, batch_rows=8, learning_rate=rate)
    found = student.on(TRAIN, OTHER).learn(TRUTH[TRAIN], 0)
    assert np.mean((found - TRUTH[OTHER]) ** 2) < 0.5 * np.var(TRUTH[OTHER])


@pytest.mark.parametrize("method", ["full", "lora"])
def test_a_seed_gives_the_same_bits_and_another_seed_others(folder, method):
    learner = tuner(folder, method, epochs=2).on(TRAIN, OTHER)
    first, other, again = (learner.learn(TRUTH[TRAIN], seed) for seed in (1, 2, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    fresh = tuner(folder, method, epochs=2).on(TRAIN, OTHER)
    np.testing.assert_array_equal(first, fresh.learn(TRUTH[TRAIN], 1))


@pytest.mark.parametrize("method", ["full", "lora"])
def test_bf16_is_taken_where_it_is_asked_for_and_the_cpu_has_it(folder, method, monkeypatch):
    recipe = Recipe(method, tuning=Tuning(epochs=2)).for_labels("regression")

    def learned(precision, native=True):
        monkeypatch.setattr("predictor.finetuning.tuner.device_computes_bf16", lambda device: native)
        student = FineTuner.of(spec(folder), TEXTS, replace(SETTINGS, precision=precision), recipe)
        return student.on(TRAIN, OTHER).learn(TRUTH[TRAIN], 0)

    exact, half = learned("fp32"), learned("bf16")
    np.testing.assert_array_equal(exact, learned("auto"))
    np.testing.assert_array_equal(exact, learned("bf16", native=False))
    np.testing.assert_array_equal(half, learned("bf16"))
    assert not np.array_equal(exact, half)
    np.testing.assert_allclose(half, exact, atol=0.1 * np.ptp(exact))


def test_training_leaves_torchs_own_generator_alone(folder):
    before = torch.random.get_rng_state()
    tuner(folder, epochs=1).on(TRAIN, OTHER).learn(TRUTH[TRAIN], 0)
    torch.testing.assert_close(torch.random.get_rng_state(), before)


def test_new_adapters_leave_every_answer_as_it_was(folder):
    made = [
        Body(trainable(spec(folder)), TEXTS, Tuning(), adapters=adapters, pooling="mean", form=RowForm(256))
        for adapters in (False, True)
    ]
    bare, adapted = (body.states(np.arange(64)) for body in made)
    torch.testing.assert_close(adapted, bare, rtol=0.0, atol=0.0)
    weights = made[1].fresh()
    torch.testing.assert_close(made[1].states(np.arange(64)), bare, rtol=0.0, atol=0.0)
    names = {name for name, weight in made[1].model.named_parameters() if weight.requires_grad}
    assert len(weights) == len(names) == 3 * 4 * 2  # Three blocks; query, key, value, output; A and B.
    assert all("lora_" in name for name in names)


def test_an_adapter_adds_two_b_a_to_the_weight(folder):
    body = Body(trainable(spec(folder)), TEXTS, Tuning(lora_rank=2), adapters=True, pooling="mean", form=RowForm(256))
    query = body.model.encoder.layer[0].attention.self.query
    down, up = query.lora_A["default"].weight, query.lora_B["default"].weight
    assert (down.shape, up.shape) == ((2, 16), (16, 2))
    with torch.no_grad():
        up.normal_()
        given = torch.randn(5, 16)
        plain = torch.nn.functional.linear(given, query.base_layer.weight, query.base_layer.bias)
        torch.testing.assert_close(query(given), plain + 2.0 * given @ down.T @ up.T)


@pytest.mark.parametrize("method", ["full", "lora"])
def test_every_training_starts_from_the_same_weights(folder, method):
    student = tuner(folder, method, epochs=2)
    before = student.body.states(OTHER)
    student.on(TRAIN, OTHER).learn(TRUTH[TRAIN], 0)
    after = student.body.states(OTHER)
    assert not torch.allclose(before, after, atol=1e-4)
    student.body.fresh()
    torch.testing.assert_close(student.body.states(OTHER), before, rtol=0.0, atol=0.0)


def test_classes_are_learned_as_probabilities(folder):
    gold = (TRUTH > 0).astype(float)
    student = tuner(folder, kind="binary", epochs=25, batch_rows=8, learning_rate=0.003)
    found = student.on(TRAIN, OTHER).learn(gold[TRAIN], 0)
    assert found.shape == (24, 1)
    assert ((found > 0) & (found < 1)).all()
    assert np.mean((found > 0.5) == gold[OTHER]) > 0.75
    three = np.eye(3)[np.digitize(TRUTH[:, 0], [-0.5, 0.5])]
    found = tuner(folder, kind="multiclass", epochs=2).on(TRAIN, OTHER).learn(three[TRAIN], 0)
    assert found.shape == (24, 3)
    np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=1e-12)


def test_confidence_concerns_weak_labels_and_not_gold_ones(folder):
    gold = (TRUTH > 0).astype(float)
    label_sets = 0.5 + 0.2 * (gold[TRAIN] - 0.5)
    asked = {"kind": "binary", "epochs": 6, "batch_rows": 8, "learning_rate": 0.003}
    plain = tuner(folder, loss="xent", **asked).on(TRAIN, OTHER)
    sure = tuner(folder, loss="confidence", confidence=0.7, **asked).on(TRAIN, OTHER)
    np.testing.assert_array_equal(sure.learn(label_sets, 0, gold=True), plain.learn(label_sets, 0))
    calm, firm = plain.learn(label_sets, 0), sure.learn(label_sets, 0)
    assert np.mean(np.abs(firm - 0.5)) > 1.5 * np.mean(np.abs(calm - 0.5))


def test_a_weak_label_that_is_always_the_same_is_simply_repeated(folder):
    found = tuner(folder, epochs=1).on(TRAIN, OTHER).learn(np.full((40, 1), 2.5), 0)
    np.testing.assert_array_equal(found, np.full((24, 1), 2.5))


def test_every_row_is_learned_from_once_an_epoch_in_batches_of_like_length():
    lengths = np.random.default_rng(0).integers(3, 40, size=101)
    drawn = list(batches(lengths, 8, 3, np.random.default_rng(1)))
    assert len(drawn) == steps_of(101, 8, 3) == 39
    for epoch in range(3):
        assert sorted(np.concatenate(drawn[13 * epoch : 13 * epoch + 13])) == list(range(101))
    padded = sum(len(rows) * lengths[rows].max() for rows in drawn)
    assert padded < 1.25 * 3 * lengths.sum()
    assert not np.array_equal(drawn[0], drawn[13])
    longest = [lengths[rows].max() for rows in drawn[:8]]
    assert longest != sorted(longest)  # Or the short rows would always be learned from first.


def test_the_rate_rises_over_a_tenth_and_falls_to_nothing():
    assert [rate_at(step, 20) for step in (0, 1, 2, 11, 19)] == [0.5, 1.0, 1.0, 0.5, pytest.approx(1 / 18)]
    assert rate_at(0, 1) == 1.0


@pytest.mark.parametrize(
    ("model", "what"),
    [
        (ModelSpec("s", "array:", values=np.zeros((4, 2))), "an array"),
        (ModelSpec("s", "features:mine"), "a stored feature set"),
    ],
)
def test_what_is_no_model_is_refused(model, what):
    with pytest.raises(
        InputError, match=f"strong model 's' is {what}, which cannot be fine-tuned; give a transformers"
    ):
        trainable(model)


def test_graphs_and_array_files_are_refused(tmp_path):
    (tmp_path / "m.onnx").write_bytes(b"graph")
    np.save(tmp_path / "a.npy", np.zeros((3, 2)))
    with pytest.raises(InputError, match="is an ONNX graph, which cannot be fine-tuned"):
        trainable(ModelSpec("s", f"onnx:{tmp_path / 'm.onnx'}"))
    with pytest.raises(InputError, match="is an array, which cannot be fine-tuned"):
        trainable(ModelSpec("s", f"array:{tmp_path / 'a.npy'}"))


def test_a_model_without_attention_takes_no_adapters():
    with pytest.raises(RefusedError, match=r"Sequential has no linear map with 'att' in its name.*give recipe full"):
        attach(torch.nn.Sequential(torch.nn.Linear(2, 2)), 4)


def test_adapters_say_which_package_they_need(monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(
        InputError, match=r"recipe lora needs the peft package: pip install 'w2s-predictor\[finetune\]'"
    ):
        attach(torch.nn.Linear(2, 2), 4)


def test_a_training_that_diverges_reports_so(folder):
    student = tuner(folder, epochs=1)
    learner = student.on(TRAIN, OTHER)
    student.body._first[0].fill_(float("nan"))
    with pytest.raises(InputError, match=r"the loss is nan after 0 of 3 steps; lower --learning-rate \(now 0.0001\)"):
        learner.learn(TRUTH[TRAIN], 0)


def test_fine_tuning_needs_texts_and_a_layer_that_exists(folder):
    recipe = Recipe("full").for_labels("regression")
    with pytest.raises(InputError, match="fine-tuning reads texts, and none were given"):
        FineTuner.of(spec(folder), (), SETTINGS, recipe)
    with pytest.raises(InputError, match="'the strong model' has no layer '9'; it has 0"):
        tuner(folder, head_layer="9")
