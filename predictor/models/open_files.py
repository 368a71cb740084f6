"""HeldFiles: a model's files kept open from the check on, so that no link swapped in afterwards is ever followed."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from predictor.errors import LimitError, RefusedError, W2SError
from predictor.models.confine import LOCAL_KINDS, absent, confine
from predictor.models.tokenizer_files import TOKENIZER_FILES
from predictor.query.model_reference import ModelReference

MAX_FILES = 256
"""Files of one folder that are kept open."""

_DESCRIPTORS = Path("/proc/self/fd")
_SEARCH = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe would let us wait for ever


class HeldFiles:
    """The regular files of one model, opened from their root down without following links, in a folder of their own.

    That folder holds links to the open descriptors: whoever reads it reads what was checked, whatever has become of
    the names since. Sub-folders are not held; no loader reads them. Where the system shows no descriptors (outside
    Linux) the reference is checked, and a link that is swapped afterwards is followed.

    Attributes:
        reference: what to read in place of the text.
        shown: paths in `reference` and what the caller called them, for messages.
    """

    def __init__(self, text: str, roots: Sequence[Path]) -> None:
        """
        Args:
            text, roots: as for `predictor.models.confine.confine`.

        Raises:
            InputError, NotFoundError: as `confine`.
            RefusedError: more than `MAX_FILES` files in the model's folder.
            LimitError: no more files can be opened, or the folder for temporary files is full.
        """
        self._text = text
        self._roots = [root.resolve() for root in roots]
        self.shown: dict[str, str] = {}
        with ExitStack() as opened:
            typed = ModelReference.parse(text)
            self.reference = str(self._held(ModelReference.parse(confine(text, roots)), typed, opened))
            self._opened = opened.pop_all()

    def close(self) -> None:
        """Let go of the files; what was mapped into memory stays."""
        self._opened.close()

    def told(self, message: str) -> str:
        """A message with the paths that the caller knows."""
        for path, name in self.shown.items():
            message = message.replace(path, name)
        return message

    def _held(self, reference: ModelReference, typed: ModelReference, opened: ExitStack) -> ModelReference:
        tokenizer = reference.tokenizer
        if tokenizer is not None and typed.tokenizer is not None:
            inner = self._held(ModelReference.parse(tokenizer), ModelReference.parse(typed.tokenizer), opened)
            tokenizer = str(inner)
        if reference.kind not in LOCAL_KINDS or not _DESCRIPTORS.is_dir():
            return replace(reference, tokenizer=tokenizer)
        name, mark, key = reference.locator.partition("::")
        view = self._view(Path(name), reference.kind, opened)
        self.shown[str(view)] = typed.locator.partition("::")[0]
        return replace(reference, locator=f"{view}{mark}{key}", tokenizer=tokenizer)

    def _view(self, path: Path, kind: str, opened: ExitStack) -> Path:
        root = next((one for one in self._roots if path.is_relative_to(one)), None)
        if root is None:
            raise absent(self._text)
        try:
            top = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="w2s-held-")))
            if path.is_dir():
                self._hold_folder(root, path, top / "up" / path.name, None, opened)
                return top / "up" / path.name
            view = top / "up" / path.parent.name if path.parent != root else top / "up" / "root"
            beside = None if kind in ("onnx", "gguf") else {path.name}
            self._hold_folder(root, path.parent, view, beside, opened)
            if kind == "onnx" and path.parent != root:
                self._hold_folder(root, path.parent.parent, top / "up", set(TOKENIZER_FILES), opened)
        except OSError as error:
            raise self._told(error) from error
        if not (view / path.name).is_file():
            raise absent(self._text)
        return view / path.name

    def _told(self, error: OSError) -> W2SError:
        """What a model reads as that the system would not open: absent, unless the system had no more to give."""
        if error.errno in (errno.EMFILE, errno.ENFILE):
            return LimitError(
                f"{self._text!r} cannot be opened beside the files of the other models of this job; ask for fewer "
                "models at once.",
                reason="TOO_MANY_FILES",
                field="model",
            )
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
            return LimitError(
                f"{self._text!r} cannot be opened: the folder for temporary files takes no more; ask the operator for "
                "room.",
                reason="STORAGE_FULL",
            )
        return absent(self._text)

    def _hold_folder(self, root: Path, folder: Path, view: Path, names: set[str] | None, opened: ExitStack) -> None:
        """Hold the regular files of a folder, or of those names in it."""
        view.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _descended(root, folder) as handle:
            held = 0
            for name in sorted(os.listdir(handle)):
                file = _opened_file(root, folder, handle, name) if names is None or name in names else None
                if file is None:
                    continue
                opened.callback(os.close, file)
                os.symlink(_DESCRIPTORS / str(file), view / name)
                held += 1
                if held > MAX_FILES:
                    raise RefusedError(
                        f"the folder of {self._text!r} has more than {MAX_FILES} files; keep the model in one of its "
                        "own.",
                        reason="MODEL_FILES",
                        field="model",
                    )


@contextlib.contextmanager
def _descended(root: Path, folder: Path) -> Iterator[int]:
    """The folder, reached from its root name by name.

    Raises:
        OSError: a name on the way is no folder, or a link by now.
    """
    handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in folder.relative_to(root).parts:
            deeper = os.open(name, _SEARCH, dir_fd=handle)
            os.close(handle)
            handle = deeper
        yield handle
    finally:
        os.close(handle)


def _opened_file(root: Path, folder: Path, handle: int, name: str) -> int | None:
    """A regular file of the folder, read only; None for anything else, and for a link that leads out of the root."""
    try:
        if stat.S_ISLNK(os.stat(name, dir_fd=handle, follow_symlinks=False).st_mode):
            real = (folder / name).resolve(strict=True)
            if real == root or not real.is_relative_to(root):
                return None
            with _descended(root, real.parent) as there:
                file = os.open(real.name, _READ, dir_fd=there)
        else:
            file = os.open(name, _READ, dir_fd=handle)
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE):
            raise  # half a model is none
        return None
    except RuntimeError:
        return None  # a loop of links
    if stat.S_ISREG(os.fstat(file).st_mode):
        return file
    os.close(file)
    return None
