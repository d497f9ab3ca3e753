"""Where the body of an answer ends (RFC 9112 section 6.3)."""

from __future__ import annotations

from typing import Protocol

import h11

from mux.wire import chunked


class Framing(Protocol):
    """Cuts one body out of the connection's bytes.

    Once `done`, the body is complete and `rest` holds what came behind it.
    """

    done: bool
    rest: bytes

    def feed(self, data: bytes, /) -> bytes:
        """The body bytes in `data`, maybe none."""
        ...


class Length:
    """A body of known length."""

    __slots__ = ("_due", "done", "rest")

    def __init__(self, length_bytes: int) -> None:
        self._due = length_bytes
        self.done = not length_bytes
        self.rest = b""

    def feed(self, data: bytes, /) -> bytes:
        """The body bytes in `data`."""
        due = self._due
        self._due = max(0, due - len(data))
        if not self._due:
            self.done = True
            data, self.rest = data[:due], data[due:]
        return data


class UntilClose:
    """A body that the end of the connection ends."""

    __slots__ = ("done", "rest")

    def __init__(self) -> None:
        self.done = False
        self.rest = b""

    def feed(self, data: bytes, /) -> bytes:
        """`data`: all of it is body."""
        return data


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
