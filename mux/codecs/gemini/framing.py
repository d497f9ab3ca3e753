"""The two framings of a streamed answer, told apart by the first byte (F47)."""

from __future__ import annotations

from typing import Final

from mux.wire import jsonarray, sse

_DONE: Final = b"[DONE]"
"""Some hosts of compatible APIs end their streams so."""
_BOM: Final = b"\xef\xbb\xbf"
_SPACE: Final = b" \t\r\n"


class Framing:
    """Bytes to the JSON of chunks, whichever way they are framed. One per stream."""

    __slots__ = ("_head", "_reader")

    def __init__(self) -> None:
        self._head = b""
        self._reader: jsonarray.Reader | sse.Reader | None = None

    def feed(self, data: bytes) -> list[bytes]:
        """The chunks that `data` completes. Raises `UpstreamProtocolError`."""
        if self._reader is None:
            data = self._head + data
            first = data.lstrip(_SPACE + _BOM)[:1]
            if not first:
                self._head = data
                return []
            self._reader = jsonarray.Reader() if first in b"[{" else sse.Reader()
        if isinstance(self._reader, jsonarray.Reader):
            return self._reader.feed(data)
        return [frame.data for frame in self._reader.feed(data) if frame.data != _DONE]

    def eof(self) -> list[bytes]:
        """What the end of the stream leaves, complete or cut off."""
        if isinstance(self._reader, sse.Reader):
            return [frame.data for frame in self._reader.eof() if frame.data != _DONE]
        return self._reader.eof() if self._reader is not None else []
