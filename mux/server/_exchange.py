"""One request and its answer on a connection, as ASGI tells them."""

from __future__ import annotations

from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

import trio

from mux.errors import UpstreamProtocolError
from mux.server._head import Head, Refused
from mux.server.asgi import DEPARTURE, Message
from mux.wire import chunked
from mux.wire.bodies import Framing, Length

if TYPE_CHECKING:
    from mux.server._connection import ClientConnection

_AHEAD_BYTES: Final = 256 * 1024
"""What is read ahead of an answer. A client that sends more is not read, so its leaving shows only
when it is written to."""

_UNREAD_BYTES: Final = 256 * 1024
"""What is read of a body nobody wanted, so that the connection can go on."""
_UNREAD_S: Final = 2.0

_BODILESS: Final = frozenset({204, 304})
_STATUS_LINES: Final = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}".encode() for status in HTTPStatus
}
_ASGI: Final = {"version": "3.0", "spec_version": "2.3"}


class Exchange:
    """A request whose head has come. `refused` is what went wrong with the rest of it."""

    __slots__ = (
        "_body",
        "_chunks",
        "_connection",
        "_continued",
        "_due",
        "_ended",
        "_gone",
        "_head",
        "_heard",
        "_silent",
        "_start",
        "_until_s",
        "_waiting",
        "begun",
        "persists",
        "refused",
    )

    def __init__(self, connection: ClientConnection, head: Head) -> None:
        self.begun = False
        """the answer's head was sent"""
        self.persists = False
        """the connection can go on after this"""
        self.refused: Refused | None = None
        self._connection = connection
        self._head = head
        self._body: Framing = chunked.Reader() if head.length is None else Length(head.length)
        self._heard = False
        """the app has the whole body"""
        self._gone = False
        self._continued = not head.expects
        self._until_s: float | None = None
        """when the whole body must have come, once it is waited for"""
        self._start: Message = {}
        self._chunks = False
        self._due: int | None = None
        """what the answer's length promises and was not sent yet, if it has one"""
        self._silent = False
        """an answer without a body"""
        self._ended = False
        self._waiting: trio.CancelScope | None = None

    def scope(self) -> Message:
        """The ASGI scope."""
        head, sock = self._head, self._connection.socket
        departure = self._connection.departure
        raw_path, _, query = head.target.partition(b"?")
        path = raw_path.decode()
        return {
            "type": "http",
            "asgi": _ASGI,
            "http_version": head.version,
            "method": head.method,
            "scheme": sock.scheme,
            "path": unquote(path) if "%" in path else path,
            "raw_path": raw_path,
            "query_string": query,
            "root_path": "",
            "headers": head.headers,
            "client": sock.peer,
            "server": sock.local,
            "extensions": {} if departure is None else {DEPARTURE: departure},
        }

    # -- the request ------------------------------------------------------------------------

    async def receive(self) -> Message:
        """The next piece of the body, and then the client's leaving or the end of the answer."""
        if not self._heard and not self._gone:
            piece = await self._piece()
            if piece is not None:
                self._heard = self._body.done
                return {"type": "http.request", "body": piece, "more_body": not self._heard}
        await self._until_over()
        return {"type": "http.disconnect"}

    async def _piece(self) -> bytes | None:
        """What has come of the body; None if no more of it will."""
        connection = self._connection
        if self._body.done:
            return b""
        if connection.ahead:
            data, connection.ahead = connection.ahead, b""
        else:
            if not self._continued:
                self._continued = True
                await connection.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            limits, now_s = connection.limits, trio.current_time()
            until_s = self._until_s or now_s + limits.body_timeout_s
            data = await connection.receive(min(until_s, now_s + limits.read_timeout_s))
            if not data and connection.late:
                self._refuse(408, "The request's body did not arrive in time")
                return None
            if not data:
                self._gone = True
                return None
            self._until_s = until_s + limits.body_timeout_s * len(data) / 1_000_000
        try:
            piece = self._body.feed(data)
        except UpstreamProtocolError:  # the framing's word for it
            self._refuse(400, "The request's chunked body is malformed")
            return None
        if self._body.done:
            connection.ahead = self._body.rest
        return piece

    def _refuse(self, status: int, message: str) -> None:
        self._gone = True
        if not self.begun:
            self.refused = Refused(status, message)

    async def _until_over(self) -> None:
        """Read ahead until the client leaves or the answer has ended."""
        connection = self._connection
        while not self._gone and not self._ended:
            with trio.CancelScope() as self._waiting:
                if len(connection.ahead) > _AHEAD_BYTES:
                    await trio.sleep_forever()
                data = await connection.socket.receive_some()
                connection.ahead += data
                self._gone = not data
        self._waiting = None

    async def read_rest(self) -> bool:
        """Read what nobody wanted of the body; whether the connection can go on."""
        if self._body.done:
            return not self._gone
        with trio.move_on_after(_UNREAD_S):
            while not self._body.done and await self._piece() is not None:
                pass
        return self._body.done and not self._gone

    # -- the answer -------------------------------------------------------------------------

    async def send(self, message: Message) -> None:
        """Send a piece of the answer. The head waits for the first piece of the body."""
        if message["type"] == "http.response.start":
            self._start = message
            return
        data: bytes = message.get("body", b"")
        more: bool = message.get("more_body", False)
        if self._ended or self.refused is not None:
            return
        out = b"" if self.begun else self._begin()
        out += self._framed(data)
        if not more:
            out += self._end()
        if out:
            await self._connection.write(out)

    def _begin(self) -> bytes:
        """The answer's head. Raises `ValueError` for a header that would not stay one line."""
        status: int = self._start["status"]
        lines = [_STATUS_LINES.get(status) or b"HTTP/1.1 %d " % status]
        length: bytes | None = None
        ends = False
        for name, value in self._start.get("headers", ()):
            if name == b"connection":
                ends = True  # an app that speaks of the connection wants its end
                continue
            if name == b"content-length":
                length = value
            lines.append(name + b": " + value)
        self._silent = self._head.method == "HEAD" or status in _BODILESS
        self._chunks = length is None and not self._silent and self._head.version == "1.1"
        self._due = int(length) if length is not None and not self._silent else None
        bounded = self._silent or self._chunks or length is not None
        readable = isinstance(self._body, Length) and self._body.due <= _UNREAD_BYTES
        self.persists = (
            self._head.keep_alive
            and bounded
            and not self._connection.ending
            and not ends
            and (self._body.done or (readable and self._continued))
        )
        lines.append(_date_line(int(trio.current_time())))
        if self._chunks:
            lines.append(b"transfer-encoding: chunked")
        if not self.persists:
            lines.append(b"connection: close")
        lines += b"", b""
        head = b"\r\n".join(lines)
        if not head.count(b"\n") == head.count(b"\r") == len(lines) - 1 or b"\0" in head:
            raise ValueError("a header of the answer is more than one line")
        self.begun = True
        return head

    def _framed(self, data: bytes) -> bytes:
        if self._silent or not data:
            return b""
        if self._chunks:
            return b"%x\r\n%b\r\n" % (len(data), data)
        if self._due is not None:
            data = data[: self._due]
            self._due -= len(data)
        return data

    def _end(self) -> bytes:
        self._ended = True
        if self._waiting is not None:
            self._waiting.cancel()
        if self._due:
            self.persists = False  # less than promised: only the end of the connection tells
        return b"0\r\n\r\n" if self._chunks else b""


@lru_cache(maxsize=1)
def _date_line(_second: int) -> bytes:
    """The time now as HTTP writes it; made once a second."""
    return b"date: " + formatdate(usegmt=True).encode()
