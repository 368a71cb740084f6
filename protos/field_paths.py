"""Field paths: the field of an error, as the path of a message field that starts at the request.

The predictor names fields as its Python keywords, such as `weak_rows`. The requests of three services have all of
them under `query`: `weak_rows` is `query.settings.training.weak_rows` there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from predictor.errors import W2SError
from protos.w2s.v1 import query_pb2 as pb

ROOT = "query"
_KEYWORDS = {
    "estimator": "settings.estimators",
    "label_words": "settings.label_prompt.words",
    "prompt": "settings.label_prompt.template",
    "calibration": "settings.calibration",
}
"""Keywords that have another name than their field."""


def _nested(message: Any, path: str) -> Iterator[tuple[str, str]]:
    for field in message.fields:
        yield field.name, f"{path}.{field.name}"
        if field.message_type is not None:
            yield from _nested(field.message_type, f"{path}.{field.name}")


_FIELDS = {field.name for field in pb.RankingQuery.DESCRIPTOR.fields}
_PATHS = {**dict(_nested(pb.Settings.DESCRIPTOR, "settings")), **_KEYWORDS}
_NAMES = {path: name for name, path in _PATHS.items()}


def path_of(field: str) -> str:
    """The path of a field of a query: of a keyword, or of a path within the query. Other names stay as they are."""
    if field in _PATHS and (field not in _FIELDS or field in _KEYWORDS):
        return f"{ROOT}.{_PATHS[field]}"
    first = re.split(r"[.\[]", field, maxsplit=1)[0]
    return f"{ROOT}.{field}" if first in _FIELDS else field


def field_of(path: str) -> str:
    """The field of a path as the predictor names it; the inverse of `path_of`."""
    inner = path.removeprefix(f"{ROOT}.")
    return _NAMES.get(inner, inner) if inner != path else path


@contextmanager
def query_paths() -> Iterator[None]:
    """Raise errors about a query with paths that start at the request."""
    try:
        yield
    except W2SError as error:
        if error.field is None or path_of(error.field) == error.field:
            raise
        raise type(error)(error.message, reason=error.reason, field=path_of(error.field)) from error


@contextmanager
def fields_under(root: str) -> Iterator[None]:
    """Raise errors about a nested message with paths that start at the request, such as `outcomes[3].seeds`."""
    try:
        yield
    except W2SError as error:
        path = root if error.field is None else f"{root}.{error.field}"
        raise type(error)(error.message, reason=error.reason, field=path) from error
