"""One connection to an upstream, as bytes."""

from __future__ import annotations

import ssl
from typing import Final

import trio

from mux.errors import UpstreamUnreachable
from mux.upstream._address import Origin
from mux.upstream._tcp import TcpStream
from mux.upstream._tls import TlsStream

PIECE_BYTES: Final = 64 * 1024
"""What is read, and encrypted, in one go. A kernel takes as much without the peer reading it."""


class Connection:
    """An open stream to `origin`, used by one request at a time.

    `sent` says whether the request has left completely, `answered` whether a byte came back.
    """

    __slots__ = ("_stream", "_tcp", "answered", "origin", "sent")

    def __init__(self, origin: Origin, tcp: TcpStream, tls: TlsStream | None = None) -> None:
        self.origin = origin
        self.sent = False
        self.answered = False
        self._tcp = tcp
        self._stream = tls or tcp

    @property
    def session(self) -> ssl.SSLSession | None:
        """What lets the next connection to this origin skip half of the TLS handshake."""
        return self._stream.session if isinstance(self._stream, TlsStream) else None

    def fileno(self) -> int:
        """The socket's descriptor."""
        return self._tcp.fileno()

    def begin(self) -> None:
        """Another request follows."""
        self.sent = self.answered = False

    def send_now(self, head: bytes, body: bytes) -> memoryview:
        """Send what can be sent of a request without waiting; what is left to `send`.

        That the peer stopped listening is no error here: the answer it gave before that, or the
        lack of one, is for the reader to find.
        """
        try:
            taken = self._stream.send_now(head, body)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return memoryview(b"")
        self.sent = taken == len(head) + len(body)
        return memoryview(b"" if self.sent else (head + body)[taken:])

    async def send(self, rest: memoryview) -> None:
        """Send what is left of a request; errors as in `send_now`."""
        try:
            for at in range(0, len(rest), PIECE_BYTES):
                await self._stream.send_all(rest[at : at + PIECE_BYTES])
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return
        self.sent = True

    async def receive_some(self) -> bytes:
        """All bytes that are there; waits for the first; ``b""`` when the peer has closed.

        Raises `UpstreamUnreachable` if the connection broke.
        """
        try:
            data = await self._stream.receive_some(PIECE_BYTES)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise self.cut() from None
        if data:
            self.answered = True
        return data

    def cut(self) -> UpstreamUnreachable:
        """What to raise where the peer ended the connection too soon."""
        when = "in the middle of its answer" if self.answered else "before it answered"
        return UpstreamUnreachable(f"{self.origin} closed the connection {when}; try again")

    def stale(self) -> bool:
        """Whether an idle connection must not be used: the peer closed it, or sent what nobody
        asked for."""
        return self._tcp.stirred()

    def close(self) -> None:
        """Close at once, without a word to the peer. A request under way on it fails."""
        self._tcp.close()
