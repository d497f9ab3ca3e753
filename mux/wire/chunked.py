"""The chunked transfer coding (RFC 9112 section 7.1), taken off by hand.

Strict where leniency would let one body be cut in two ways: lines end in CRLF and a size is hex
digits only. Extensions and trailers are checked, bounded and skipped.
"""

from __future__ import annotations

import re
from typing import Final

from mux.errors import UpstreamProtocolError

_SIZE_LINE: Final = re.compile(
    rb"([0-9A-Fa-f]{1,15})(?:[ \t]{0,16};[\t\x20-\x7e\x80-\xff]{0,4000})?\r\n"
)
_SIZE_LINE_LIMIT_BYTES: Final = 4096  # above all that `_SIZE_LINE` can match
_TRAILERS: Final = re.compile(rb"(?:[!#-'*+\-.0-9A-Z^-z|~]+:[\t\x20-\x7e\x80-\xff]*\r\n)*\r\n")
_TRAILERS_LIMIT_BYTES: Final = 16 * 1024


class Reader:
    """Takes the coding off one body. Raises `UpstreamProtocolError` where the bytes break it.

    Once `done`, the body is complete and `rest` holds what came behind it.
    """

    __slots__ = ("_due", "_last_seen", "_tail", "done", "rest")

    def __init__(self) -> None:
        self._due = 0  # what is still to come of the open chunk, with its CRLF
        self._last_seen = False
        self._tail = b""
        self.done = False
        self.rest = b""

    def feed(self, data: bytes) -> bytes:
        """The body bytes that `data` brings, maybe none."""
        if self._tail:
            data, self._tail = self._tail + data, b""
        if self._last_seen:
            self._trailers(data)
            return b""
        # hot: one match and one slice a chunk (bench/upstream.py)
        out: list[bytes] = []
        match, at, end, due = _SIZE_LINE.match, 0, len(data), self._due
        while at < end:
            if not due:
                line = match(data, at)
                if line is None:
                    self._tail = _unfinished(data[at:])
                    break
                at = line.end()
                size = int(line[1], 16)
                if not size:
                    self._last_seen = True
                    self._trailers(data[at:])
                    break
                due = size + 2
            close = at + due
            if close > end:
                due = self._part(data[at:], due, out)
                break
            if data[close - 2 : close] != b"\r\n":
                raise _malformed()
            out.append(data[at : close - 2])
            at, due = close, 0
        self._due = due
        return out[0] if len(out) == 1 else b"".join(out)

    def _part(self, data: bytes, due: int, out: list[bytes]) -> int:
        """Hand out what is there of a chunk; what is due of it after that."""
        body = due - 2
        out.append(data[:body])
        self._tail = data[body:]  # the CR of a CRLF that was cut in two
        return due - len(data) + len(self._tail)

    def _trailers(self, data: bytes) -> None:
        match = _TRAILERS.match(data)
        if match is not None and match.end() <= _TRAILERS_LIMIT_BYTES:
            self.done = True
            self.rest = data[match.end() :]
        elif match is not None or len(data) >= _TRAILERS_LIMIT_BYTES or b"\n\r\n" in data:
            raise _malformed()
        else:
            self._tail = data


def _unfinished(line: bytes) -> bytes:
    """`line`, if it can still become a size line."""
    if b"\n" in line or len(line) >= _SIZE_LINE_LIMIT_BYTES:
        raise _malformed()
    return line


def _malformed() -> UpstreamProtocolError:
    return UpstreamProtocolError("the upstream sent a malformed chunked body")
