"""MissingFile: a file of a model that must be downloaded before the model can be read."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class MissingFile:
    """One file.

    Attributes:
        name: path in its repository, or name of a wheel.
        bytes: still to download; None where nobody says.
        sha256: of the contents, or "" where nobody says.
    """

    name: str
    bytes: int | None
    sha256: str = ""

    def after(self, arrived: int) -> MissingFile:
        """The file once so many of its bytes are here."""
        return self if self.bytes is None else replace(self, bytes=max(0, self.bytes - arrived))
