"""HubPlace: a model on the hub: repository, revision, and what of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from predictor.models.hub_library import hub_library
from predictor.query.model_reference import HUB


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

    @property
    def snapshot(self) -> Path:
        """Where the library stores the files of the commit."""
        folder = "--".join(("models", *self.repository.split("/")))
        return Path(hub_library().constants.HF_HUB_CACHE) / folder / "snapshots" / self.revision

    @property
    def blobs(self) -> Path:
        """Where the library stores contents, by digest."""
        return self.snapshot.parents[1] / "blobs"
