"""A TCP socket without trio's stream around it.

That one goes through the scheduler with every call, ready or not. Here a send that the kernel takes
at once costs one system call, and a receive is one wake-up and one system call.
"""

from __future__ import annotations

import select
import socket

import trio


class TcpStream:
    """A connected socket, taken from `stream`. One task may send while another receives.

    Both raise `trio.BrokenResourceError` where the connection broke, and
    `trio.ClosedResourceError` where `close` was called meanwhile.
    """

    __slots__ = ("_poll", "_sock")

    def __init__(self, stream: trio.SocketStream) -> None:
        self._sock = socket.socket(fileno=stream.socket.detach())
        self._sock.setblocking(False)
        self._poll: select.poll | None = None
        if hasattr(select, "poll"):  # not on Windows
            self._poll = select.poll()
            self._poll.register(self._sock, select.POLLIN)

    def fileno(self) -> int:
        """The descriptor; -1 once closed."""
        return self._sock.fileno()

    def send_now(self, head: bytes, body: bytes) -> int:
        """How much of both the kernel took at once."""
        try:
            if hasattr(self._sock, "sendmsg"):  # not on Windows
                return self._sock.sendmsg((head, body))
            return self._sock.send(head + body)
        except BlockingIOError:
            return 0
        except OSError:
            raise self._failed() from None

    async def send_all(self, data: bytes | memoryview) -> None:
        """Send all of `data`. Passes through the scheduler only where the peer must be waited
        for."""
        left = memoryview(data)
        while True:
            try:
                left = left[self._sock.send(left) :]
            except BlockingIOError:
                pass
            except OSError:
                raise self._failed() from None
            if not left:
                return
            await trio.lowlevel.wait_writable(self._sock)

    async def receive_some(self, max_bytes: int) -> bytes:
        """What has arrived; waits for the first byte; ``b""`` when the peer has closed.

        It waits before it looks: an answer that was just asked for has not come, and a quick stream
        must let others have their turn.
        """
        while True:
            if self._sock.fileno() < 0:
                raise trio.ClosedResourceError("closed")
            await trio.lowlevel.wait_readable(self._sock)
            try:
                return self._sock.recv(max_bytes)
            except BlockingIOError:
                continue
            except OSError:
                raise self._failed() from None

    def stirred(self) -> bool:
        """Whether there is something to be received, be it the end."""
        if self._poll is None:
            return bool(select.select([self._sock], [], [], 0)[0])
        return bool(self._poll.poll(0))

    def close(self) -> None:
        """Close at once, under whatever is going on."""
        if self._sock.fileno() >= 0:
            trio.lowlevel.notify_closing(self._sock)
        self._sock.close()

    def _failed(self) -> Exception:
        closed = self._sock.fileno() < 0
        return trio.ClosedResourceError("closed") if closed else trio.BrokenResourceError("broken")
