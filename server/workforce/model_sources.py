"""ModelSources: the hubs' owners and the packages that models may be fetched from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from predictor.errors import ForbiddenError, InputError
from predictor.query.model_reference import ModelReference

SOURCES = "W2S_MODELS_FROM"
"""Sources between blanks."""

EVERY_SOURCE = ("hub:*", "pypi:*")

_ENTRY = re.compile(r"^(?:hub:(?:\*|[\w.-]+(?:/[\w.-]+)?)|pypi:(?:\*|[A-Za-z0-9][\w.-]*))$")
_NEXT_PACKAGE = re.compile(r"\+(?=[A-Za-z0-9][\w.-]*==)")


@dataclass(frozen=True)
class ModelSources:
    """Allowed sources: `hub:OWNER`, `hub:OWNER/NAME`, `pypi:PACKAGE`, and `hub:*` or `pypi:*` for all of a kind."""

    allowed: tuple[str, ...]

    @classmethod
    def parse(cls, entries: Sequence[str]) -> ModelSources:
        """The sources of their texts; none allows nothing.

        Raises:
            InputError: an entry of another form.
        """
        for entry in entries:
            if not _ENTRY.match(entry):
                raise InputError(
                    f"source of models {entry!r} is none; give hub:OWNER, hub:OWNER/NAME, pypi:PACKAGE, hub:* or "
                    "pypi:*, or none alone.",
                    reason="BAD_SOURCE",
                    field="models_from",
                )
        return cls(tuple(entries))

    def check(self, text: str) -> None:
        """Let a reference pass that names allowed sources only, its tokenizer's and its base's included.

        Raises:
            ForbiddenError: another source.
            InputError: the reference cannot be parsed.
        """
        reference = ModelReference.parse(text)
        for other in (reference.tokenizer, reference.base):
            if other is not None:
                self.check(other)
        names = {_plain(one) for one in self.allowed}
        for choices in _names(reference):
            if not names.intersection(choices):
                raise ForbiddenError(
                    f"model {choices[-1]!r} may not be fetched: this server reads models from "
                    f"{', '.join(self.allowed) or 'no hub and no package registry'}. Ask its operator to add it to "
                    "--models-from, or push features.",
                    reason="SOURCE_FORBIDDEN",
                    field="model",
                )


def _names(reference: ModelReference) -> list[tuple[str, ...]]:
    """For each thing to fetch, the entries that would allow it, the narrowest last."""
    if reference.kind == "hub":
        repository = reference.locator.partition("@")[0]
        return [("hub:*", f"hub:{repository.partition('/')[0]}", f"hub:{repository}")]
    if reference.kind == "pypi":
        packages = _NEXT_PACKAGE.split(reference.path.partition("/")[0])
        return [("pypi:*", _plain(f"pypi:{package.partition('==')[0]}")) for package in packages]
    return []


def _plain(entry: str) -> str:
    """Names of packages are the same in either case and with any of -_. between their parts."""
    return re.sub(r"[-_.]+", "-", entry).lower() if entry.startswith("pypi:") else entry
