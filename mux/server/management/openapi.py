"""The OpenAPI 3.1 document of the management API, made from its table.

Run as a program it writes the file that ships in the package.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from mux import __version__
from mux.ir import JSON, Object
from mux.server.management import schemas as s
from mux.server.management.endpoints import ENDPOINTS, JSON_TYPE, PREFIX, Endpoint
from mux.server.management.envelope import Code
from mux.wire import json

PATH: Final = "/openapi.json"

_EVERY: Final = (400, 401, 403, 404, 405, 413, 500)
"""What any call may be refused with."""

_ENVELOPE: Final = s.struct(
    {"timestamp": {"type": "string", "format": "date-time"}, "version": s.STRING}
)
_ERROR: Final = s.struct(
    {
        "error": s.struct(
            {"code": {"enum": [code.value for code in Code]}, "message": s.STRING},
            {
                "problems": s.listed(
                    s.struct({"path": s.STRING, "message": s.STRING, "place": s.STRING})
                )
            },
        )
    }
)


def document() -> Object:
    """The document. The same for every configuration."""
    paths: dict[str, Object] = {}
    for endpoint in ENDPOINTS:
        operations = paths.setdefault(PREFIX + endpoint.path, {})
        operations[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "llm-mux management",
            "version": __version__,
            "description": "Success is {data, meta}, refusals are {error: {code, message}}.",
        },
        "security": [{"key": []}, {"bearer": []}],
        "paths": {**paths},
        "components": {
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "X-Management-Key"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
            "schemas": {"Error": _ERROR, "Meta": _ENVELOPE},
            "responses": {
                "Refused": {
                    "description": "Not done",
                    "content": {JSON_TYPE: {"schema": {"$ref": "#/components/schemas/Error"}}},
                }
            },
        },
    }


def _operation(endpoint: Endpoint) -> Object:
    operation: Object = {"summary": endpoint.summary, "operationId": _id(endpoint)}
    parameters: list[JSON] = [
        {"name": name, "in": "query", "required": name in endpoint.needs, "schema": schema}
        for name, schema in endpoint.query.items()
    ]
    if "{name}" in endpoint.path:
        parameters.append({"name": "name", "in": "path", "required": True, "schema": s.STRING})
    if parameters:
        operation["parameters"] = parameters
    if endpoint.bodies:
        content: Object = {kind: {"schema": schema} for kind, schema in endpoint.bodies.items()}
        operation["requestBody"] = {"required": True, "content": content}
    operation["responses"] = _responses(endpoint)
    return operation


def _responses(endpoint: Endpoint) -> Object:
    responses: Object = {}
    if endpoint.raw:
        responses["200"] = {"description": "Done", "content": {endpoint.raw: {}}}
    elif endpoint.data is not None:
        schema = s.struct({"data": endpoint.data, "meta": {"$ref": "#/components/schemas/Meta"}})
        done: Object = {"description": "Done", "content": {JSON_TYPE: {"schema": schema}}}
        responses["200"] = done
        if endpoint.partly:
            responses["207"] = done | {"description": "Done in part"}
    for status in sorted({*_EVERY, *endpoint.statuses}):
        responses[str(status)] = {"$ref": "#/components/responses/Refused"}
    return responses


def _id(endpoint: Endpoint) -> str:
    words = endpoint.path.replace("{name}", "one").replace("/", "-").replace(".", "-")
    return f"{endpoint.method.lower()}{words}"


if __name__ == "__main__":
    Path(__file__).with_name("openapi.json").write_text(f"{json.pretty(document())}\n", "utf-8")
