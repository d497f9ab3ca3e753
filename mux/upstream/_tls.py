"""TLS to upstreams, over a TCP stream.

Not `trio.SSLStream`, for two reasons. That one hands out a record at a time, and servers put every
event into a record of its own; this one hands out all that has arrived, at two thirds of the cost
of a chunk (bench/upstream.py). And that one is of no use for reading once a send was cut short,
which is when a refused upload has its answer to tell.
"""

from __future__ import annotations

import ssl
from typing import Final

import certifi
import trio

from mux.upstream._tcp import TcpStream

_RECORD_BYTES: Final = 16 * 1024
"""The most that one record holds."""


def tls_context() -> ssl.SSLContext:
    """Verifies against the system's roots and certifi's, so that a company's own authority and a
    container without any roots both work. Slow to make: one per process."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    context.set_alpn_protocols(["http/1.1"])
    context.options |= ssl.OP_NO_RENEGOTIATION  # it would need a send in the middle of a receive
    return context


class TlsStream:
    """The client's end of an encrypted stream. One task may send while another receives.

    `handshake` comes first: it checks the certificate and that it is for `host`, or takes up the
    `session` of a connection for which both were checked, if the peer still knows it.
    """

    __slots__ = ("_incoming", "_outgoing", "_ssl", "_tcp")

    def __init__(
        self,
        tcp: TcpStream,
        context: ssl.SSLContext,
        host: str,
        session: ssl.SSLSession | None = None,
    ) -> None:
        self._tcp = tcp
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._ssl = context.wrap_bio(
            self._incoming, self._outgoing, server_hostname=host, session=session
        )

    @property
    def session(self) -> ssl.SSLSession | None:
        """The session as the peer last renewed it, mostly with its first answer."""
        return self._ssl.session

    async def handshake(self) -> None:
        """Agree on keys. Raises `ssl.SSLError`, or `trio.BrokenResourceError` if it ends."""
        while True:
            try:
                self._ssl.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                if not (data := await self._tcp.receive_some(_RECORD_BYTES)):
                    raise trio.BrokenResourceError from None
                self._incoming.write(data)
            else:
                return await self._flush()

    def send_now(self, head: bytes, body: bytes) -> int:
        """None of both: what is encrypted must leave, and that may have to wait."""
        return 0

    async def send_all(self, data: bytes | memoryview) -> None:
        """Encrypt and send. A cancelled call leaves a stream that can still receive."""
        try:
            self._ssl.write(data)
        except ssl.SSLError:
            raise trio.BrokenResourceError from None
        await self._flush()

    async def receive_some(self, max_bytes: int) -> bytes:
        """All that has arrived; waits for the first byte; ``b""`` when the peer has closed.

        `max_bytes` bounds what is read off the socket. A peer that just hangs up is taken for one
        that said goodbye, as everywhere in HTTP. Raises `trio.BrokenResourceError`.
        """
        read = self._ssl.read
        pieces: list[bytes] = []
        while True:
            try:
                while piece := read(_RECORD_BYTES):
                    pieces.append(piece)
                return b"".join(pieces)
            except ssl.SSLWantReadError:
                if pieces:
                    return b"".join(pieces)
            except ssl.SSLError:
                if pieces:  # they were whole: the error comes again with the next call
                    return b"".join(pieces)
                raise trio.BrokenResourceError from None
            if not (data := await self._tcp.receive_some(max_bytes)):
                return b""
            self._incoming.write(data)

    async def _flush(self) -> None:
        if self._outgoing.pending:
            await self._tcp.send_all(self._outgoing.read())
