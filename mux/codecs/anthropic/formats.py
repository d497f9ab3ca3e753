"""What the visible answer must look like, both ways (translation spec section 11)."""

from __future__ import annotations

from typing import Final

from mux.codecs import _schema
from mux.codecs.anthropic._own import DIALECT
from mux.errors import Unsupported
from mux.ir import (
    JSON,
    Abilities,
    FormatKind,
    Loss,
    LossKind,
    Object,
    Request,
    ResponseFormat,
)
from mux.wire import Doc, json

_WORDS: Final = "Answer with a single JSON value only (no prose, no code fence)"


def decode_format(config: Doc | None) -> ResponseFormat:
    """The format in ``output_config.format``, or in ``output_format`` as it was once called."""
    if config is None:
        return ResponseFormat()
    config.need("type").one_of("json_schema")
    return ResponseFormat(FormatKind.JSON_SCHEMA, schema=config.need("schema").mapping())


def encode_format(
    request: Request, abilities: Abilities, losses: list[Loss]
) -> tuple[Object | None, str]:
    """The native format if there is one for what the client wants, else words for the model."""
    wanted = request.response_format
    if wanted.kind is FormatKind.TEXT:
        return None, ""
    if wanted.kind is FormatKind.JSON_SCHEMA and abilities.structured:
        native = request.origin == DIALECT
        schema = wanted.schema if native else _representable(wanted.schema, losses)
        if schema is not None:
            return {"type": "json_schema", "schema": schema}, ""
    losses.append(Loss(LossKind.DEGRADE, "response_format"))
    if wanted.schema is None:
        return None, f"{_WORDS}."
    return None, f"{_WORDS} that matches this JSON Schema:\n{json.text(wanted.schema)}"


def _representable(schema: JSON, losses: list[Loss]) -> JSON:
    """`schema` in the subset the API takes, None if it cannot be said there."""
    try:
        cleaned = _schema.anthropic_output(schema)
    except Unsupported:
        return None
    if not cleaned.exact:
        losses.append(Loss(LossKind.DEGRADE, "response_format", "some constraints are gone"))
    return cleaned.schema
