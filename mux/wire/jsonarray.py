"""A JSON array as a stream: bytes to elements and back, for any split.

Gemini streams so without ``alt=sse``. Elements are objects; one object without the array around it
is read like an array of one, because that is how errors come.
"""

from __future__ import annotations

import re
from typing import Final

from mux.errors import UpstreamProtocolError

LIMIT_BYTES: Final = 16 * 1024 * 1024

OPEN: Final = b"["
SEPARATOR: Final = b",\r\n"
CLOSE: Final = b"]"

_BOM: Final = b"\xef\xbb\xbf"
_PLAIN: Final = re.compile(rb'(?:[^"{}]++|"(?:[^"\\]++|\\.)*+")*+', re.DOTALL)
"""Up to the next brace, whole strings included, or up to a string that is cut off."""
_STRING: Final = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
"""The inside of a string, up to its end or to an escape that is cut off."""
_BETWEEN: Final = re.compile(rb"[\s,\[\]]*")


class Reader:
    """Splits a byte stream into the objects of its array. One per stream; raises over the limit."""

    __slots__ = ("_depth", "_error", "_escaped", "_head", "_limit", "_pieces", "_quoted", "_size")

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self._head: bytes | None = b""
        """what may be the beginning of a byte order mark; None after it"""
        self._pieces: list[bytes] = []
        """of the element under way"""
        self._size = 0
        self._depth = 0
        self._quoted = False
        self._escaped = False
        self._limit = limit_bytes
        self._error: UpstreamProtocolError | None = None
        """raised at the next call, because elements came before it"""

    def feed(self, data: bytes) -> list[bytes]:
        """The elements that `data` completes. Raises `UpstreamProtocolError`."""
        out: list[bytes] = []
        if self._error is not None:
            raise self._error
        try:
            self._split(data, out)
        except UpstreamProtocolError as error:
            if not out:
                raise
            self._error = error
        return out

    def eof(self) -> list[bytes]:
        """What is left of an element that the end of the stream cut off, for a reader to refuse."""
        if self._error is not None:
            raise self._error
        left, self._pieces = b"".join(self._pieces), []
        return [left] if left else []

    def _split(self, data: bytes, out: list[bytes]) -> None:
        if self._head is not None:
            data = self._head + data
            if len(data) < len(_BOM) and _BOM.startswith(data):
                self._head = data
                return
            self._head = None
            data = data.removeprefix(_BOM)
        start = 0
        while start < len(data):
            if not self._depth:
                start = self._between(data, start)
            end = self._scan(data, start)
            self._keep(data[start:end])
            if not self._depth and self._pieces:
                out.append(b"".join(self._pieces))
                self._pieces, self._size = [], 0
            start = end

    def _between(self, data: bytes, start: int) -> int:
        """Where the next element begins, after what stands between elements."""
        skipped = _BETWEEN.match(data, start)
        start = skipped.end() if skipped is not None else start
        if start < len(data) and data[start : start + 1] != b"{":
            raise UpstreamProtocolError("the upstream sent a stream that is no JSON array")
        return start

    def _scan(self, data: bytes, start: int) -> int:
        """The end of the element in `data`, or of `data` if it goes on."""
        if self._escaped:
            self._escaped = False
            start += 1
        if self._quoted:
            start = self._unquote(data, start)
        while start < len(data):
            start = _end(_PLAIN, data, start)
            mark = data[start : start + 1]
            start += 1
            if mark == b"{":
                self._depth += 1
            elif mark == b"}":
                self._depth -= 1
                if not self._depth:
                    return start
            elif mark:
                self._quoted = True
                start = self._unquote(data, start)
        return len(data)

    def _unquote(self, data: bytes, start: int) -> int:
        """Where the string that is open goes on to, its end included."""
        start = _end(_STRING, data, start)
        mark = data[start : start + 1]
        self._escaped = mark == b"\\"
        self._quoted = mark != b'"'
        return start + 1

    def _keep(self, piece: bytes) -> None:
        if piece:
            self._pieces.append(piece)
            self._size += len(piece)
        if self._size > self._limit:
            raise UpstreamProtocolError(f"the upstream sent an element over {self._limit} bytes")


def _end(pattern: re.Pattern[bytes], data: bytes, start: int) -> int:
    found = pattern.match(data, start)
    return found.end() if found is not None else start


class Writer:
    """Writes the array piece by piece. One per stream."""

    __slots__ = ("_before",)

    def __init__(self) -> None:
        self._before = OPEN

    def write(self, element: bytes) -> bytes:
        """`element`, which is JSON, with what stands before it."""
        before, self._before = self._before, SEPARATOR
        return before + element

    def close(self) -> bytes:
        """The end of the array, and its beginning if it is empty."""
        return OPEN + CLOSE if self._before == OPEN else CLOSE
