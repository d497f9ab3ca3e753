"""Newline-delimited JSON: bytes to lines and back."""

from __future__ import annotations

from typing import Final

from mux.errors import UpstreamProtocolError

LIMIT_BYTES: Final = 16 * 1024 * 1024


class Reader:
    """Splits a byte stream into non-blank lines. One per stream."""

    __slots__ = ("_limit", "_tail")

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self._tail = b""
        self._limit = limit_bytes

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that `data` completes. Raises `UpstreamProtocolError` over the limit."""
        lines = data.split(b"\n")
        lines[0] = self._tail + lines[0]
        self._tail = lines.pop()
        if len(self._tail) > self._limit:
            raise UpstreamProtocolError(f"the upstream sent a line over {self._limit} bytes")
        return [line for line in map(bytes.strip, lines) if line]

    def eof(self) -> list[bytes]:
        """The last line, if the stream ended without a line end."""
        line, self._tail = self._tail.strip(), b""
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
