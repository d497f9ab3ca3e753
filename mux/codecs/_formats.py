"""A format asked for in words, for models that cannot be bound to it (translation spec 11)."""

from __future__ import annotations

from msgspec.structs import replace

from mux.ir import FormatKind, Loss, LossKind, Request, ResponseFormat, Text
from mux.wire import json


def words_for(wanted: ResponseFormat) -> str:
    """What to tell a model that is to answer as `wanted`; empty for plain text."""
    if wanted.kind is FormatKind.TEXT:
        return ""
    words = "Answer with a single JSON value only (no prose, no code fence)"
    if wanted.schema is None:
        return f"{words}."
    return f"{words} that matches this JSON Schema:\n{json.text(wanted.schema)}"


def instruct(request: Request, losses: list[Loss]) -> Request:
    """`request` with its format in the last system text and no longer as a parameter."""
    words = words_for(request.response_format)
    if not words:
        return request
    losses.append(Loss(LossKind.DEGRADE, "response_format"))
    system = (*request.system, Text(words))
    return replace(request, system=system, response_format=ResponseFormat())
