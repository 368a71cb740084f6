"""Checkpoints: the folders that a training leaves inside its own folder, one for each time that it saved."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

_NUMBERED = re.compile(r"^(?:checkpoint|ckpt|step|epoch|iter|iteration|global_?step)s?[-_=]?(?P<number>\d+)", re.I)


def is_checkpoint(folder: Path) -> bool:
    """Whether the folder's name is that of a checkpoint: `checkpoint-500`, `step_1000`, `epoch-3`."""
    return _NUMBERED.match(folder.name) is not None


def checkpoints_in(folder: Path, is_model: Callable[[Path], bool]) -> tuple[Path, ...]:
    """The checkpoints directly inside, earliest first; none where the folder is a model itself, or none of them is.

    One without weights that are read is among them and fails as a candidate; an empty one is not written yet.
    """
    if not folder.is_dir() or is_model(folder):
        return ()
    inside = [path for path in folder.iterdir() if is_checkpoint(path) and path.is_dir() and any(path.iterdir())]
    return tuple(sorted(inside, key=_order)) if any(map(is_model, inside)) else ()


def _order(folder: Path) -> tuple[int, str]:
    found = _NUMBERED.match(folder.name)
    return (int(found["number"]) if found else 0, folder.name)
