"""Where the body of an answer ends (RFC 9112 section 6.3)."""

from __future__ import annotations

import h11

from mux.wire import chunked
from mux.wire.bodies import Framing, Length, UntilClose


def framing(method: str, response: h11.Response) -> Framing:
    """How the body of `response` to a `method` request is framed."""
    if method == "HEAD" or response.status_code in {204, 304}:
        return Length(0)
    headers = dict(response.headers)
    if b"transfer-encoding" in headers:  # h11 lets nothing but chunked pass
        return chunked.Reader()
    if b"content-length" in headers:  # and of these only one, a number
        return Length(int(headers[b"content-length"]))
    return UntilClose()


def keeps_alive(response: h11.Response) -> bool:
    """Whether the connection may serve another request after this one."""
    names = [name for name, _ in response.headers]
    if b"transfer-encoding" in names and b"content-length" in names:
        return False  # two framings in one message: a sign of response splitting
    tokens = b",".join(value for name, value in response.headers if name == b"connection")
    closes = any(token.strip() == b"close" for token in tokens.lower().split(b","))
    return response.http_version >= b"1.1" and not closes
