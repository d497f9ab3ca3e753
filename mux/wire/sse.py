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

    __slots__ = ("_data", "_event", "_limit", "_size", "_skip_lf", "_started", "_tail")

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self._tail = b""
        self._event = b""
        self._data: list[bytes] = []
        self._size = 0
        self._skip_lf = False
        self._started = False
        self._limit = limit_bytes

    def feed(self, data: bytes) -> list[Frame]:
        """The events that `data` completes."""
        if not data:
            return []
        if not self._started:
            data = self._tail + data
            self._tail = b""
            if len(data) < len(_BOM) and _BOM.startswith(data):
                self._tail = data
                return []
            self._started = True
            data = data.removeprefix(_BOM)
        if self._skip_lf:  # the LF of a CRLF that was cut in two
            self._skip_lf = False
            data = data.removeprefix(b"\n")
        if b"\r" in data:
            self._skip_lf = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        lines = data.split(b"\n")
        lines[0] = self._tail + lines[0]
        self._tail = lines.pop()
        self._check(len(self._tail))
        return self._take(lines)

    def eof(self) -> list[Frame]:
        """The event that the end of the stream left without its blank line, if any."""
        lines, self._tail = [self._tail, b""], b""
        return self._take(lines)

    def _take(self, lines: list[bytes]) -> list[Frame]:
        out: list[Frame] = []
        for line in lines:
            if not line:
                if self._data:
                    out.append(Frame(self._event, b"\n".join(self._data)))
                    self._data = []
                self._event, self._size = b"", 0
            elif line.startswith(b"data"):
                self._line(line)
            elif line.startswith(b"event"):
                name, _, value = line.partition(b":")
                if name == b"event":
                    self._event = value.removeprefix(b" ")
        return out

    def _line(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        if name != b"data":
            return
        value = value.removeprefix(b" ")
        self._data.append(value)
        self._size += len(value)
        self._check(self._size)

    def _check(self, size: int) -> None:
        if size > self._limit:
            raise UpstreamProtocolError(f"the upstream sent an event over {self._limit} bytes")


def write(data: bytes, event: bytes = b"") -> bytes:
    """One event. `data` must be free of line ends, as JSON is."""
    if event:
        return b"event: %b\ndata: %b\n\n" % (event, data)
    return b"data: %b\n\n" % data
