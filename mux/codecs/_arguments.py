"""Tool arguments between their two forms: JSON text, and an object (translation spec section 7)."""

from __future__ import annotations

import re
from typing import Final

from mux.ir import JSON, Object
from mux.wire import json


def to_object(text: str) -> Object:
    """The arguments as an object, whatever a model wrote.

    Empty text is ``{}``; text cut short is closed; a string that holds an object is unwrapped; any
    other value is wrapped as ``{"value": …}`` and text beyond repair as ``{"_invalid_json": …}``.
    """
    if not text.strip():
        return {}
    value = _parse(text)
    if isinstance(value, str):
        inner = _parse(value)
        value = inner if isinstance(inner, dict) else value
    if isinstance(value, dict):
        return value
    if value is None and text.strip() != "null":
        return {"_invalid_json": text}
    return {"value": value}


def is_whole(text: str) -> bool:
    """Whether the arguments came to their end; none at all is how some write an empty object."""
    if not text.strip():
        return True
    try:
        json.loads(text)
    except json.JsonError:
        return False
    return True


def to_text(value: JSON) -> str:
    """The arguments as compact JSON text, key order kept; absent arguments are ``{}``."""
    return json.text({} if value is None else value)


def wrap_value(text: str) -> str:
    """Arguments that are no object as the member ``value`` of one, their text as it was."""
    return f'{{"value":{text}}}' if text.strip() else "{}"


def unwrap_value(text: str) -> str:
    """The text of the member ``value``; the arguments themselves if they are of another form."""
    fields = json.load_object(text)
    if fields is None or fields.keys() != {"value"}:
        return text
    return json.text(fields["value"])


def _parse(text: str) -> JSON:
    """The value in `text`, closed if need be; None if there is none."""
    try:
        return json.loads(text)
    except json.JsonError:
        pass
    try:
        return json.loads(close(text))
    except json.JsonError:
        return None


_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*("|\\?\Z)|[{}\[\]]', re.DOTALL)
_CLOSER: Final = {"{": "}", "[": "]"}


def close(text: str) -> str:
    """JSON text that breaks off, with its open string, lists and objects closed."""
    stack: list[str] = []
    ending = ""
    for token in _TOKEN.finditer(text):
        mark = token[0]
        if mark in _CLOSER:
            stack.append(_CLOSER[mark])
        elif mark in ("}", "]"):
            stack = stack[:-1]
        elif token[1] != '"':  # a string that never ends, perhaps in the middle of an escape
            text = text.removesuffix("\\") if token[1] else text
            ending = '"'
    return (text + ending).rstrip().rstrip(",") + "".join(reversed(stack))
