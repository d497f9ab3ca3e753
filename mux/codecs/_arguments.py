"""Tool arguments between their two forms: JSON text, and an object (translation spec section 7)."""

from __future__ import annotations

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


def to_text(value: JSON) -> str:
    """The arguments as compact JSON text, key order kept; absent arguments are ``{}``."""
    return json.text({} if value is None else value)


def _parse(text: str) -> JSON:
    for candidate in (text, close(text)):
        try:
            return json.loads(candidate)
        except json.JsonError:
            continue
    return None


def close(text: str) -> str:
    """JSON text that breaks off, with its open strings, lists and objects closed."""
    stack: list[str] = []
    in_string = escaped = False
    for char in text:
        if in_string:
            if escaped:
                escaped = False
            elif char == "\\":
                escaped = True
            elif char == '"':
                in_string = False
        elif char == '"':
            in_string = True
        elif char in "{[":
            stack.append("}" if char == "{" else "]")
        elif char in "}]" and stack:
            stack.pop()
    if escaped:
        text = text[:-1]
    if in_string:
        text += '"'
    return text.rstrip().rstrip(",") + "".join(reversed(stack))
