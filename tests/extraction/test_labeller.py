"""Models that label rows: what their heads say is what transformers says, and nothing is computed twice."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from predictor.errors import InputError, LimitError, NotFoundError, RefusedError
from predictor.extraction import classifiers
from predictor.extraction.extractor import Extractor
from predictor.query.model_spec import ModelSpec, read_spec
from predictor.query.pool import Pool
from predictor.query.prompt import LabelPrompt
from predictor.query.settings import Settings
from predictor.query.source import LabelSource
from predictor.steps import drain
from predictor.store.features import FeatureStore
from tests import weights
from tests.extraction import tiny

POOL = Pool.of(weights.SENTENCES)
WORDS = LabelPrompt(("negative", "positive"))


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    tiny.encoder_classifier(folder / "bert")
    tiny.encoder_classifier(folder / "named", names=("Spam", "ham", "eggs"), outputs=3)
    tiny.encoder_classifier(folder / "number", outputs=1, problem="regression")
    tiny.encoder_classifier(folder / "odds", outputs=1)
    tiny.encoder_classifier(folder / "several", outputs=3, problem="multi_label_classification")
    tiny.decoder_classifier(folder / "decoder")
    tiny.decoder_classifier(folder / "unpadded", pad=None)
    tiny.decoder_classifier(folder / "other padding", pad=3)
    tiny.language_model(folder / "llama")
    return folder


def labelled(extractor: Extractor, reference: object, pool: Pool = POOL, **settings: object):
    return drain(extractor.labels(read_spec(str(reference)), pool, Settings(**settings)))  # type: ignore[arg-type]


def one_by_one(folder: Path) -> np.ndarray:
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    rows = [tokenizer(text)["input_ids"] or [1] for text in POOL.texts]
    with torch.no_grad():
        return np.stack([model(input_ids=torch.tensor([row])).logits[0].double().numpy() for row in rows])


def softmax(logits: np.ndarray) -> np.ndarray:
    raised = np.exp(logits)
    return raised / raised.sum(axis=1, keepdims=True)


READINGS = {
    "bert": softmax,
    "named": softmax,
    "number": lambda logits: logits,
    "odds": lambda logits: 1 / (1 + np.exp(-logits)),
    "several": lambda logits: 1 / (1 + np.exp(-logits)),
    "decoder": softmax,
    "unpadded": softmax,
    "other padding": softmax,
}


@pytest.mark.parametrize("name", READINGS)
def test_a_head_labels_rows_as_transformers_does_row_by_row(tmp_path, models, name):
    found = labelled(Extractor(tmp_path, token_budget=80), f"{models / name}#labels=logits")
    expected = READINGS[name](one_by_one(models / name))
    np.testing.assert_allclose(found.values, expected, atol=1e-5)
    assert np.ptp(found.values, axis=0).max() > 1e-3
    assert found.classes == (("Spam", "ham", "eggs") if name == "named" else None)


def test_labels_are_computed_once_and_stored_by_all_they_depend_on(tmp_path, models):
    reference = f"{models / 'llama'}#labels=words"
    first = Extractor(tmp_path)
    assert isinstance(first, LabelSource)
    fresh = labelled(first, reference, label_prompt=WORDS)
    assert first.labeller.passes > 0
    again = Extractor(tmp_path)
    np.testing.assert_array_equal(labelled(again, reference, label_prompt=WORDS).values, fresh.values)
    assert again.labeller.passes == 0
    changes = [
        {"label_prompt": LabelPrompt(("positive", "negative"))},
        {"label_prompt": LabelPrompt(WORDS.words, "{text} is")},
        {"label_prompt": WORDS, "max_length": 12},
    ]
    for change in changes:
        before = again.labeller.passes
        other = labelled(again, reference, **change)
        assert again.labeller.passes > before, change
        assert not np.array_equal(other.values, fresh.values), change
    before = again.labeller.passes
    labelled(again, reference, Pool.of(weights.SENTENCES[::-1]), label_prompt=WORDS)
    assert again.labeller.passes > before


def test_swapped_words_swap_the_columns(tmp_path, models):
    reference = f"{models / 'llama'}#labels=words"
    one = labelled(Extractor(tmp_path), reference, label_prompt=WORDS).values
    other = labelled(Extractor(tmp_path), reference, label_prompt=LabelPrompt(("positive", "negative"))).values
    np.testing.assert_allclose(one, other[:, ::-1], atol=1e-6)


def test_a_damaged_entry_is_computed_again(tmp_path, models):
    reference = f"{models / 'bert'}#labels=logits"
    fresh = labelled(Extractor(tmp_path), reference)
    (entry,) = (tmp_path / "features" / "entries").glob("??/*.w2sf")
    raw = bytearray(entry.read_bytes())
    raw[-40] ^= 1
    entry.write_bytes(bytes(raw))
    extractor = Extractor(tmp_path)
    np.testing.assert_array_equal(labelled(extractor, reference).values, fresh.values)
    assert extractor.labeller.passes > 0


def test_refined_labels_are_stored_by_the_labels_and_rows_in_context(tmp_path, models):
    spec, settings = ModelSpec("s", str(models / "llama")), Settings(label_prompt=WORDS)
    weak = np.linspace(0, 1, 8)[:, None]
    context = np.array([[0, 1, 6, 7]] * 8)
    context[[0, 1, 6, 7]] = [2, 3, 4, 5]
    extractor = Extractor(tmp_path)
    once, twice = drain(extractor.refined(spec, POOL, settings, weak, [context, context]))
    np.testing.assert_array_equal(once, twice)
    passes = extractor.labeller.passes
    drain(extractor.refined(spec, POOL, settings, weak, [context]))
    assert extractor.labeller.passes == passes
    (other,) = drain(extractor.refined(spec, POOL, settings, 1 - weak, [context]))
    assert extractor.labeller.passes > passes
    assert not np.array_equal(other, once)
    passes = extractor.labeller.passes
    drain(extractor.refined(spec, POOL, settings, weak, [context[:, ::-1]]))
    assert extractor.labeller.passes > passes


def test_one_language_model_stays_in_memory_until_features_are_read(tmp_path, models):
    extractor = Extractor(tmp_path)
    spec, settings = ModelSpec("s", str(models / "llama"), labels="words"), Settings(label_prompt=WORDS)
    drain(extractor.labels(spec, POOL, settings))
    loaded = extractor.labeller.current
    drain(extractor.labels(spec, Pool.of(["other", "rows"]), settings))
    assert extractor.labeller.current is loaded is not None
    drain(extractor.features(ModelSpec("s", str(models / "llama")), POOL, Settings()))
    assert extractor.labeller.current is None


def test_rows_cut_to_be_labelled_are_reported(tmp_path, models):
    long = Pool.of(["and so on " * 60, "short"])
    found = labelled(Extractor(tmp_path), f"{models / 'bert'}#labels=logits", long, max_length=20)
    assert found.warnings == ("1 of 2 rows were cut at 20 tokens to be labelled",)
    found = labelled(Extractor(tmp_path), f"{models / 'llama'}#labels=words", long, label_prompt=WORDS, max_length=20)
    assert found.warnings == ("1 of 2 rows were cut at 20 tokens to be labelled",)


def test_a_full_disk_is_reported_and_the_labels_come_all_the_same(tmp_path, models, monkeypatch):
    def full(*_: object) -> None:
        raise LimitError("the disk is full.", reason="STORAGE_FULL")

    monkeypatch.setattr(FeatureStore, "put", full)
    found = labelled(Extractor(tmp_path), f"{models / 'bert'}#labels=logits")
    assert found.warnings == ("not stored for next time: the disk is full.",)


@pytest.mark.parametrize(
    ("reference", "error", "message"),
    [
        ("array:x.npy#labels=logits", InputError, "is an array of features, which labels nothing by itself"),
        ("{models}/llama#labels=logits", RefusedError, "has no classification head .*LlamaForCausalLM"),
        ("{models}/bert#labels=words", RefusedError, "is of kind 'bert'"),
        ("./missing#labels=words", NotFoundError, "does not exist"),
    ],
)
def test_a_model_that_cannot_label_reports_why(tmp_path, models, reference, error, message):
    with pytest.raises(error, match=message):
        labelled(Extractor(tmp_path), reference.format(models=models), label_prompt=WORDS)
    with pytest.raises(InputError, match=r"must read texts|is an array"):
        labelled(Extractor(tmp_path), reference.format(models=models), Pool.numbered(9), label_prompt=WORDS)


def test_a_row_that_does_not_fit_the_memory_is_reported(tmp_path, models, monkeypatch):
    from predictor.extraction.torch_classifier import TorchClassifier

    real = TorchClassifier.logits

    def small(self, ids, mask):
        if ids.size > most:
            raise MemoryError("full")
        return real(self, ids, mask)

    expected = labelled(Extractor(tmp_path / "a"), f"{models / 'bert'}#labels=logits").values
    monkeypatch.setattr(classifiers, "_rows_keep_apart", lambda *_: True)
    monkeypatch.setattr(TorchClassifier, "logits", small)
    most = 60
    found = labelled(Extractor(tmp_path / "b"), f"{models / 'bert'}#labels=logits")
    np.testing.assert_allclose(found.values, expected, atol=1e-5)
    most = 3
    with pytest.raises(LimitError, match="does not fit the memory of this device"):
        labelled(Extractor(tmp_path / "c"), f"{models / 'bert'}#labels=logits")


@pytest.mark.weights
@pytest.mark.parametrize("reference", [weights.BERT_TINY_ONNX, weights.BERT_4L_ONNX])
def test_a_graph_of_a_classifier_labels_rows_one_by_one_as_in_batches(tmp_path, reference):
    import onnxruntime

    found = labelled(Extractor(tmp_path), f"{weights.local(reference)}#labels=logits").values
    artefact = weights.artefact(reference)
    session = onnxruntime.InferenceSession(str(artefact.path))
    tokenizer = AutoTokenizer.from_pretrained(artefact.folder)
    for row, text in enumerate(POOL.texts):
        ids = np.array([tokenizer(text)["input_ids"]], dtype=np.int64)
        feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        logits = session.run(["logits"], feeds)[0].astype(np.float64)
        np.testing.assert_allclose(found[row], softmax(logits)[0], atol=1e-3)


@pytest.mark.weights
def test_a_graph_without_a_classifier_is_refused(tmp_path):
    with pytest.raises(RefusedError, match=r"has no output that could be a classifier's"):
        labelled(Extractor(tmp_path), f"{weights.local(weights.FLAN_T5_ONNX)}#labels=logits")


def test_reading_only_stored_labels_needs_no_model_library(tmp_path, models):
    import subprocess
    import sys

    labelled(Extractor(tmp_path), f"{models / 'bert'}#labels=logits")
    script = (
        "import sys\nfrom pathlib import Path\nfrom predictor.extraction.extractor import Extractor\n"
        "from predictor.query.model_spec import read_spec\nfrom predictor.query.pool import Pool\n"
        "from predictor.query.settings import Settings\nfrom predictor.steps import drain\n"
        "from tests.weights import SENTENCES\n"
        "spec = read_spec(sys.argv[2])\n"
        "drain(Extractor(Path(sys.argv[1])).labels(spec, Pool.of(SENTENCES), Settings()))\n"
        "assert 'torch' not in sys.modules and 'transformers' not in sys.modules\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path), f"{models / 'bert'}#labels=logits"]
    subprocess.run(command, check=True, timeout=120)
