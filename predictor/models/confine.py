"""Confinement: local paths in a stranger's reference, held inside folders that the operator named."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from predictor.errors import NotFoundError
from predictor.query.model_reference import ModelReference

LOCAL_KINDS = ("folder", "onnx", "gguf", "array")


def confine(text: str, roots: Sequence[Path]) -> str:
    """The reference with every local path made absolute and seen to lie inside one of the roots.

    A relative path is looked up in each root in turn; an absolute one must lie in a root. Links are followed and their
    targets must lie inside too, also those of the files of a model folder. References to the hub, to packages and to
    stored feature sets hold no local path and come back as they are; a `#tokenizer=` is held to the same rules.

    Args:
        text: a reference without alias.
        roots: folders that models may be read from; none forbids every local path.

    Raises:
        InputError: the reference cannot be read.
        NotFoundError: no such model in the roots. What is absent and what lies outside read alike.
    """
    reference = ModelReference.parse(text)
    tokenizer = None if reference.tokenizer is None else confine(reference.tokenizer, roots)
    if reference.kind not in LOCAL_KINDS:
        return str(replace(reference, tokenizer=tokenizer))
    name, mark, key = reference.locator.partition("::")
    for root in roots:
        found = _inside(name, root)
        if found is not None:
            return str(replace(reference, locator=f"{found}{mark}{key}", tokenizer=tokenizer))
    raise absent(text)


def absent(text: str) -> NotFoundError:
    """What is told of a model that is not there, and of one that lies outside."""
    return NotFoundError(
        f"model {text!r} does not exist in the folders that this server reads models from.",
        reason="MODEL_NOT_FOUND",
        field="model",
    )


def _inside(name: str, root: Path) -> Path | None:
    """The real path of a file or folder in the root, if all of it lies there."""
    try:
        real_root = root.resolve(strict=True)
        path = (real_root / name).resolve(strict=True)
        if ".." in Path(name).parts or not path.is_relative_to(real_root):
            return None
        if path.is_file():
            return path
        if path == real_root or not path.is_dir():
            return None
        for folder, folders, files in os.walk(path):
            for entry in (*folders, *files):
                if not Path(folder, entry).resolve(strict=True).is_relative_to(real_root):
                    return None
    except (OSError, ValueError, RuntimeError):
        return None  # absent, too long, a loop of links, a NUL inside
    return path
