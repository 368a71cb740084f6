"""Hub: models in repositories, pinned to a commit, with no more files than they need."""

from __future__ import annotations

import json
import os
from hashlib import sha256
from pathlib import Path

from predictor.errors import InputError, LimitError, UnavailableError, W2SError
from predictor.folders import replace_file
from predictor.models.hub_errors import unreachable
from predictor.models.hub_files import FILES, INDEX, Part
from predictor.models.hub_place import HubPlace
from predictor.models.hub_session import hub_session
from predictor.models.missing_files import MissingFile
from predictor.models.tokenizer_files import TOKENIZER_FILES

OFFLINE = "W2S_OFFLINE is set"


def fetch(locator: str, cache: Path, part: Part = "weights") -> Path:
    """The folder or file of `owner/name@commit[/inner]`, in the library's own cache; what is missing is downloaded.

    A download that breaks off goes on where it stopped the next time.

    Args:
        cache: our cache folder, which notes the models that are whole; those need no network.
        part: what of the model; only the converter asks for pickles.

    Raises:
        InputError: a branch or tag; the message has its commit.
        NotFoundError: no such repository, commit or file.
        RefusedError: gated, or without weights that are read.
        UnavailableError: no hub within reach, a download that breaks off, or the hub library is missing.
        LimitError: the disk is full.
    """
    place = HubPlace.parse(locator)
    if not place.pinned:
        raise _unpinned(place)
    local = place.snapshot / place.inner
    if _whole(place, cache, part):
        return local
    if _offline():
        if _usable(local, part):
            return local
        raise unreachable(place, OFFLINE)
    try:
        files = _download(place, part)
    except UnavailableError:
        if _usable(local, part):
            return local
        raise
    try:
        replace_file(_note(place, cache, part), [json.dumps(files).encode()])
    except (LimitError, UnavailableError):
        return local  # only a note is lost
    return local


def commit_of(repository: str, revision: str) -> str:
    """The commit that a branch or tag points to now.

    Raises:
        W2SError: as `fetch`.
    """
    place = HubPlace(repository, revision, "")
    if _offline():
        raise unreachable(place, OFFLINE)
    with hub_session(place) as session:
        return session.commit


def missing(locator: str, cache: Path, part: Part = "weights") -> tuple[MissingFile, ...]:
    """The files that `fetch` would download now. Configurations are fetched where they say which weights are needed.

    Raises:
        W2SError: as `fetch`.
    """
    place = HubPlace.parse(locator)
    if not place.pinned:
        raise _unpinned(place)
    if _whole(place, cache, part):
        return ()
    if _offline():
        if _usable(place.snapshot / place.inner, part):
            return ()
        raise unreachable(place, OFFLINE)
    with hub_session(place) as session:
        return session.missing(session.needed(part))


def _download(place: HubPlace, part: Part) -> list[str]:
    """Fetch what the model needs; the files' paths in the repository."""
    with hub_session(place) as session:
        names = [one.name for one in session.needed(part)]
        for name in names:
            session.get(name)
    return names


def _whole(place: HubPlace, cache: Path, part: Part) -> bool:
    """Whether all that was once fetched of the model is here."""
    # once its pickles are here for the converter, they stand for the model, as they do in a local folder
    kinds: tuple[Part, ...] = (part, "pickles", "weights") if part == "tokenizer" else (part, "pickles")
    return any(_is_whole(_note(place, cache, kind), place.snapshot) for kind in kinds)


def _note(place: HubPlace, cache: Path, part: Part) -> Path:
    named = f"{place} {'' if part == 'weights' else part}"
    return cache / "hub" / f"{sha256(named.encode()).hexdigest()}.json"


def _is_whole(note: Path, folder: Path) -> bool:
    try:
        names = json.loads(note.read_bytes())
    except (OSError, ValueError):
        return False
    return bool(names) and all((folder / str(name)).is_file() for name in names)


def _usable(local: Path, part: Part) -> bool:
    """Whether files that others may have fetched are enough for a model, as far as their names tell."""
    if local.suffix in FILES:
        return local.is_file()
    if part == "tokenizer":
        return local.is_file() or any((local / name).is_file() for name in TOKENIZER_FILES)
    if (local / INDEX).is_file():
        shards = json.loads((local / INDEX).read_bytes()).get("weight_map", {}).values()
        return all((local / name).is_file() for name in shards)
    return any(local.glob("*.bin" if part == "pickles" else "*.safetensors"))


def _offline() -> bool:
    return os.environ.get("W2S_OFFLINE", "") not in ("", "0")


def _unpinned(place: HubPlace) -> W2SError:
    inner = f"/{place.inner}" if place.inner else ""
    branch = place.revision or "main"
    try:
        commit = commit_of(place.repository, branch)
        now = f"{branch!r} is at commit {commit} now: give hub:{place.repository}@{commit}{inner}"
    except UnavailableError:
        now = f"give hub:{place.repository}@COMMIT{inner} with the 40 hexadecimal digits of a commit"
    return InputError(
        f"{str(place)!r} names no commit, and a branch or tag can change under you; {now}.",
        reason="UNPINNED_REVISION",
        field="model",
    )
