"""Free text wrapped into JSON arguments and back, for targets without free-text tools.

The text of a call travels as ``{"input": "…"}``; `Unwrapper` reads the string in it while it is
still being written (translation spec section 6, rule 1).
"""

from __future__ import annotations

import re
from typing import Final

from mux.ir import JSON, Object, Tool
from mux.wire import json


def wrapped_schema() -> Object:
    """The schema of a function that stands for a free-text tool."""
    return {
        "type": "object",
        "properties": {"input": {"type": "string", "description": "The raw text input"}},
        "required": ["input"],
        "additionalProperties": False,
    }


def wrapped_description(tool: Tool) -> str:
    """What the function says of the text it takes, its grammar included."""
    note = "Input is raw text, given as the string `input`."
    if tool.grammar is not None:
        syntax, definition = tool.grammar
        note += f" It must match this {syntax} grammar:\n```{syntax}\n{definition}\n```"
    return f"{tool.description}\n\n{note}" if tool.description else note


def wrap_text(text: str) -> str:
    """Free text as the arguments of a wrapped tool."""
    return json.text({"input": text})


def unwrap_text(arguments: str) -> str:
    """The free text in a wrapped tool's arguments; the arguments themselves if they hold none."""
    fields = json.load_object(arguments)
    value: JSON = fields.get("input") if fields is not None else None
    return value if isinstance(value, str) else arguments


_HEAD: Final = re.compile(r'\s*\{\s*"input"\s*:\s*"')
_HEAD_CHARS: Final = 64
_SIMPLE: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_SPECIAL: Final = re.compile(r'["\\]')
_HIGH: Final = re.compile(r"\\u[dD][89abAB]")
_ESCAPE_CHARS: Final = len(r"\u0000")


class Unwrapper:
    """Reads the string in ``{"input":"…"}`` while it is still being written."""

    __slots__ = ("_all", "_inside", "_sent", "_tail")

    def __init__(self) -> None:
        self._all: list[str] = []
        self._tail = ""
        self._inside: bool | None = None
        """None before the string, True in it, False after it or where there is none"""
        self._sent = False

    def feed(self, fragment: str) -> str:
        """The text that `fragment` completes."""
        self._all.append(fragment)
        if self._inside is False:
            return ""
        self._tail += fragment
        if self._inside is None:
            match = _HEAD.match(self._tail)
            if match is None:
                if len(self._tail) > _HEAD_CHARS:
                    self._inside = False
                return ""
            self._inside = True
            self._tail = self._tail[match.end() :]
        text = self._string()
        self._sent = self._sent or bool(text)
        return text

    def eof(self) -> str:
        """What is left at the end: everything, if the arguments were not of the wrapped form."""
        if self._sent or self._inside:
            return ""
        return unwrap_text("".join(self._all))

    def _string(self) -> str:
        out: list[str] = []
        position, tail = 0, self._tail
        while True:
            special = _SPECIAL.search(tail, position)
            if special is None:
                out.append(tail[position:])
                position = len(tail)
                break
            out.append(tail[position : special.start()])
            position = special.start()
            if tail[position] == '"':
                self._inside = False
                break
            length = _escape_length(tail, position)
            if length == 0:
                break
            out.append(_unescape(tail[position : position + length]))
            position += length
        self._tail = tail[position:]
        return "".join(out)


def _escape_length(text: str, position: int) -> int:
    """Characters of the escape at `position`, 0 if more of it is still to come."""
    rest = len(text) - position
    if rest < 2:
        return 0
    if text[position + 1] != "u":
        return 2
    if rest < _ESCAPE_CHARS:
        return 0
    if not _HIGH.match(text, position):
        return _ESCAPE_CHARS
    follows = text[position + _ESCAPE_CHARS : position + _ESCAPE_CHARS + 2]
    if not "\\u".startswith(follows):
        return _ESCAPE_CHARS  # half a pair, and the other half never comes
    return 2 * _ESCAPE_CHARS if rest >= 2 * _ESCAPE_CHARS else 0


def _unescape(escape: str) -> str:
    if escape[1] != "u":
        return _SIMPLE.get(escape[1], escape[1])
    try:
        value = json.loads(f'"{escape}"')
    except json.JsonError:
        return "\ufffd"
    return value if isinstance(value, str) else "\ufffd"
