"""Field names in one spelling: protocol buffers' JSON takes ``camelCase`` and ``snake_case``.

Only positions the API's own schema names are renamed; arguments, results, JSON Schemas and labels
are the client's and stay as they are (pitfall 146).
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from mux.errors import InvalidRequest
from mux.ir import JSON, Object
from mux.wire import Doc

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


_LATER: Final = ("contents", "tools")
"""Lists whose elements are renamed by their readers: what was read before is not renamed again."""


def read_body(body: bytes) -> Doc:
    """The object in `body`, its names in camelCase but for the elements of `_LATER`, which are to
    be given to `respell`. Raises `InvalidRequest`."""
    doc = Doc.parse(body, *_LATER)
    respell(doc, _LATER)
    return doc


def respell(doc: Doc, but: Collection[str] = ()) -> None:
    """Put the API's own names in `doc` into camelCase, as `canonical`. Raises `InvalidRequest`."""
    if not isinstance(doc.value, dict):
        return  # its reader will say so
    try:
        doc.value = canonical(doc.value, but)
    except RecursionError:
        raise InvalidRequest("The request body is nested too deeply", code="invalid_json") from None


def canonical(body: Object, but: Collection[str] = ()) -> Object:
    """`body` with the API's own field names in camelCase. Where both spellings are, camel wins.

    Its members `but` stay as they are.
    """
    out: Object = {}
    for key, value in body.items():
        name = camel(key)
        if name != key and name in body:
            continue
        out[name] = value if name in _FREE or name in but else _canonical(value)
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
    if isinstance(value, list):
        return [_canonical(item) for item in value]
    return value
