"""Refusals of folders and files that are no model as they are: what they contain, and the next step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from predictor.errors import RefusedError
from predictor.models.checkpoints import is_checkpoint
from predictor.models.tokenizer_files import TOKENIZER_FILES

_POINTER = b"version https://git-lfs.github.com/spec/"
_LARGE = (".safetensors", ".gguf", ".onnx", ".bin", ".pt", ".npy", ".model", ".json")
_DEPTH, _MAX_FOLDERS = 3, 500


def check_no_pointers(path: Path) -> None:
    """Refuse files that git-lfs has not fetched.

    Args:
        path: a file, or a folder whose own files are checked.

    Raises:
        RefusedError: a file is a pointer.
    """
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    large = (one for one in files if one.suffix in _LARGE or one.name in TOKENIZER_FILES)
    pointers = [one.name for one in large if one.is_file() and _is_pointer(one)]
    if pointers:
        raise RefusedError(
            f"{', '.join(pointers[:4])} in {path if path.is_dir() else path.parent} are git-lfs pointers of some 130 "
            "bytes, not the files themselves; fetch them with: git lfs pull",
            reason="LFS_POINTER",
            field="model",
        )


def _is_pointer(path: Path) -> bool:
    if path.stat().st_size > 1024:
        return False
    with path.open("rb") as file:
        return file.read(len(_POINTER)) == _POINTER


def no_model(folder: Path, as_given: str, is_model: Callable[[Path], bool], suffixes: tuple[str, ...]) -> RefusedError:
    """Why a folder is not read, with the models below it where there are some.

    Args:
        is_model: whether a folder is one that could be given.
        suffixes: endings of single files that could be given.
    """
    inside = sorted(path.name for path in folder.iterdir())
    below = [f"{as_given.rstrip('/')}/{one.relative_to(folder)}" for one in _folders(folder) if is_model(one)]
    file = next((name for name in inside if Path(name).suffix in suffixes), None)
    above = {one.rpartition("/")[0] for one in below}
    if len(above) == 1 and all(is_checkpoint(Path(one)) for one in below):
        (one,) = above
        hint = f"; as a candidate {one} is each of {len(below)} checkpoint(s); one alone is {below[-1]}"
    elif len(below) == 1:
        hint = f"; the model is in a folder inside: give {below[0]}"
    elif below:
        hint = f"; {len(below)} folders inside contain one: give one of {', '.join(below[:6])}"
        hint += " …" if len(below) > 6 else ""
    else:
        hint = f"; for {file} give its own path" if file else ""
    return RefusedError(
        f"{as_given!r} contains no model: it needs config.json with a model_type and *.safetensors (or, of an adapter, "
        f"adapter_config.json and adapter_model.safetensors), and has "
        f"{', '.join(inside[:8]) or 'nothing'}{hint}.",
        reason="NO_WEIGHTS",
        field="model",
    )


def _folders(folder: Path) -> Iterator[Path]:
    """Folders below, nearest first; links are not followed."""
    level = [folder]
    seen = 0
    for _ in range(_DEPTH):
        level = sorted(p for one in level for p in one.iterdir() if p.is_dir() and not p.is_symlink())
        seen += len(level)
        if seen > _MAX_FOLDERS:
            return
        yield from level


def pickled_file(path: Path, as_given: str) -> RefusedError:
    """Why a pickle is not read, and what to type: of a model's folder its conversion, of tensors numpy."""
    why = f"{as_given!r} is a pickle, and loading a pickle can run any code"
    if (path.parent / "config.json").is_file():
        folder = as_given.rpartition("/")[0] or "."
        text = (
            f"{why}; it belongs to a model: convert its folder once, in a process of its own, with: w2s models convert "
            f"{folder}, and give {folder}."
        )
    else:
        text = (
            f"{why}. If it is activations, convert it once, in a process of its own, with: w2s models convert "
            f"{as_given}, and give array:{as_given.removesuffix(path.suffix)}.safetensors (#layer=K of rows x layers x "
            "width, ::KEY of several tensors). The weights of a model need its whole folder, with config.json."
        )
    return RefusedError(text, reason="PICKLE_REFUSED", field="model")
