"""Typed decode of stream frames, with one policy for what does not fit.

Bytes that are not JSON end the stream (`UpstreamProtocolError`); JSON of an unknown shape is
skipped and counted, because dialects grow and one new frame must not end a stream.
"""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

from mux.errors import UpstreamProtocolError
from mux.wire import json

T = TypeVar("T")


class FrameReader(Generic[T]):
    """Decodes frames of one shape. One per stream; `misfits` counts what was skipped."""

    __slots__ = ("_decoder", "misfits")

    def __init__(self, decoder: msgspec.json.Decoder[T]) -> None:
        self._decoder = decoder
        self.misfits = 0

    def __call__(self, data: bytes) -> T | None:
        """The frame, or None for JSON of another shape. Raises `UpstreamProtocolError`."""
        try:
            return self._decoder.decode(data)
        except msgspec.ValidationError:
            self.misfits += 1
            return None
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            if (whole := json.mended(data)) is not None:
                return self(whole)
            raise UpstreamProtocolError(
                "the upstream sent a stream event that is not JSON"
            ) from None
