"""Downloads: which files of a model are not on this machine yet, and how large they are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from predictor.errors import UnavailableError
from predictor.models.hub import missing
from predictor.models.hub_files import Part
from predictor.models.hub_place import HubPlace
from predictor.models.missing_files import MissingFile
from predictor.models.wheel_size import missing_wheel
from predictor.models.wheels import cached_wheel, installed_path, requirements_of
from predictor.query.model_reference import ModelReference


@dataclass(frozen=True)
class Download:
    """What must be downloaded before a model can be read.

    Attributes:
        files: by address, those not in a cache.
        unknown: why nothing is known of them, or "".
    """

    files: tuple[MissingFile, ...] = ()
    unknown: str = ""

    @property
    def bytes(self) -> int | None:
        """Of all files; None where that of one is not known."""
        sizes = [one.bytes for one in self.files if one.bytes is not None]
        return sum(sizes) if not self.unknown and len(sizes) == len(self.files) else None


class Downloads:
    """Asks for what is missing, once a model."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._known: dict[str, Download] = {}

    def of(self, reference: str) -> Download:
        """The files of a model, its base and its tokenizer that would be fetched now.

        The hub and the registry are asked. Configurations are fetched where they say which weights are needed.

        Raises:
            NotFoundError, RefusedError, InputError: the model would fail; no weights were fetched to find that.
        """
        if reference not in self._known:
            try:
                missing = tuple(dict.fromkeys(_missing(ModelReference.parse(reference), self._cache, "weights")))
                self._known[reference] = Download(missing)
            except UnavailableError as error:
                self._known[reference] = Download(unknown=error.message)
        return self._known[reference]


def _missing(reference: ModelReference, cache: Path, part: Part) -> list[MissingFile]:
    found = []
    if reference.kind == "hub":
        place = HubPlace.parse(reference.locator)
        whole = replace(place, inner="")
        found += [replace(one, name=f"{whole}/{one.name}") for one in missing(reference.locator, cache, part)]
    elif reference.kind == "pypi":
        requirements, inner = requirements_of(reference.path)
        installed = len(requirements) == 1 and installed_path(requirements[0], inner) is not None
        absent = () if installed else (one for one in requirements if cached_wheel(one, cache) is None)
        found += [missing_wheel(one) for one in absent]
    if reference.base is not None:
        found += _missing(ModelReference.parse(reference.base), cache, "weights")
    if reference.tokenizer is not None:
        found += _missing(ModelReference.parse(reference.tokenizer), cache, "tokenizer")
    return found
