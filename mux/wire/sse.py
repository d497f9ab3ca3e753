"""Server-sent events: bytes to records and back, for any split and any line end.

Follows the event-stream grammar of the HTML standard: LF, CRLF or CR ends a line, ``data`` lines
join with LF, one optional space after the colon, comments are skipped, a byte order mark at the
start too. An event that the end of the stream cuts off before its blank line is still handed out
by `Reader.eof`, because real upstreams end so.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from mux.errors import UpstreamProtocolError

LIMIT_BYTES: Final = 16 * 1024 * 1024
_BOM: Final = b"\xef\xbb\xbf"


class Frame(NamedTuple):
    """One event: its name (empty if it had none) and its data."""

    event: bytes
    data: bytes


class Reader:
    """Splits a byte stream into `Frame`s. One per stream; raises over the limit."""

    __slots__ = (
        "_data",
        "_error",
        "_event",
        "_limit",
        "_rest",
        "_size",
        "_skip_lf",
        "_started",
        "_tail",
    )

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self._tail: list[bytes] = []
        """pieces of the line under way"""
        self._rest = 0
        """their length"""
        self._event = b""
        self._data: list[bytes] = []
        self._size = 0
        """bytes of data of the event under way"""
        self._skip_lf = False
        self._started = False
        self._limit = limit_bytes
        self._error: UpstreamProtocolError | None = None
        """raised at the next call, because events came before it"""

    def feed(self, data: bytes) -> list[Frame]:
        """The events that `data` completes."""
        if self._error is not None:
            raise self._error
        if self._started and not (self._tail or self._data or self._event or self._skip_lf):
            end = len(data) - 2  # hot: each piece of a stream in no hurry is one event
            alone = data.startswith(b"data: ") and data.find(b"\n") == end
            if alone and data.endswith(b"\n\n") and b"\r" not in data and end < self._limit:
                return [Frame(b"", data[6:end])]
        out: list[Frame] = []
        try:
            self._take(self._lines(data), out)
            self._check(self._size + self._rest)
        except UpstreamProtocolError as error:
            if not out:
                raise
            self._error = error
        return out

    def eof(self) -> list[Frame]:
        """The event that the end of the stream left without its blank line, if any."""
        if self._error is not None:
            raise self._error
        out: list[Frame] = []
        self._take([b"".join(self._tail), b""], out)
        self._tail = []
        return out

    def _lines(self, data: bytes) -> list[bytes]:
        """The lines that `data` completes."""
        if not self._started:
            data = b"".join([*self._tail, data])
            self._tail = []
            if len(data) < len(_BOM) and _BOM.startswith(data):
                self._tail = [data]
                return []
            self._started = True
            data = data.removeprefix(_BOM)
        if self._skip_lf and data:  # the LF of a CRLF that was cut in two
            self._skip_lf = False
            data = data.removeprefix(b"\n")
        if b"\r" in data:
            self._skip_lf = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        lines = data.split(b"\n")
        if len(lines) > 1 and self._tail:
            lines[0] = b"".join([*self._tail, lines[0]])
            self._tail, self._rest = [], 0
        if rest := lines.pop():
            self._tail.append(rest)
            self._rest += len(rest)
        return lines

    def _take(self, lines: list[bytes], out: list[Frame]) -> None:
        for line in lines:
            if not line:
                if self._data:
                    out.append(Frame(self._event, b"\n".join(self._data)))
                    self._data = []
                self._event, self._size = b"", 0
            elif line.startswith(b"data"):
                name, _, value = line.partition(b":")
                if name == b"data":
                    value = value.removeprefix(b" ")
                    self._data.append(value)
                    self._size += len(value)
                    self._check(self._size)
            elif line.startswith(b"event"):
                name, _, value = line.partition(b":")
                if name == b"event":
                    self._event = value.removeprefix(b" ")

    def _check(self, size: int) -> None:
        if size > self._limit:
            raise UpstreamProtocolError(f"the upstream sent an event over {self._limit} bytes")


def write(data: bytes, event: bytes = b"") -> bytes:
    """One event. `data` must be free of line ends, as JSON is."""
    if event:
        return b"event: %b\ndata: %b\n\n" % (event, data)
    return b"data: %b\n\n" % data
