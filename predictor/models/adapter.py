"""Adapter: a folder of peft weights, which mean something only over the base model that they were trained on."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from predictor.errors import RefusedError
from predictor.folders import existing_path
from predictor.models.config_file import read_json_object

SETTINGS = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"

MERGED_KINDS = (
    "ADALORA", "BOFT", "C3A", "FOURIERFT", "HRA", "IA3", "LN_TUNING", "LOHA", "LOKR", "LORA", "MISS", "OFT",
    "RANDLORA", "ROAD", "SHIRA", "TRAINABLE_TOKENS", "VBLORA", "VERA", "WAVEFT",
)  # fmt: skip
"""peft's names of the adapters that are read: each changes weights, so that a merge of it into its base is exact."""

CommitNow = Callable[[str, str], str]

_COMMIT = re.compile(r"^[0-9a-f]{40}$")
_REPOSITORY = re.compile(r"^[\w.-]+/[\w.-]+$")


@dataclass(frozen=True)
class Adapter:
    """What an adapter's folder says of itself.

    Attributes:
        folder: with `SETTINGS` and the weights.
        kind: peft's name of it, such as `LORA`.
        task: peft's name of the task, such as `CAUSAL_LM`, or None.
        base: path or hub name of the base as it was called where the adapter was trained, or "".
        revision: of the base on the hub, or "".
    """

    folder: Path
    kind: str
    task: str | None
    base: str
    revision: str


def is_adapter(folder: Path) -> bool:
    """Whether the folder contains an adapter."""
    return (folder / SETTINGS).is_file()


def read_adapter(folder: Path, as_given: str) -> Adapter:
    """The adapter in a folder.

    Raises:
        RefusedError: its settings are unreadable, or it is of a kind that cannot become part of the weights.
    """
    raw = read_json_object(folder / SETTINGS)
    found = Adapter(
        folder,
        str(raw.get("peft_type") or "unnamed").upper(),
        str(raw["task_type"]) if raw.get("task_type") else None,
        str(raw.get("base_model_name_or_path") or ""),
        str(raw.get("revision") or ""),
    )
    if found.kind not in MERGED_KINDS:
        raise RefusedError(
            f"{as_given!r} is an adapter of the kind {found.kind}, which cannot be merged into the weights of its base "
            f"(read are {', '.join(MERGED_KINDS)}). Run base and adapter with peft, save the pooled hidden states with "
            "numpy.save, and give array:FILE.npy.",
            reason="ADAPTER_REFUSED",
            field="model",
        )
    return found


def base_reference(
    adapter: Adapter,
    as_given: str,
    places: Sequence[Path],
    *,
    fetched: bool,
    commit: CommitNow = lambda repository, branch: "COMMIT",
) -> str:
    """Reference to the base that an adapter names.

    Args:
        as_given: the adapter's own reference, for messages.
        places: folders that a relative path may start from, besides the adapter's own.
        commit: the commit of a repository's branch, for the message.
        fetched: the adapter's files are not the user's own, so no path in them is followed.

    Raises:
        RefusedError: no such model on this machine, or one of the hub at no fixed commit.
    """
    starts = () if fetched or not adapter.base else (*places, adapter.folder)
    for start in starts:
        path = existing_path(str(start / Path(adapter.base).expanduser()))
        if path is not None and path.is_dir():
            return str(path.resolve())
    on_hub = bool(_REPOSITORY.match(adapter.base))
    if on_hub and not fetched and _COMMIT.match(adapter.revision):
        return f"hub:{adapter.base}@{adapter.revision}"
    plain = as_given.partition("#")[0]
    if on_hub:
        fixed = _COMMIT.match(adapter.revision)
        revision = adapter.revision if fixed else commit(adapter.base, adapter.revision or "main")
        why = f"and names its base {adapter.base!r} of the hub at no fixed commit"
        give = f"{plain}#base=hub:{adapter.base}@{revision} or {plain}#base=FOLDER"
    else:
        why = f"and its base {adapter.base!r} is not here" if adapter.base else "and names no base"
        give = f"{plain}#base=FOLDER or {plain}#base=hub:OWNER/NAME@COMMIT"
    raise RefusedError(
        f"{as_given!r} is a {adapter.kind} adapter, {why}; say which model it belongs to: give {give}.",
        reason="ADAPTER_BASE_MISSING",
        field="model",
    )
