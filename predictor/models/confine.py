"""Confinement: local paths in a caller's reference, resolved once and checked to be inside the operator's folders.

The check is made on names. A link that somebody with write access to a folder swaps in between the check and the
reading is followed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from predictor.errors import NotFoundError, RefusedError
from predictor.models.adapter import base_reference, is_adapter, read_adapter
from predictor.models.checkpoints import is_checkpoint
from predictor.models.forms import form_of_suffix
from predictor.models.tokenizer_files import TOKENIZER_FILES, tokenizer_files
from predictor.query.model_reference import ModelReference


@dataclass(frozen=True)
class ConfinedReference:
    """A reference that may be read.

    Attributes:
        text: the reference by real paths.
        names: each real path in it with the name that the caller gave, for messages.
    """

    text: str
    names: tuple[tuple[Path, str], ...] = ()

    def as_given(self, message: str) -> str:
        """A message with the caller's names in place of real paths."""
        for path, name in self.names:
            message = message.replace(str(path), name)
        return message


def confine(text: str, roots: Sequence[Path]) -> ConfinedReference:
    """The reference with every local path resolved and found inside one of the roots.

    A relative path is looked up in each root in order; an absolute one must be in a root. Links are followed, and all
    files that a loader could read with the model must be regular files inside the root too: those of a model folder,
    those beside a weights file, and a tokenizer one folder above a graph or a checkpoint. The base that an adapter's
    settings name becomes part of the reference, and is confined too. References to the hub, to packages and to stored
    feature sets hold no local path and pass; `#tokenizer=` and `#base=` are checked by the same rules.

    Args:
        text: a reference without alias.
        roots: folders that models may be read from; none forbids every local path.

    Raises:
        InputError: the reference cannot be parsed.
        RefusedError: an adapter whose base is not named.
        NotFoundError: no such model in the roots. Absent paths and paths outside the roots get the same message.
    """
    reference = ModelReference.parse(text)
    tokenizer = None if reference.tokenizer is None else confine(reference.tokenizer, roots)
    base = None if reference.base is None else confine(reference.base, roots)
    names = tuple(name for other in (tokenizer, base) if other is not None for name in other.names)
    locator = reference.locator
    if reference.local:
        name, mark, key = locator.partition("::")
        found = next((path for root in roots if (path := _inside(name, root)) is not None), None)
        if found is None:
            raise NotFoundError(
                f"model {text!r} does not exist in the folders that this server reads models from.",
                reason="MODEL_NOT_FOUND",
                field="model",
            )
        locator, names = f"{found}{mark}{key}", ((found, name), *names)
        if base is None and is_adapter(found):
            named = base_reference(read_adapter(found, text), text, roots, fetched=False)
            base = confine(named, roots)
        if base is not None and ModelReference.parse(base.text).base is not None:
            raise RefusedError(
                f"{text!r} is an adapter over another adapter, which a server with model roots does not read; merge "
                "the two on its disk, or push features.",
                reason="ADAPTER_REFUSED",
                field="model",
            )
    confined = replace(
        reference,
        locator=locator,
        tokenizer=None if tokenizer is None else tokenizer.text,
        base=None if base is None else base.text,
    )
    return ConfinedReference(str(confined), names)


def _inside(name: str, root: Path) -> Path | None:
    """The real path of a file or folder in the root, if every file read with it is there too."""
    try:
        real_root = root.resolve(strict=True)
        path = (real_root / name).resolve(strict=True)
        if ".." in Path(name).parts or path == real_root or not path.is_relative_to(real_root):
            return None
        readable = path.is_dir() or path.is_file()
        for entry in _read_with(path):
            real = entry.resolve(strict=True)
            readable = readable and real.is_relative_to(real_root) and (real.is_file() or real.is_dir())
    except (OSError, ValueError, RuntimeError):
        return None  # absent, too long, a loop of links, a NUL inside
    return path if readable else None


def _read_with(path: Path) -> Iterator[Path]:
    """Files and folders that a loader could open when it is given this path."""
    if path.is_dir():
        for folder, folders, files in os.walk(path):
            yield from (Path(folder, entry) for entry in (*folders, *files))
        if is_checkpoint(path):
            yield from tokenizer_files(path.parent)
        return
    form = form_of_suffix(path.suffix)
    if form is not None and form.backend:
        yield from (entry for entry in path.parent.iterdir() if not entry.is_dir() or entry.is_symlink())
    if form is not None and form.tokenizer_above:
        above = path.parent.parent
        links = (entry for entry in above.iterdir() if entry.is_symlink() and entry.name in TOKENIZER_FILES)
        yield from (*tokenizer_files(above), *links)
