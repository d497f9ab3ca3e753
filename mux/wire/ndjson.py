"""Newline-delimited JSON: bytes to lines and back."""

from __future__ import annotations

from typing import Final

from mux.errors import UpstreamProtocolError

LIMIT_BYTES: Final = 16 * 1024 * 1024


class Reader:
    """Splits a byte stream into non-blank lines. One per stream."""

    __slots__ = ("_error", "_limit", "_size", "_tail")

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self._tail: list[bytes] = []
        """pieces of the line under way"""
        self._size = 0
        """their length"""
        self._limit = limit_bytes
        self._error: UpstreamProtocolError | None = None
        """raised at the next call, because lines came before it"""

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that `data` completes. Raises `UpstreamProtocolError` over the limit."""
        if self._error is not None:
            raise self._error
        lines = data.split(b"\n")
        if len(lines) > 1 and self._tail:
            lines[0] = b"".join([*self._tail, lines[0]])
            self._tail, self._size = [], 0
        if rest := lines.pop():
            self._tail.append(rest)
            self._size += len(rest)
        out = [line for line in map(bytes.strip, lines) if line]
        if self._size > self._limit:
            error = UpstreamProtocolError(f"the upstream sent a line over {self._limit} bytes")
            if not out:
                raise error
            self._error = error
        return out

    def eof(self) -> list[bytes]:
        """The last line, if the stream ended without a line end."""
        if self._error is not None:
            raise self._error
        line, self._tail = b"".join(self._tail).strip(), []
        return [line] if line else []


# U+0085, U+2028 and U+2029 are legal inside JSON, but the Ollama Python client splits lines there.
_ESCAPES: Final = (
    (b"\xe2\x80\xa8", b"\\u2028"),
    (b"\xe2\x80\xa9", b"\\u2029"),
    (b"\xc2\x85", b"\\u0085"),
)


def write(data: bytes) -> bytes:
    """One line. `data` must be free of line ends, as compact JSON is."""
    if data.isascii():  # hot: a search for each escape costs ten times as much
        return data + b"\n"
    for raw, escaped in _ESCAPES:
        if raw in data:
            data = data.replace(raw, escaped)
    return data + b"\n"
