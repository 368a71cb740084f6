"""Descriptions, describers and proxies as a caller passes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from predictor.errors import InputError
from predictor.folders import existing_path
from predictor.intake.rows import read_numbers
from predictor.models.known_models import KNOWN_MODELS, KnownModel, find
from predictor.query.description import Description
from predictor.query.model_spec import ModelSpec, read_spec
from predictor.query.pool import Pool
from predictor.statistics.arrays import Floats

DescribeInput = Mapping[str, str | Sequence[str]] | Sequence[str]
ProxiesInput = Mapping[str, Any] | Sequence[str]

SENTENCE_ENCODERS = ("all-mpnet-base-v2", "all-MiniLM-L6-v2", "paraphrase-MiniLM-L3-v2")
"""Known models whose embeddings of sentences are near where the sentences mean the same."""

LANGUAGE_MODELS = ("SmolLM2-135M-Instruct",)
"""Known models that follow instructions: they describe as MODEL#labels=words."""

DEFAULT = "all-MiniLM-L6-v2"
"""The known model that reads descriptions where no model of the request can."""


def descriptions_of(given: DescribeInput | None) -> tuple[Description, ...]:
    """Class -> text or texts, or `NAME=TEXT` strings in which a name may come several times.

    Raises:
        InputError: a string without NAME or without TEXT.
    """
    if given is None:
        return ()
    if isinstance(given, Mapping):
        return tuple(
            Description(str(name), (texts,) if isinstance(texts, str) else tuple(texts))
            for name, texts in given.items()
        )
    found: dict[str, list[str]] = {}
    for one in [given] if isinstance(given, str) else given:
        name, text = _pair(one, "descriptions", 'a description must be given as NAME=TEXT, as in 1="a positive review"')
        found.setdefault(name, []).append(text)
    return tuple(Description(name, tuple(texts)) for name, texts in found.items())


def describers_of(given: object, specs: Sequence[ModelSpec], *, described: bool, texts: bool) -> tuple[ModelSpec, ...]:
    """The named describers; where none is named, the request's own sentence encoders, else a small known one.

    Args:
        given: MODELs as on the command line, or one of them.
        specs: the strong model and the candidates.
        described: descriptions are given.
        texts: the rows have texts.

    Raises:
        InputError: none is named, and the request has neither models to run nor texts.
    """
    if given is not None:
        several: list[Any] = [given] if isinstance(given, str | Path | ModelSpec) else list(given)  # type: ignore[call-overload]
        return tuple(one if isinstance(one, ModelSpec) else _named(read_spec(str(one))) for one in several)
    if not described:
        return ()
    if not texts and not any(spec.needs_rows for spec in specs):
        raise InputError(
            "descriptions are compared with texts, and no rows are given; name them with --pool FILE. "
            f"{DEFAULT} compares them, unless --describer MODEL names another.",
            reason="NO_DESCRIBER",
            field="describers",
        )
    found: dict[str, ModelSpec] = {}
    for spec in specs:
        if spec.needs_rows and _is_sentence_encoder(spec):
            found.setdefault(spec.reference, _named(ModelSpec(spec.reference, spec.reference)))
    return tuple(found.values()) or (ModelSpec(DEFAULT, find(DEFAULT).reference),)


def proxies_of(given: ProxiesInput | None, pool: Pool) -> dict[str, Floats]:
    """Name -> one number per row, from arrays, files or `NAME=FILE` strings.

    Raises:
        InputError: no NAME or FILE, not one finite number per row, or a name given twice.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        what = "a proxy must be given as NAME=FILE"
        pairs = [_pair(one, "proxies", what) for one in ([given] if isinstance(given, str) else given)]
        if len({name for name, _ in pairs}) < len(pairs):
            raise InputError(
                "a proxy is named twice; give each a name of its own.", reason="BAD_PROXY", field="proxies"
            )
        given = dict(pairs)
    return {
        str(name): read_numbers(values, pool, f"proxy {name!r}", "proxies")
        if isinstance(values, str | Path)
        else _numbers(values, str(name))
        for name, values in given.items()
    }


def _numbers(values: Any, name: str) -> Floats:
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"proxy {name!r} is no array of numbers ({error}); give one number per row.",
            reason="BAD_PROXY",
            field="proxies",
        ) from error


def _named(spec: ModelSpec) -> ModelSpec:
    """A known model under its short name where it has no alias."""
    known = _known(spec)
    return replace(spec, name=known.name) if known is not None and spec.name.startswith(spec.reference) else spec


def _known(spec: ModelSpec) -> KnownModel | None:
    bare = spec.reference.partition("#")[0]
    return next(
        (one for one in KNOWN_MODELS if bare.endswith(f"/{one.inner}") and one.wheels[0] in bare.partition("/")[0]),
        None,
    )


def _is_sentence_encoder(spec: ModelSpec) -> bool:
    """A known one, or a folder as sentence-transformers writes it."""
    known = _known(spec)
    if known is not None:
        return known.name in SENTENCE_ENCODERS
    folder = existing_path(spec.parsed.path) if spec.parsed.kind == "folder" else None
    return folder is not None and (folder / "modules.json").is_file()


def _pair(text: str, field: str, what: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    if not name.strip() or not value.strip():
        reason = "BAD_DESCRIPTION" if field == "descriptions" else "BAD_PROXY"
        raise InputError(f"{text!r}: {what}.", reason=reason, field=field)
    return name.strip(), value.strip()
