"""The client's socket, with and without TLS: writes without waiting where that is possible."""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from typing import Final, Protocol

import trio

_READ_BYTES: Final = 256 * 1024
"""More than agents send, most of the time: what has all come is one wake-up and one call."""
_HANDSHAKE_S: Final = 10.0


class ClientSocket(Protocol):
    """One connection's bytes. Reading gives ``b""`` at the end, and also where it broke."""

    @property
    def scheme(self) -> str:
        """``http`` or ``https``."""
        ...

    @property
    def peer(self) -> tuple[str, int]:
        """The client's address and port."""
        ...

    @property
    def local(self) -> tuple[str, int]:
        """Ours."""
        ...

    def fileno(self) -> int:
        """The descriptor; -1 once closed."""
        ...

    async def receive_some(self) -> bytes:
        """The bytes that are there; waits for the first, and lets others run in any case."""
        ...

    def send_now(self, data: bytes, /) -> int:
        """Send what the peer takes without waiting; how much that was. Raises `OSError`."""
        ...

    async def send_all(self, data: bytes | memoryview, /, *, stall_s: float) -> None:
        """Send all of `data`. Raises `OSError`, and `trio.TooSlowError` if the peer takes nothing
        for `stall_s`."""
        ...

    def stop_waiting(self) -> None:
        """Give whoever waits for bytes to read none."""
        ...

    def half_close(self) -> None:
        """Nothing more will be sent."""
        ...

    def close(self) -> None:
        """Close the socket under whatever is going on."""
        ...


class PlainSocket:
    """A TCP socket, used directly: trio's streams would pass through the scheduler with every call,
    ready or not."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.scheme = "http"
        self.peer, self.local = _addresses(stream.socket)  # first: of one that is gone it raises
        self._sock = socket.socket(fileno=stream.socket.detach())
        self._sock.setblocking(False)

    def fileno(self) -> int:
        return self._sock.fileno()

    async def receive_some(self) -> bytes:
        while (descriptor := self._sock.fileno()) >= 0:
            try:
                await trio.lowlevel.wait_readable(descriptor)  # who just got an answer is silent
                return self._sock.recv(_READ_BYTES)
            except BlockingIOError:
                continue
            except (trio.ClosedResourceError, OSError):
                break
        return b""

    def send_now(self, data: bytes, /) -> int:
        try:
            return self._sock.send(data)
        except BlockingIOError:
            return 0

    async def send_all(self, data: bytes | memoryview, /, *, stall_s: float) -> None:
        left = memoryview(data)
        while left:
            with trio.fail_after(stall_s):
                try:
                    await trio.lowlevel.wait_writable(self._sock)
                except trio.ClosedResourceError:
                    raise ConnectionResetError from None
            try:
                left = left[self._sock.send(left) :]
            except BlockingIOError:
                continue

    def stop_waiting(self) -> None:
        if self._sock.fileno() >= 0:
            trio.lowlevel.notify_closing(self._sock)  # it is not, but that is what wakes a task

    def half_close(self) -> None:
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        if self._sock.fileno() >= 0:
            trio.lowlevel.notify_closing(self._sock)
        self._sock.close()


class TlsSocket:
    """A TCP socket with our certificate."""

    def __init__(self, stream: trio.SSLStream[trio.SocketStream]) -> None:
        self._stream = stream
        self.scheme = "https"
        self.peer, self.local = _addresses(stream.transport_stream.socket)

    def fileno(self) -> int:
        return self._stream.transport_stream.socket.fileno()

    async def receive_some(self) -> bytes:
        try:
            return bytes(await self._stream.receive_some(_READ_BYTES))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return b""

    def send_now(self, data: bytes, /) -> int:
        return 0

    async def send_all(self, data: bytes | memoryview, /, *, stall_s: float) -> None:
        left = memoryview(data)
        try:
            while left:
                with trio.fail_after(stall_s):
                    await self._stream.send_all(bytes(left[:_READ_BYTES]))
                left = left[_READ_BYTES:]
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise ConnectionResetError from None

    def stop_waiting(self) -> None:
        with suppress(OSError):  # as if the client had ended; it can still be written to
            self._stream.transport_stream.socket.shutdown(socket.SHUT_RD)

    def half_close(self) -> None:
        """TLS has no half: the peer learns of the end when the socket closes."""

    def close(self) -> None:
        self._stream.transport_stream.socket.close()


def _addresses(
    sock: socket.socket | trio.socket.SocketType,
) -> tuple[tuple[str, int], tuple[str, int]]:
    peer, local = sock.getpeername(), sock.getsockname()
    return (peer[0], peer[1]), (local[0], local[1])


async def open_socket(tcp: trio.SocketStream, tls: ssl.SSLContext | None) -> ClientSocket | None:
    """The client's socket; None if it went away, or no TLS came about."""
    try:
        if tls is None:
            return PlainSocket(tcp)
        stream = trio.SSLStream(tcp, tls, server_side=True, https_compatible=True)
        with trio.fail_after(_HANDSHAKE_S):
            await stream.do_handshake()
        return TlsSocket(stream)
    except (OSError, trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError):
        tcp.socket.close()
        return None
