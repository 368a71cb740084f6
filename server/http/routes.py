"""Routes: a path and a verb of HTTP for every method, by a rule over its name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor

PREFIX = "/v1"

Kind = Literal["unary", "watch", "upload", "download"]
"""One answer; server-sent events; the body is the array; the answer is the array."""

_VERBS = {
    "Get": ("GET", ""),
    "List": ("GET", ""),
    "Download": ("GET", ""),
    "Wait": ("GET", "wait"),
    "Watch": ("GET", "watch"),
    "Create": ("POST", ""),
    "Record": ("POST", ""),
    "Query": ("POST", "query"),
    "Cancel": ("POST", "cancel"),
    "Fit": ("POST", "fit"),
    "Predict": ("POST", ""),
    "Validate": ("POST", ""),
    "Upload": ("PUT", ""),
    "Delete": ("DELETE", ""),
}
"""First word of a method's name -> verb of HTTP, and last part of the path. A method with another word has no route."""

_COLLECTIONS = frozenset({"List", "Create", "Record", "Query"})
"""Verbs whose path names no item."""

_KEYS = ("id", "name", "manifest.name", "manifest.sha256")
"""Fields that name an item, by path in the request."""


@dataclass(frozen=True)
class Route:
    """How one method is called over HTTP.

    Attributes:
        method: the method's declaration.
        verb: `GET`, `POST`, `PUT` or `DELETE`.
        path: with `{key}` where an item is named.
        key: path in the request of the field that the path gives; None where it names no item.
        kind: see `Kind`.
    """

    method: MethodDescriptor
    verb: str
    path: str
    key: str | None
    kind: Kind

    @property
    def full_name(self) -> str:
        """As gRPC names the method: `/w2s.v1.Service/Method`."""
        return f"/{self.method.containing_service.full_name}/{self.method.name}"

    @property
    def has_body(self) -> bool:
        """Whether the request is the JSON body, rather than parameters of the address."""
        return self.verb == "POST"


def routes(services: Sequence[ServiceDescriptor]) -> tuple[Route, ...]:
    """Every method's route, longer paths first, so that `/v1/jobs/{key}` does not hide them."""
    found = [route_of(method) for service in services for method in service.methods]
    return tuple(sorted(found, key=lambda route: -route.path.count("/")))


def route_of(method: MethodDescriptor) -> Route:
    """The route of one method.

    `CreateRankingJob` is `POST /v1/jobs`, `CancelRankingJob` is `POST /v1/jobs/{id}/cancel`, `Predict` is
    `POST /v1/predict`, and `GetServerInfo`, whose request names nothing, is `GET /v1/server-info`.

    Raises:
        ValueError: the first word of its name has no verb.
    """
    words = re.findall("[A-Z][a-z]*", method.name)
    if words[0] not in _VERBS:
        raise ValueError(f"{method.name} begins with {words[0]}, which has no verb of HTTP in server/http/routes.py")
    verb, suffix = _VERBS[words[0]]
    key = None if words[0] in _COLLECTIONS else key_of(method.input_type)
    if words[0] in ("Get", "Predict", "Validate") and key is None:
        parts = ["-".join(words[1:] or words).lower()]
    else:
        parts = [_plural(words[-1].lower()), *(["{key}"] if key else []), *([suffix] if suffix else [])]
    return Route(method, verb, "/".join((PREFIX, *parts)), key, _kind(method))


def key_of(request: Any) -> str | None:
    """Path of the field that names the item of a request; None where it names none."""
    return next((path for path in _KEYS if field_at(request, path) is not None), None)


def field_at(message: Any, path: str) -> Any:
    """The declaration of the field at a path; None where there is none."""
    first, _, rest = path.partition(".")
    field = message.fields_by_name.get(first)
    if field is None or not rest:
        return field
    return None if field.message_type is None else field_at(field.message_type, rest)


def _kind(method: MethodDescriptor) -> Kind:
    if method.client_streaming:
        return "upload"
    if not method.server_streaming:
        return "unary"
    return "download" if "chunk" in method.output_type.fields_by_name else "watch"


def _plural(word: str) -> str:
    return word if word.endswith("s") else f"{word}s"
