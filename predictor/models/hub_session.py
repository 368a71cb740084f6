"""HubSession: the files of one commit of a repository, listed and fetched through the hub library."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from predictor.errors import W2SError
from predictor.models.config_file import read_config
from predictor.models.hub_blob import PART, resume_blob
from predictor.models.hub_errors import no_weights, translated
from predictor.models.hub_files import FILES, Part, needed_files
from predictor.models.hub_library import hub_library
from predictor.models.hub_place import HubPlace
from predictor.models.missing_files import MissingFile
from predictor.models.training_state import PACKED_SETTINGS, check_not_quantised, quantisation

LARGE = (".safetensors", ".gguf", ".onnx", ".bin", ".data", "_data")
"""Endings of files worth going on with."""

_TIMEOUT_SECONDS = 10.0


class HubSession:
    """One conversation with the hub about one commit.

    Attributes:
        place: the model, whose revision is a commit, or for `commit` a branch or tag.
        current: file that is being fetched, or "".
    """

    def __init__(self, place: HubPlace) -> None:
        self.place = place
        self.current = ""
        self._library = hub_library()

    @property
    def commit(self) -> str:
        """The commit that the revision points to now."""
        return str(self._model_info().sha)

    def needed(self, part: Part) -> tuple[MissingFile, ...]:
        """All files that the model needs, with their sizes; weights last. Small ones that say which are fetched.

        Raises:
            RefusedError: there are no weights that are read, as one finds before any of them is fetched.
        """
        place, siblings = self.place, self._model_info(files_metadata=True).siblings or ()
        sizes = {str(one.rfilename): one for one in siblings}
        files = needed_files(list(sizes), place.inner, lambda name: json.loads(self.get(name).read_bytes()), part)
        if not files:
            raise no_weights(place, list(sizes), part)
        self._refuse_quantised(list(sizes), part)
        return tuple(MissingFile(name, sizes[name].size, str(getattr(sizes[name].lfs, "sha256", ""))) for name in files)

    def missing(self, files: tuple[MissingFile, ...]) -> tuple[MissingFile, ...]:
        """Those not in the library's cache, less the bytes of them that have arrived."""
        absent = (one for one in files if not (self.place.snapshot / one.name).exists())
        return tuple(one.after(self._arrived(one)) for one in absent)

    def get(self, name: str) -> Path:
        """Fetch a file unless it is here; a large one goes on where its download broke off."""
        self.current, place, api = name, self.place, self._library
        if name.endswith(LARGE):
            resume_blob(api, place.repository, place.revision, name, place.blobs, _TIMEOUT_SECONDS)
        return Path(api.hf_hub_download(place.repository, name, revision=place.revision, etag_timeout=_TIMEOUT_SECONDS))

    def _model_info(self, *, files_metadata: bool = False) -> Any:
        place = self.place
        return self._library.HfApi().model_info(
            place.repository, revision=place.revision, timeout=_TIMEOUT_SECONDS, files_metadata=files_metadata
        )

    def _arrived(self, file: MissingFile) -> int:
        """Bytes of a download that broke off."""
        part = self.place.blobs / f"{file.sha256}{PART}"
        return part.stat().st_size if file.sha256 and part.is_file() else 0

    def _refuse_quantised(self, names: list[str], part: Part) -> None:
        """Fetch the settings alone, and refuse packed weights by these."""
        inner = self.place.inner
        if part == "tokenizer" or inner.endswith(FILES):
            return
        folder = f"{inner}/" if inner else ""
        for name in PACKED_SETTINGS:
            if f"{folder}{name}" in names:
                self.get(f"{folder}{name}")
        local = self.place.snapshot / inner
        config = f"{folder}config.json"
        settings = read_config(self.get(config).parent) if config in names else {}
        if quantisation(settings, local) and f"{folder}README.md" in names:
            self.get(f"{folder}README.md")  # the card names the model that was quantised
        check_not_quantised(settings, local, str(self.place))


@contextmanager
def hub_session(place: HubPlace) -> Iterator[HubSession]:
    """A session whose errors, the library's and the network's, become ours.

    Raises:
        W2SError: as `predictor.models.hub.fetch`.
    """
    session = HubSession(place)
    try:
        yield session
    except W2SError:
        raise
    except Exception as error:  # boundary: a network, through a library whose errors have no common class
        raise translated(place, error, session.current) from error
