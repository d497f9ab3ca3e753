"""Requests that are right, and all the ways in which they are made wrong here."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, Final

from mux.server.endpoints import ENDPOINTS, Action, Endpoint

_SAID: Final[list[dict[str, Any]]] = [{"role": "user", "content": "Hello"}]
_PARAMETERS: Final = {"type": "object", "properties": {"x": {"type": "string"}}}

RIGHT: Final[dict[str, dict[str, Any]]] = {
    "openai_chat": {
        "model": "demo",
        "messages": _SAID,
        "max_tokens": 9,
        "temperature": 0.5,
        "stop": ["x"],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": _PARAMETERS}}],
        "tool_choice": "auto",
        "response_format": {"type": "text"},
    },
    "openai_completions": {"model": "demo", "prompt": "Hello", "max_tokens": 9},
    "openai_responses": {
        "model": "demo",
        "input": [{"role": "user", "content": "Hello"}],
        "max_output_tokens": 9,
        "tools": [{"type": "function", "name": "f", "parameters": _PARAMETERS}],
    },
    "anthropic": {
        "model": "demo",
        "messages": _SAID,
        "max_tokens": 9,
        "system": "be brief",
        "tools": [{"name": "f", "input_schema": _PARAMETERS}],
        "stop_sequences": ["x"],
    },
    "gemini": {
        "contents": [{"role": "user", "parts": [{"text": "Hello"}]}],
        "generationConfig": {"maxOutputTokens": 9, "temperature": 0.5},
        "tools": [{"functionDeclarations": [{"name": "f", "parameters": _PARAMETERS}]}],
    },
    "ollama": {"model": "demo", "messages": _SAID, "prompt": "Hello", "stream": False},
}
"""A request in each dialect, which the demo model answers."""

WRONG_BYTES: Final[dict[str, bytes]] = {
    "nothing": b"",
    "blank": b" \n",
    "half an object": b'{"model": "demo", "messages": [',
    "a list": b"[]",
    "null": b"null",
    "a text": b'"Hello"',
    "a number": b"17",
    "NaN": b'{"model": "demo", "temperature": NaN, "messages": []}',
    "infinity": b'{"model": "demo", "temperature": -Infinity, "messages": []}',
    "not UTF-8": b'{"model": "\xff\xfe", "messages": []}',
    "UTF-8 of a surrogate": b'{"model": "\xed\xa0\x80", "messages": []}',
    "an overlong encoding": b'{"model": "\xc0\xaf", "messages": []}',
    "UTF-16": '{"model": "demo"}'.encode("utf-16"),
    "a control character": b'{"model": "de\x01mo", "messages": []}',
    "NUL bytes": bytes(64),
    "gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03",
    "a form": b"model=demo&messages=%5B%5D",
    "XML": b"<?xml version='1.0'?><model>demo</model>",
    "two values": b'{"model": "demo"}{"model": "demo"}',
    "a comment": b'{"model": "demo" /* here */}',
    "single quotes": b"{'model': 'demo'}",
    "a comma too many": b'{"model": "demo",}',
    "deep lists": b'{"model": "demo", "messages": ' + b"[" * 100_000,
    "deep objects": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "a broken escape": b'{"model": "\\u12"}',
    "a number of no end": b'{"model": "demo", "max_tokens": 1' + b"0" * 5000 + b"x}",
}
"""What is no request in any dialect."""

WRONG_VALUES: Final[tuple[Any, ...]] = (
    None, True, 0, -1, 2**70, -1.5, 1e308, "", "x", "\u0000", "\U0001f600", [], [[]], [None],
    ["x", 1], {}, {"x": {}}, [{}], [{"type": "x"}],
)  # fmt: skip
"""What somewhere or other is the wrong value."""

NEVER: Final[dict[str, tuple[str, ...]]] = {
    "openai_chat": ("model", "messages"),
    "openai_completions": ("model",),
    "openai_responses": ("model", "tools"),
    "anthropic": ("model", "messages"),
    "gemini": ("contents",),
    "ollama": ("model",),
}
"""Fields in which no object is ever right."""


def posts() -> Iterator[tuple[Endpoint, str]]:
    """Every endpoint that reads a body, and its path for the demo model."""
    for endpoint in ENDPOINTS:
        if endpoint.methods == ("POST",) and endpoint.action is not Action.CANCEL_RESPONSE:
            path = endpoint.path.replace("{model}", "demo").replace("{version}", "v1beta")
            yield endpoint, path


def paths(value: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where in `value` there is something."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, member in items:
        yield (*at, key)
        if isinstance(member, dict | list):
            yield from paths(member, (*at, key))


def changed(request: dict[str, Any], path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    """`request` with `value` at `path`."""
    out = copy.deepcopy(request)
    place: Any = out
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return out
