"""OpenAPI: a description of the HTTP interface, made from the declarations of the services."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.metadata import version
from typing import Any

from google.protobuf.descriptor import FieldDescriptor, ServiceDescriptor
from google.rpc import status_pb2

from server.http.comments import comments
from server.http.json_messages import is_map
from server.http.routes import Route, field_at, routes
from server.http.schemas import Schemas, json_name

PATH = "/v1/openapi.json"
_ABOUT = (
    "The services of w2s.v1 as JSON, by the proto3 mapping. Fields may be given in camelCase or as in the .proto "
    "files; unknown ones are refused. 64-bit integers are text. An error is a google.rpc.Status whose ErrorInfo has a "
    "stable reason."
)


def openapi(services: Sequence[ServiceDescriptor], *, authenticated: bool) -> dict[str, Any]:
    """The document, of OpenAPI 3.1.

    Args:
        services: declarations of the services.
        authenticated: whether calls need a bearer token or a client certificate.
    """
    schemas = Schemas()
    paths: dict[str, dict[str, Any]] = {}
    for route in sorted(routes(services), key=lambda route: (route.path, route.verb)):
        paths.setdefault(_path(route), {})[route.verb.lower()] = _operation(route, schemas)
    error = {
        "description": "Anything else: a status.",
        "content": {"application/json": {"schema": schemas.of(status_pb2.Status.DESCRIPTOR)}},
    }
    tags = [{"name": one.name, "description": comments().get(one.full_name, "")} for one in services]
    components: dict[str, Any] = {"schemas": schemas.found, "responses": {"Error": error}}
    if authenticated:
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "w2s", "version": version("w2s-predictor"), "description": _ABOUT},
        "tags": tags,
        "paths": paths,
        "components": components,
        "security": [{"token": []}] if authenticated else [],
    }


def _path(route: Route) -> str:
    return route.path.replace("{key}", f"{{{_last(route.key)}}}")


def _last(path: str | None) -> str:
    return (path or "").rpartition(".")[2]


def _operation(route: Route, schemas: Schemas) -> dict[str, Any]:
    summary, _, more = comments().get(route.method.full_name, "").partition(". ")
    operation: dict[str, Any] = {
        "operationId": route.method.name,
        "tags": [route.method.containing_service.name],
        "summary": summary,
        "description": more,
        "parameters": list(_parameters(route, schemas)),
        "responses": {"200": _answer(route, schemas), "default": {"$ref": "#/components/responses/Error"}},
    }
    if route.kind == "upload":
        operation["requestBody"] = {"required": True, "content": {"application/octet-stream": {}}}
    elif route.has_body:
        content = {"application/json": {"schema": schemas.of(route.method.input_type)}}
        operation["requestBody"] = {"required": route.key is None, "content": content}
    return operation


def _parameters(route: Route, schemas: Schemas) -> Iterable[dict[str, Any]]:
    if route.key is not None:
        about = comments().get(field_at(route.method.input_type, route.key).full_name, "")
        yield _parameter(_last(route.key), {"type": "string"}, about, "path")
    if route.has_body:
        return
    if route.kind == "upload":
        about = "Bytes that the server has already, as the query of uploads or parts gives them."
        yield _parameter("offset", {"type": "integer", "minimum": 0}, about, "query")
        fields: Iterable[FieldDescriptor] = field_at(route.method.input_type, "manifest").message_type.fields
    else:
        fields = route.method.input_type.fields
    for field in fields:
        if field.name != _last(route.key):
            about = comments().get(field.full_name, "")
            style = {"style": "deepObject", "explode": True} if is_map(field) else {}
            yield _parameter(json_name(field), schemas.of_field(field), about, "query") | style


def _parameter(name: str, schema: dict[str, Any], about: str, place: str) -> dict[str, Any]:
    return {"name": name, "in": place, "required": place == "path", "description": about, "schema": schema}


def _answer(route: Route, schemas: Schemas) -> dict[str, Any]:
    if route.kind == "download":
        return {"description": "A .npy file of float32.", "content": {"application/octet-stream": {}}}
    schema = schemas.of(route.method.output_type)
    if route.kind == "watch":
        name = schema["$ref"].rpartition("/")[2]
        about = f"Server-sent events; the data of each is a {name}. An event `error` has a status."
        return {"description": about, "content": {"text/event-stream": {"schema": {"type": "string"}}}}
    return {"description": "OK", "content": {"application/json": {"schema": schema}}}
