"""Streams cut into events that know where they began, with the faults of the framing itself.

Reads what the readers of `mux.wire` read, but forgives nothing and never stops: it is there to find
what is wrong with a stream, not to make sense of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple, Protocol, TypeAlias

from mux.errors import UpstreamProtocolError
from mux.wire import jsonarray

LIMIT_BYTES: Final = 16 * 1024 * 1024
_BOM: Final = b"\xef\xbb\xbf"
_LINE_END: Final = re.compile(rb"\r\n|\n|\r")
_SSE_FIELDS: Final = (b"data", b"event", b"id", b"retry")
_OPEN: Final = re.compile(rb"\s*\[\s*")
_COMMA: Final = re.compile(rb"\s*,\s*")
_CLOSE: Final = re.compile(rb"\s*\]\s*")
_EMPTY: Final = re.compile(rb"\s*(\[\s*\]\s*)?")
_SPLITTERS: Final = (b"\xe2\x80\xa8", b"\xe2\x80\xa9", b"\xc2\x85")


class Raw(NamedTuple):
    """One event, where its first byte is, and its name if it had a line for one."""

    offset: int
    name: bytes | None
    data: bytes


class Fault(NamedTuple):
    """Something wrong with the framing, and the byte it begins at."""

    offset: int
    rule: str
    message: str


Piece: TypeAlias = Raw | Fault


class Frames(Protocol):
    """Bytes in, events and faults out. One per stream; holds one event at most."""

    def feed(self, data: bytes, /) -> list[Piece]:
        """What `data` completes."""
        ...

    def eof(self) -> list[Piece]:
        """What the end of the bytes leaves."""
        ...


class _Lines:
    """Lines with the place they begin at. `marks`: what ends one."""

    def __init__(self, marks: re.Pattern[bytes]) -> None:
        self._marks = marks
        self._rest = b""
        self._offset = 0
        """of the first byte of `_rest`"""
        self._searched = 0
        self._skipping = False

    def feed(self, data: bytes, *, last: bool = False) -> Iterator[tuple[int, bytes | None]]:
        """Offset and line for each that is complete; None for a line that is too long."""
        self._rest += data
        start = 0
        for mark in self._marks.finditer(self._rest, self._searched):
            if mark[0] == b"\r" and mark.end() == len(self._rest) and not last:
                break  # perhaps half of a CRLF
            if not self._skipping:
                yield self._offset + start, self._rest[start : mark.start()]
            self._skipping = False
            start = mark.end()
        self._offset += start
        self._rest = self._rest[start:]
        if len(self._rest) > LIMIT_BYTES:
            if not self._skipping:
                yield self._offset, None
            self._skipping = True
            self._offset += len(self._rest) - 1
            self._rest = self._rest[-1:]
        self._searched = max(0, len(self._rest) - 1)

    def eof(self) -> tuple[int, bytes]:
        """The last line, which nothing ended."""
        rest, self._rest = self._rest, b""
        return self._offset, b"" if self._skipping else rest


def _too_long(offset: int) -> Fault:
    return Fault(offset, "size", f"over {LIMIT_BYTES} bytes without an end; send smaller events")


class SseFrames:
    """Server-sent events. `bare`: for clients that read lines of data and nothing else."""

    def __init__(self, *, bare: bool = False) -> None:
        self._bare = bare
        self._lines = _Lines(_LINE_END)
        self._start = -1
        """where the event under way began; -1 between events"""
        self._name: bytes | None = None
        self._data: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[Piece]:
        out: list[Piece] = []
        for offset, line in self._lines.feed(data):
            self._take(offset, line, out)
        return out

    def eof(self) -> list[Piece]:
        out: list[Piece] = []
        for offset, line in self._lines.feed(b"", last=True):
            self._take(offset, line, out)
        offset, line = self._lines.eof()
        if line:
            self._take(offset, line, out)
        if self._data:
            start = self._start
            self._close(out)
            text = "the last event is not closed by a blank line, and parsers drop it; add one"
            out.append(Fault(start, "blank-line", text))
        return out

    def _take(self, offset: int, line: bytes | None, out: list[Piece]) -> None:
        if line is None:
            out.append(_too_long(offset))
            return
        if offset == 0 and not self._bare:
            line = line.removeprefix(_BOM)
        if not line:
            self._close(out)
        elif line.startswith(b":"):
            if self._bare:
                text = "a comment, which clients of this dialect take for data; leave it out"
                out.append(Fault(offset, "comment", text))
        else:
            self._field(offset, line, out)

    def _field(self, offset: int, line: bytes, out: list[Piece]) -> None:
        field, _, value = line.partition(b":")
        if field not in _SSE_FIELDS:
            text = "a line that is neither data nor any other field of an event stream"
            out.append(Fault(offset, "sse-line", text))
            return
        if self._start < 0:
            self._start = offset
        if field == b"data":
            self._add(offset, value, out)
        elif self._bare:
            text = f"a line of {field.decode()}:, which clients of this dialect do not read"
            out.append(Fault(offset, "data-only", f"{text}; send data: lines only"))
        if field == b"event":
            self._name = value.removeprefix(b" ")

    def _add(self, offset: int, value: bytes, out: list[Piece]) -> None:
        if self._bare and not value.startswith(b" "):
            text = "no space after data:, without which clients of this dialect fail; add one"
            out.append(Fault(offset, "data-space", text))
        if self._bare and self._data:
            text = "a second data: line in one event; write the JSON on one line"
            out.append(Fault(offset, "one-line", text))
        self._size += len(value)
        if self._size > LIMIT_BYTES:
            out.append(_too_long(self._start))
            self._data, self._size = [], 0
        self._data.append(value.removeprefix(b" "))

    def _close(self, out: list[Piece]) -> None:
        if self._data:
            out.append(Raw(self._start, self._name, b"\n".join(self._data)))
        elif self._name is not None:
            text = "an event without data, which parsers drop; give it a data: line"
            out.append(Fault(self._start, "no-data", text))
        self._start, self._name, self._data, self._size = -1, None, [], 0


class LineFrames:
    """Newline-delimited JSON."""

    def __init__(self) -> None:
        self._lines = _Lines(re.compile(rb"\n"))

    def feed(self, data: bytes) -> list[Piece]:
        out: list[Piece] = []
        for offset, line in self._lines.feed(data):
            self._take(offset, line, out)
        return out

    def eof(self) -> list[Piece]:
        out: list[Piece] = []
        offset, line = self._lines.eof()
        if line:
            self._take(offset, line, out)
            out.append(Fault(offset, "line-end", "the last line has no line end; add one"))
        return out

    def _take(self, offset: int, line: bytes | None, out: list[Piece]) -> None:
        if line is None:
            out.append(_too_long(offset))
        elif not line.strip():
            text = "a blank line, on which clients of this dialect fail; leave it out"
            out.append(Fault(offset, "blank-line", text))
        else:
            if any(splitter in line for splitter in _SPLITTERS):
                text = (
                    "U+0085, U+2028 or U+2029 as it is, at which the Python client cuts lines; "
                    "write it as an escape"
                )
                out.append(Fault(offset, "line-separator", text))
            out.append(Raw(offset, None, line))


class ArrayFrames:
    """One JSON array of objects."""

    def __init__(self) -> None:
        self._reader = jsonarray.Reader(LIMIT_BYTES)
        self._pending: list[bytes] = []
        """all bytes since the end of the last element"""
        self._offset = 0
        """where they began"""
        self._between: re.Pattern[bytes] = _OPEN
        self._lost = False

    def feed(self, data: bytes) -> list[Piece]:
        out: list[Piece] = []
        for piece in re.split(rb"(?<=\})", data):  # an element can only end there
            if piece and not self._lost:
                self._take(piece, out)
        return out

    def eof(self) -> list[Piece]:
        rest = b"".join(self._pending)
        closed = _CLOSE if self._between is _COMMA else _EMPTY
        if self._lost or closed.fullmatch(rest):
            return []
        text = "the array does not end with ], and nothing after it; end it so"
        return [Fault(self._offset, "array-end", text)]

    def _take(self, piece: bytes, out: list[Piece]) -> None:
        self._pending.append(piece)
        try:
            elements = self._reader.feed(piece)
        except UpstreamProtocolError:
            text = "bytes that are no element of an array, or too many; the rest is not read"
            out.append(Fault(self._offset, "array", text))
            self._pending, self._lost = [], True
            return
        for element in elements:
            before = b"".join(self._pending)[: -len(element)]
            if not self._between.fullmatch(before):
                wanted = "[ before the first" if self._between is _OPEN else "one comma between"
                out.append(Fault(self._offset, "array", f"there must be {wanted} element"))
            start = self._offset + len(before)
            out.append(Raw(start, None, element))
            self._offset = start + len(element)
            self._pending, self._between = [], _COMMA


class BareOrArrayFrames:
    """Bare server-sent events, or one JSON array if the first byte says so."""

    def __init__(self) -> None:
        self._held = b""
        self._chosen: Frames | None = None

    def feed(self, data: bytes) -> list[Piece]:
        if self._chosen is None:
            self._held += data
            start = self._held.lstrip()
            if not start:
                return []
            self._chosen = ArrayFrames() if start.startswith(b"[") else SseFrames(bare=True)
            data, self._held = self._held, b""
        return self._chosen.feed(data)

    def eof(self) -> list[Piece]:
        return self._chosen.eof() if self._chosen is not None else []
