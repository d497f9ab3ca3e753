"""Where the body of an answer ends (RFC 9112 section 6.3)."""

from __future__ import annotations

from collections.abc import Mapping

from mux.wire import chunked
from mux.wire.bodies import Framing, Length, UntilClose


def framing(method: str, status: int, headers: Mapping[str, str]) -> Framing:
    """How the body of an answer to a `method` request is framed."""
    if method == "HEAD" or status in {204, 304}:
        return Length(0)
    if "transfer-encoding" in headers:  # h11 lets nothing but chunked pass
        return chunked.Reader()
    if (length := headers.get("content-length")) is not None:  # and here nothing but a number
        return Length(int(length))
    return UntilClose()


def keeps_alive(version: str, headers: Mapping[str, str]) -> bool:
    """Whether the connection may serve another request after this one."""
    if "transfer-encoding" in headers and "content-length" in headers:
        return False  # two framings in one message: a sign of response splitting
    tokens = headers.get("connection", "").lower().split(",")
    return version >= "1.1" and "close" not in [token.strip() for token in tokens]
