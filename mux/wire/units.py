"""Bytes cut anywhere to bytes cut between events, without changing one of them."""

from __future__ import annotations

import re
from typing import Final

from mux.errors import UpstreamProtocolError

LIMIT_BYTES: Final = 16 * 1024 * 1024
_LINE: Final = re.compile(rb"\n")
_BLANK_LINE: Final = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r(?!\n))")


class Units:
    """Splits a stream into its events, each with its own end. One per stream.

    `lines`: an event is a line, as in NDJSON; otherwise a blank line ends it, as in server-sent
    events.
    """

    __slots__ = ("_end", "_limit", "_size", "_tail", "lines")

    def __init__(self, *, lines: bool = False, limit_bytes: int = LIMIT_BYTES) -> None:
        self.lines = lines
        self._end = _LINE if lines else _BLANK_LINE
        self._tail: list[bytes] = []
        """pieces of the event under way"""
        self._size = 0
        """their length"""
        self._limit = limit_bytes

    @property
    def rest(self) -> bytes:
        """The event under way, as far as it came."""
        return b"".join(self._tail)

    def feed(self, data: bytes) -> list[bytes]:
        """The events that `data` completes. Raises `UpstreamProtocolError` over the limit, but not
        before it has given what came before."""
        if b"\n" in data or b"\r" in data:  # else no event can end here
            data = b"".join([*self._tail, data])
            self._tail, self._size = [], 0
        out: list[bytes] = []
        start = 0
        for end in self._end.finditer(data) if not self._tail else ():
            out.append(data[start : end.end()])
            start = end.end()
        if start < len(data):
            self._tail.append(data[start:])
            self._size += len(data) - start
        if self._size > self._limit and not out:
            raise UpstreamProtocolError(f"the upstream sent an event over {self._limit} bytes")
        return out
