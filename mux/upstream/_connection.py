"""One connection to an upstream, as bytes."""

from __future__ import annotations

import ssl
from typing import Final

import trio

from mux.errors import MuxError, UpstreamUnreachable
from mux.upstream._address import Origin
from mux.upstream._tcp import TcpStream
from mux.upstream._tls import TlsStream

PIECE_BYTES: Final = 64 * 1024
"""What is read, and encrypted, in one go. A kernel takes as much without the peer reading it."""

LOST: Final = (trio.BrokenResourceError, trio.ClosedResourceError)
"""What a connection's `stream` raises where it ended, by the peer or by us."""


class Connection:
    """An open stream to `origin`, used by one request at a time.

    `sent` says whether the request has left completely, `answered` whether a byte came back, which
    is for those to note who receive from the `stream`.
    """

    __slots__ = ("_error", "_tcp", "answered", "origin", "sent", "stream")

    def __init__(self, origin: Origin, tcp: TcpStream, tls: TlsStream | None = None) -> None:
        self.origin = origin
        self.sent = False
        self.answered = False
        self._tcp = tcp
        self.stream = tls or tcp
        self._error: MuxError | None = None

    @property
    def session(self) -> ssl.SSLSession | None:
        """What lets the next connection to this origin skip half of the TLS handshake."""
        return self.stream.session if isinstance(self.stream, TlsStream) else None

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
            taken = self.stream.send_now(head, body)
        except LOST:
            return memoryview(b"")
        self.sent = taken == len(head) + len(body)
        return memoryview(b"" if self.sent else (head + body)[taken:])

    async def send(self, rest: memoryview) -> None:
        """Send what is left of a request; errors as in `send_now`."""
        try:
            for at in range(0, len(rest), PIECE_BYTES):
                await self.stream.send_all(rest[at : at + PIECE_BYTES])
        except LOST:
            return
        self.sent = True

    def cut(self) -> MuxError:
        """What to raise where the connection ended too soon, by the peer or by `end`."""
        if self._error is not None:
            return self._error
        when = "in the middle of its answer" if self.answered else "before it answered"
        return UpstreamUnreachable(f"{self.origin} closed the connection {when}; try again")

    def stale(self) -> bool:
        """Whether an idle connection must not be used: the peer closed it, or sent what nobody
        asked for."""
        return self._tcp.stirred()

    def end(self, error: MuxError) -> None:
        """Close at once, because of `error`."""
        self._error = error
        self.close()

    def close(self) -> None:
        """Close at once, without a word to the peer. A request under way on it fails."""
        self._tcp.close()
