"""Redaction: texts for callers with credentials, without the places of the server's own folders."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from google.protobuf import struct_pb2

from predictor.errors import W2SError
from predictor.folders import cache_dir, state_dir
from protos.w2s.v1 import ranking_pb2
from server.access.caller import LOCAL
from server.workforce.model_roots import ROOTS


def folders() -> dict[str, str]:
    """What stands for each folder that a message may name; paths in the operator's folders of models stay relative."""
    hub = os.environ.get("HF_HOME", "").strip() or str(Path.home() / ".cache" / "huggingface")
    roots = [root for root in os.environ.get(ROOTS, "").split(os.pathsep) if root]
    named = {str(state_dir()): "STATE/", str(cache_dir()): "CACHE/", hub: "HUB/", sys.prefix: "PYTHON/"}
    named |= dict.fromkeys(roots, "")
    return {folder.rstrip("/"): name for folder, name in named.items() if len(folder) > 1}


def without_places(text: str) -> str:
    """The text with the server's folders replaced, the longest first."""
    if "/" not in text:
        return text
    for folder, name in sorted(folders().items(), key=lambda pair: -len(pair[0])):
        text = text.replace(f"{folder}/", name).replace(folder, name.rstrip("/") or ".")
    return text


def error_for(tenant: str, error: W2SError) -> W2SError:
    """The error as a tenant may see it; this machine's own user sees it as it is."""
    message = error.message if tenant == LOCAL else without_places(error.message)
    if message == error.message:
        return error
    return type(error)(message, reason=error.reason, field=error.field)


def redact_ranking(ranking: ranking_pb2.Ranking) -> None:
    """Replace the server's folders in every text of a ranking that is made from messages or references."""
    for candidate in ranking.candidates:
        if candidate.HasField("error"):
            candidate.error.message = without_places(candidate.error.message)
        candidate.warnings[:] = [without_places(one) for one in candidate.warnings]
    ranking.warnings[:] = [without_places(one) for one in ranking.warnings]
    _redact(ranking.provenance.request)


def _redact(struct: struct_pb2.Struct) -> None:
    for value in struct.fields.values():
        _redact_value(value)


def _redact_value(value: struct_pb2.Value) -> None:
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        value.string_value = without_places(value.string_value)
    elif kind == "struct_value":
        _redact(value.struct_value)
    elif kind == "list_value":
        for one in value.list_value.values:
            _redact_value(one)
