"""What the answer must look like, for a host that can be told and for one that must be asked.

Translation spec section 11.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec.structs import replace

from mux.codecs import _formats, _schema
from mux.codecs.openai_chat._wire import DIALECT
from mux.ir import (
    Abilities,
    FormatKind,
    Loss,
    LossKind,
    Object,
    Request,
    ResponseFormat,
    Text,
)

_ILLEGAL: Final = re.compile(r"[^A-Za-z0-9_-]")
_NAME_CHARS: Final = 64
_DEFAULT_NAME: Final = "response"
_SAY_JSON: Final = "Respond in JSON."


def encode_format(
    request: Request, abilities: Abilities, losses: list[Loss]
) -> tuple[Request, Object]:
    """The request, with instructions in its system text where needed, and ``response_format``."""
    wanted = request.response_format
    native = request.origin == DIALECT
    if wanted.kind is FormatKind.TEXT:
        return request, {}
    if not abilities.structured or (request.tools and not abilities.structured_with_tools):
        return _formats.instruct(request, losses), {}
    if wanted.kind is FormatKind.JSON_OBJECT:
        if not native and not _mentions_json(request):
            request = replace(request, system=(*request.system, Text(_SAY_JSON)))
        return request, {"response_format": {"type": "json_object"}}
    if native and "response_format" in request.own(DIALECT):
        return request, {}
    schema = _native_schema(wanted) if native else _foreign_schema(request, abilities, losses)
    return request, {"response_format": {"type": "json_schema", "json_schema": schema}}


def _native_schema(wanted: ResponseFormat) -> Object:
    out: Object = {"name": wanted.name or _DEFAULT_NAME}
    if wanted.description:
        out["description"] = wanted.description
    if wanted.schema is not None:
        out["schema"] = wanted.schema
    if wanted.strict is not None:
        out["strict"] = wanted.strict
    return out


def _foreign_schema(request: Request, abilities: Abilities, losses: list[Loss]) -> Object:
    """Strict as far as the schema keeps to the subset: it is never rewritten to fit."""
    wanted = request.response_format
    name = _ILLEGAL.sub("_", wanted.name)[:_NAME_CHARS]
    out: Object = {"name": name or _DEFAULT_NAME}
    if wanted.description:
        out["description"] = wanted.description
    strict = abilities.strict_tools and _schema.openai_strict_ok(wanted.schema)
    if wanted.strict and not strict:
        losses.append(Loss(LossKind.DEGRADE, "strict"))
    cleaned = _schema.openai(wanted.schema)
    # A schema binds the model in all other dialects, in OpenAI's only if it is strict.
    binding = wanted.strict is None and request.origin != "openai_responses"
    if (binding and not strict) or not cleaned.exact:
        losses.append(Loss(LossKind.DEGRADE, "response_format"))
    if wanted.schema is not None:
        out["schema"] = cleaned.schema
    out["strict"] = strict and wanted.strict is not False
    return out


def _mentions_json(request: Request) -> bool:
    texts = [*request.system, *(part for message in request.messages for part in message.parts)]
    return any(isinstance(part, Text) and "json" in part.text.lower() for part in texts)
