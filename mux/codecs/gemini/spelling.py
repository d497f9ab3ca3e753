"""Field names in one spelling: protocol buffers' JSON takes ``camelCase`` and ``snake_case``.

Only positions the API's own schema names are renamed; arguments, results, JSON Schemas and labels
are the client's and stay as they are (pitfall 146).
"""

from __future__ import annotations

import re
from typing import Final

from mux.errors import InvalidRequest
from mux.ir import JSON, Object
from mux.wire import Doc
from mux.wire.doc import Piece
from mux.wire.skim import Unread

_UNDERSCORE: Final = re.compile(r"_([a-z0-9])")

_FREE: Final = frozenset(
    {
        "args",
        "customMetadata",
        "headers",
        "jsonSchema",
        "labels",
        "parameters",
        "parametersJsonSchema",
        "partMetadata",
        "response",
        "responseJsonSchema",
        "responseSchema",
    }
)
"""Members whose keys are somebody else's, in the canonical spelling."""


def read_body(body: bytes) -> Doc:
    """The object in `body`, its names in camelCase. Raises `InvalidRequest`.

    Elements of its ``contents`` and ``tools`` may be left unread: `respell` each.
    """
    doc = Doc.parse(body, "contents", "tools")
    return Doc(_named(doc.mapping()))


def respell(doc: Doc) -> None:
    """Put the names in an element of a list that was left unread into camelCase."""
    if isinstance(doc, Piece):
        doc.value = _named(doc.value)


def _named(value: JSON) -> JSON:
    try:
        return _canonical(value)
    except RecursionError:
        raise InvalidRequest("The request body is nested too deeply", code="invalid_json") from None


def canonical(body: Object) -> Object:
    """`body` with the API's own field names in camelCase. Where both spellings are, camel wins."""
    out: Object = {}
    for key, value in body.items():
        name = camel(key)
        if name != key and name in body:
            continue
        out[name] = value if name in _FREE else _canonical(value)
    return out


def camel(key: str) -> str:
    """``generation_config`` as ``generationConfig``; other keys as they are."""
    if "_" not in key:
        return key
    # An internal alias some clients have picked up from the service's descriptors.
    return _UNDERSCORE.sub(lambda match: match[1].upper(), key.removeprefix("_"))


def _canonical(value: JSON) -> JSON:
    if isinstance(value, dict):
        return canonical(value)
    if isinstance(value, list) and not isinstance(value, Unread):
        return [_canonical(item) for item in value]
    return value
