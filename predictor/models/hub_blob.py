"""Hub blob: one large file of a repository, whose download goes on where an earlier one broke off.

The hub library starts such a file anew. Here the part that has arrived is kept beside the library's blobs, under the
file's digest; a whole file is checked, and becomes the blob that the library then finds.
"""

from __future__ import annotations

import fcntl
import os
import re
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from predictor.errors import UnavailableError
from predictor.models.digests import file_digest

PART = ".part"
"""Ending of a blob that has not arrived as a whole."""

_SHA256 = re.compile(r"^[0-9a-f]{64}$")


def resume_blob(library: Any, repository: str, revision: str, name: str, blobs: Path, timeout: float) -> None:
    """Download a file to the folder of blobs, from where the last attempt ended.

    Files of the chunked store are left to the library, which keeps their chunks itself.

    Raises:
        UnavailableError: what arrived is not the file.
        Exception: the library's and the network's errors; what has arrived is kept.
    """
    url = library.hf_hub_url(repository, name, revision=revision)
    about = library.get_hf_file_metadata(url, timeout=timeout)
    chunked = about.xet_file_data is not None and not library.constants.HF_HUB_DISABLE_XET
    blob = blobs / str(about.etag)
    if chunked or not _SHA256.match(str(about.etag)) or blob.exists():
        return
    headers = library.utils.build_hf_headers()
    if urlsplit(about.location).netloc != urlsplit(url).netloc:
        headers.pop("authorization", None)  # a signed address elsewhere
    blobs.mkdir(parents=True, exist_ok=True)
    part = blob.with_name(f"{blob.name}{PART}")
    with part.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if not blob.exists():
            _append(library, about, headers, file)
            file.flush()
            if file_digest(part) != blob.name:
                part.unlink()
                raise UnavailableError(
                    f"what arrived of {name} of hub:{repository} is not that file (its SHA-256 differs); run the same "
                    "command again.",
                    reason="HUB_UNREACHABLE",
                    field="model",
                )
            os.replace(part, blob)


def _append(library: Any, about: Any, headers: dict[str, str], file: BinaryIO) -> None:
    have = file.tell()
    if about.size is not None and have > about.size:
        file.truncate(0)
        have = 0
    library.file_download.http_get(
        about.location, file, resume_size=have, headers=headers, expected_size=about.size, displayed_filename=""
    )
