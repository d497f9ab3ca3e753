"""Body bytes to content: content codings taken off, size bounded."""

from __future__ import annotations

import zlib
from typing import Final

from mux.errors import UpstreamProtocolError

_GZIP, _ZLIB, _RAW = 31, 15, -15  # what zlib calls wbits
_WBITS: Final = {"gzip": _GZIP, "x-gzip": _GZIP, "deflate": _ZLIB}
_MOST_CODINGS: Final = 3
_STEP_BYTES: Final = 1024 * 1024
"""What is unpacked at once: a byte may hold a thousand."""
_GZIP_MARK: Final = b"\x1f\x8b"
"""How gzip begins, and no text."""


class Content:
    """The content of one body, as its bytes come in. Raises `UpstreamProtocolError`.

    `coding` is the Content-Encoding header. We ask for none, but some upstreams compress anyway,
    some twice, and some do not say so. More than `limit_bytes`, before or after any decompression,
    is an error, and is never built in memory first.
    """

    __slots__ = ("_head", "_limit", "_size", "_stages", "more", "received")

    def __init__(self, coding: str, limit_bytes: int) -> None:
        names = [name.strip().lower() for name in coding.split(",")] if coding else []
        names = [name for name in names if name not in {"", "identity"}]
        if len(names) > _MOST_CODINGS or not _WBITS.keys() >= set(names):
            raise UpstreamProtocolError(
                "the upstream compressed its answer in a way that was not asked for"
            )
        self._stages = [_Inflate(_WBITS[name]) for name in reversed(names)]
        self._head: bytes | None = None if names else b""
        """what may be the mark of gzip; None after it"""
        self._limit = limit_bytes
        self.more = False
        """whether the data so far holds more content, for the next `feed` of nothing to give"""
        self.received = 0
        """bytes, as they came"""
        self._size = 0

    def feed(self, data: bytes) -> bytes:
        """The content that `data` completes, maybe none. While there is `more`, `data` is empty."""
        self.received += len(data)
        if self._head is not None:
            data = self._head + data
            if len(data) < len(_GZIP_MARK) and _GZIP_MARK.startswith(data):
                self._head = data
                return b""
            self._head = None
            if data.startswith(_GZIP_MARK):
                self._stages = [_Inflate(_GZIP)]
        if self._stages:
            data = self._unpacked(data)
        self._size += len(data)
        if self._size > self._limit or self.received > self._limit:
            raise UpstreamProtocolError(f"the upstream's answer is over {self._limit} bytes")
        return data

    def _unpacked(self, data: bytes) -> bytes:
        """What comes out of the last stage that has something left, or of them all."""
        left = [number for number, stage in enumerate(self._stages) if stage.more]
        for stage in self._stages[left[-1] if left else 0 :]:
            data = stage.feed(data)
        self.more = any([stage.more for stage in self._stages])
        return data

    def eof(self) -> None:
        """The body is complete; what was compressed in it must be too."""
        if self.received and not all([stage.complete for stage in self._stages]):
            raise UpstreamProtocolError("the upstream's compressed answer stops in the middle")


class _Inflate:
    """One coding taken off; several gzip members may follow each other."""

    __slots__ = ("_first", "_inflater", "_packed", "_wbits", "more")

    def __init__(self, wbits: int) -> None:
        self._wbits = wbits
        self._inflater = zlib.decompressobj(wbits)
        self._first: bytes | None = b"" if wbits == _ZLIB else None
        self._packed: bytes = b""
        self.more = False
        """whether another `feed` of nothing may give something"""

    @property
    def complete(self) -> bool:
        return self._inflater.eof

    def feed(self, data: bytes) -> bytes:
        """What `data` and the rest of what came before it unpack to, or a step's worth of it."""
        if self._first is not None:
            data = self._unwrapped(self._first + data)
        data = self._packed + data
        out = b""
        try:
            while data and len(out) < _STEP_BYTES:
                if self._inflater.eof:
                    self._inflater = zlib.decompressobj(self._wbits)
                out += self._inflater.decompress(data, _STEP_BYTES - len(out))
                data = self._inflater.unconsumed_tail or self._inflater.unused_data
            if self.more and not out:  # of what came before, nothing but this may be left
                out = self._inflater.decompress(b"", _STEP_BYTES)
        except zlib.error:
            raise UpstreamProtocolError("the upstream's compressed answer is damaged") from None
        self._packed = data
        self.more = bool(data) or len(out) == _STEP_BYTES
        return out

    def _unwrapped(self, data: bytes) -> bytes:
        """`data`, once its first two bytes tell whether "deflate" has its zlib wrapping: some
        send it bare."""
        if len(data) < 2:
            self._first = data
            return b""
        self._first = None
        if data[0] & 15 != 8 or int.from_bytes(data[:2], "big") % 31:
            self._wbits = _RAW
            self._inflater = zlib.decompressobj(_RAW)
        return data
