"""A real server on loopback that does, byte for byte, what a test tells it to."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
import trio

from mux.errors import UpstreamTimeout
from mux.providers.outgoing import Outgoing
from mux.upstream import Reply, Transport

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"
EMPTY = OK + b"content-length: 0\r\n\r\n"


class Peer:
    """The server's end of one connection."""

    def __init__(self, stream: trio.abc.Stream, number: int) -> None:
        self.stream = stream
        self.number = number
        self.unread = b""

    async def request(self) -> bytes:
        """One whole request; ``b""`` if the client closed instead."""
        head = await self.head()
        name = b"\r\ncontent-length: "
        length = int(head.split(name)[1].split(b"\r\n")[0]) if name in head else 0
        while len(self.unread) < length:
            if not await self._receive():
                return b""
        body, self.unread = self.unread[:length], self.unread[length:]
        return head + body

    async def head(self) -> bytes:
        """The head of a request, leaving its body unread."""
        while b"\r\n\r\n" not in self.unread:
            if not await self._receive():
                return b""
        head, _, self.unread = self.unread.partition(b"\r\n\r\n")
        return head + b"\r\n\r\n"

    async def send(self, *pieces: bytes) -> None:
        """Send each piece by itself, giving the client time to read it by itself."""
        for piece in pieces:
            await self.stream.send_all(piece)
            await trio.testing.wait_all_tasks_blocked()

    async def gone(self) -> None:
        """Return when the client has closed."""
        with suppress(trio.BrokenResourceError):
            while await self.stream.receive_some(65536):
                pass

    async def _receive(self) -> bool:
        data = await self.stream.receive_some(65536)
        self.unread += data
        return bool(data)


Script = Callable[[Peer], Awaitable[None]]


async def obliging(peer: Peer) -> None:
    """Answer whatever is asked."""
    while await peer.request():
        await peer.send(CHUNKED + b"2\r\nhi\r\n0\r\n\r\n")


def halting(begun: trio.Event) -> Script:
    """Answer the beginning, say that it has `begun`, and no more."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED + b"2\r\nhi\r\n")
        begun.set()
        await trio.sleep_forever()

    return script


@dataclass
class Server:
    """A listening server. Each connection runs the script from its start."""

    port: int
    scheme: str
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"{self.scheme}://localhost:{self.port}"


async def start(
    nursery: trio.Nursery, script: Script, context: ssl.SSLContext | None = None
) -> Server:
    """Listen on a free port of 127.0.0.1; a connection closes when the script returns."""
    server = Server(0, "http" if context is None else "https")

    async def serve(stream: trio.abc.Stream) -> None:
        server.connections += 1
        async with stream:
            # The client may leave: what it made of that is what the test looks at.
            with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                await script(Peer(stream, server.connections))

    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    server.port = listeners[0].socket.getsockname()[1]
    if context is not None:
        listeners = [trio.SSLListener(each, context, https_compatible=True) for each in listeners]
    nursery.start_soon(trio.serve_listeners, serve, listeners)
    return server


def get(url: str, path: str = "/", **headers: str) -> Outgoing:
    return Outgoing("GET", url + path, headers, b"")


def post(url: str, body: bytes = b"{}", path: str = "/", **headers: str) -> Outgoing:
    return Outgoing("POST", url + path, headers, body)


async def read(reply: Reply) -> bytes:
    """The whole body."""
    pieces: list[bytes] = []
    while piece := await reply.receive_some():
        pieces.append(piece)
    return b"".join(pieces)


async def fetch(transport: Transport, request: Outgoing) -> tuple[int, bytes]:
    """The status and the whole body."""
    async with transport.open(request) as reply:
        return reply.status, await read(reply)


async def ended(
    nursery: trio.Nursery, transport: Transport, request: Outgoing, begun: trio.Event
) -> None:
    """Ask for `request`, and end it as soon as `begun` is set."""
    opening = transport.open(request)

    async def end() -> None:
        await begun.wait()
        opening.cancel(UpstreamTimeout("it took too long"))

    nursery.start_soon(end)
    with trio.fail_after(5), pytest.raises(UpstreamTimeout, match="too long"):
        async with opening as reply:
            await read(reply)
