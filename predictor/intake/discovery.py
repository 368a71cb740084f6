"""Discovery: the models on this machine that could be candidates, in folders and in the hub library's cache."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from predictor.errors import W2SError
from predictor.models.artefact import holds_model, pickled_weights
from predictor.models.checkpoints import checkpoints_in
from predictor.models.forms import GGUF, ONNX, form_of_folder

DEPTH, MAX_FOLDERS = 4, 5_000
"""How deep folders are searched, and how many at most."""

_SKIPPED = frozenset(("__pycache__", "node_modules", "site-packages", "proc", "sys", "dev"))
_REPOSITORY = re.compile(r"^models--(?P<owner>[\w.-]+?)--(?P<name>[\w.-]+)$")
_COMMIT = re.compile(r"^[0-9a-f]{40}$")


@dataclass(frozen=True)
class FoundModel:
    """A model that a candidate can name.

    Attributes:
        name: short, and its own among those found together.
        reference: as `--weak` takes it.
        about: what it is, in a few words.
    """

    name: str
    reference: str
    about: str


def find_models(roots: Sequence[Path], hub_cache: Path | None = None) -> tuple[FoundModel, ...]:
    """Models below the roots, then whole ones in the hub library's cache. Nothing is opened but configurations.

    A training's folder is one model here; each of its checkpoints is a candidate then. What lies inside a model is part
    of it.
    """
    found = [one for root in roots for one in _below(root)]
    found += [] if hub_cache is None else list(_cached(hub_cache))
    taken: dict[str, int] = {}
    named = []
    for one in found:
        taken[one.name] = taken.get(one.name, 0) + 1
        name = one.name if taken[one.name] == 1 else f"{one.name}-{taken[one.name]}"
        named.append(FoundModel(name, one.reference, one.about))
    return tuple(named)


def hub_cache_folder() -> Path:
    """Where the hub library stores what it fetched, by its own environment variables."""
    home = os.environ.get("HF_HOME") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "huggingface"
    )
    return Path(os.environ.get("HF_HUB_CACHE") or os.path.join(home, "hub"))


def _below(root: Path) -> Iterator[FoundModel]:
    level, seen = [root], 0
    for _ in range(DEPTH + 1):
        deeper: list[Path] = []
        for folder in level:
            seen += 1
            if seen > MAX_FOLDERS:
                return
            one = _model_in(folder)
            if one is not None:
                yield one
                continue
            files, folders = _inside(folder)
            yield from (_file(path) for path in files if path.suffix in (*GGUF.suffixes, *ONNX.suffixes))
            deeper += folders
        level = deeper


def _model_in(folder: Path) -> FoundModel | None:
    name = folder.resolve().name or "model"
    try:
        inside = checkpoints_in(folder, holds_model)
        if inside:
            return FoundModel(name, _path(folder), f"{len(inside)} checkpoint(s), one candidate each")
        if not holds_model(folder):
            return None
        form = form_of_folder(folder)
    except OSError:
        return None
    except W2SError:
        return FoundModel(name, _path(folder), "its configuration cannot be read")
    if form is None or (pickled_weights(folder) and not any(folder.glob("*.safetensors"))):
        return FoundModel(name, _path(folder), f"pickles; first: w2s models convert {_path(folder)}")
    return FoundModel(name, _path(folder), form.noun)


def _file(path: Path) -> FoundModel:
    form = GGUF if path.suffix in GGUF.suffixes else ONNX
    return FoundModel(path.stem, f"{form.name}:{_path(path)}", form.noun)


def _inside(folder: Path) -> tuple[list[Path], list[Path]]:
    """Files and folders, sorted; hidden ones, links to folders, environments and unreadable ones left out."""
    try:
        paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError:
        return [], []
    folders = [
        path
        for path in paths
        if path.is_dir() and not path.is_symlink() and path.name not in _SKIPPED and not (path / "pyvenv.cfg").is_file()
    ]
    return [path for path in paths if path.is_file()], folders


def _cached(cache: Path) -> Iterator[FoundModel]:
    for repository in sorted(cache.glob("models--*")):
        named = _REPOSITORY.match(repository.name)
        for snapshot in sorted((repository / "snapshots").glob("*")) if named else ():
            if named and _COMMIT.match(snapshot.name) and form_of_folder(snapshot) is not None:
                reference = f"hub:{named['owner']}/{named['name']}@{snapshot.name}"
                yield FoundModel(named["name"], reference, "in the hub library's cache")


def _path(path: Path) -> str:
    text = str(path)
    return text if path.is_absolute() or text.startswith(".") else f"./{text}"
