"""One client connection: hypercorn's HTTP/1.1 between our own reading and writing.

What hypercorn's own connection does not do, and this one does:

* A client that takes nothing for `write_timeout_s` is cut off. hypercorn's send cannot be
  cancelled, so such a client held its request, and the shutdown, for as long as it liked.
* Reading goes on while an answer is under way, so that a client's leaving is noticed also when it
  sent more than its request before.
* A request that stops in the middle ends after `read_timeout_s`.
* A client that is still sending when it gets its answer is read to the end for a moment, because a
  socket closed with unread bytes would take the answer back.
* HTTP/1.1 only: an upgrade to h2c is left alone, and two body lengths in one request are refused.
"""

from __future__ import annotations

import logging
import socket
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from typing import Final, TypeAlias

import h11
import trio
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.trio.task_group import TaskGroup
from hypercorn.trio.tcp_server import MAX_RECV
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import AppWrapper, ConnectionState

LINGER_S: Final = 2.0
_READ_AHEAD: Final = 4
"""How many reads may wait while an answer is under way. A client that sends more is not read, so
its leaving shows only when it is written to."""

_PIECE_BYTES: Final = 64 * 1024
"""What a client must take within the write timeout."""

Stream: TypeAlias = trio.SocketStream | trio.SSLStream[trio.SocketStream]

_log: Final = logging.getLogger("mux.server")


@dataclass(frozen=True, slots=True)
class Limits:
    """`write_timeout_s` is how long a client may take nothing, `read_timeout_s` how long it may be
    silent in the middle of a request."""

    write_timeout_s: float = 30.0
    read_timeout_s: float = 30.0


class _Refused(Exception):
    """A request that gets an error before the app hears of it."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class _Protocol(H11Protocol):
    async def handle(self, event: Event) -> None:
        try:
            await super().handle(event)
        except _Refused as refused:
            await self._send_error_response(refused.status)
            await self.send(Closed())

    async def _check_protocol(self, event: h11.Request) -> None:
        if event.http_version not in {b"1.0", b"1.1"}:
            raise _Refused(505)
        names = {name for name, _ in event.headers}
        if {b"content-length", b"transfer-encoding"} <= names:
            raise _Refused(400)


class ClientConnection:
    """Serves one connection until it ends. Never raises, so that no request ends another."""

    def __init__(
        self,
        app: AppWrapper,
        config: Config,
        context: WorkerContext,
        stream: Stream,
        limits: Limits,
    ) -> None:
        self._app = app
        self._config = config
        self._context = context
        self._stream = stream
        self._limits = limits
        self._secure = isinstance(stream, trio.SSLStream)
        self._socket = (
            stream.transport_stream if isinstance(stream, trio.SSLStream) else stream
        ).socket
        self._protocol: _Protocol
        self._tasks = TaskGroup()
        self._send_lock = trio.Lock()
        self._reading = trio.CancelScope()
        self._idle = True
        self._said_all = False

    def finish(self) -> None:
        """The server stops: end now if nothing is asked for, else after the current request."""
        if self._idle:
            self._reading.cancel()

    def abort(self) -> None:
        """Close the socket under whatever is going on."""
        self._socket.close()

    async def run(self) -> None:
        """Serve the connection."""
        try:
            if isinstance(self._stream, trio.SSLStream):
                with trio.fail_after(self._config.ssl_handshake_timeout):
                    await self._stream.do_handshake()
            async with self._tasks:
                self._protocol = _Protocol(
                    self._app,
                    self._config,
                    self._context,
                    self._tasks,
                    ConnectionState({}),
                    self._secure,
                    self._socket.getpeername()[:2],
                    self._socket.getsockname()[:2],
                    self._take,
                )
                self._set_idle(True)
                await self._serve()
                await self._protocol.handle(Closed())
        except (OSError, trio.BrokenResourceError, trio.TooSlowError):
            pass  # gone, or silent, before it asked for anything
        except Exception:
            _log.exception("a connection ended on a bug")
        finally:
            self._socket.close()

    async def _take(self, event: Event) -> None:
        """What the protocol has to say."""
        if isinstance(event, RawData):
            await self._send(event.data)
        elif isinstance(event, Closed):
            self._linger()
            await self._protocol.handle(event)
        elif isinstance(event, Updated):
            self._set_idle(event.idle)

    async def _send(self, data: bytes) -> None:
        # hot: a lock's `async with` would pass through the scheduler once more than sending does
        await trio.lowlevel.checkpoint_if_cancelled()
        try:
            self._send_lock.acquire_nowait()
        except trio.WouldBlock:
            await self._send_lock.acquire()
        try:
            await self._send_shielded(data)
        finally:
            self._send_lock.release()

    async def _send_shielded(self, data: bytes) -> None:
        # Half a chunk would spoil the connection for the error that may follow a cancellation.
        with trio.CancelScope(shield=True) as scope:
            try:
                for at in range(0, len(data), _PIECE_BYTES):
                    scope.deadline = trio.current_time() + self._limits.write_timeout_s
                    await self._stream.send_all(data[at : at + _PIECE_BYTES])
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                self._reading.cancel()
        if scope.cancelled_caught:
            self._socket.close()
            self._reading.cancel()

    def _linger(self) -> None:
        """We have said all: let the client finish too, for a moment."""
        self._said_all = True
        self._reading.deadline = trio.current_time() + LINGER_S
        if not self._secure:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_WR)

    def _set_idle(self, idle: bool) -> None:
        self._idle = idle
        if self._context.terminated.is_set():
            self.finish()
        patience_s = self._config.keep_alive_timeout if idle else inf
        self._reading.deadline = trio.current_time() + patience_s

    async def _serve(self) -> None:
        """Read, and let the protocol work, until there is nothing more to read."""
        arrived, pending = trio.open_memory_channel[bytes](_READ_AHEAD)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._feed, pending)
            with self._reading:
                await self._receive(arrived)
            nursery.cancel_scope.cancel()

    async def _feed(self, pending: trio.MemoryReceiveChannel[bytes]) -> None:
        async for data in pending:
            if not self._said_all:
                await self._protocol.handle(RawData(data))

    async def _receive(self, arrived: trio.MemorySendChannel[bytes]) -> None:
        """Read until the client leaves, or falls silent in the middle of a request."""
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            while True:
                data: bytes | bytearray | None = None
                with trio.move_on_after(self._limits.read_timeout_s):
                    data = await self._stream.receive_some(MAX_RECV)
                if data:
                    await arrived.send(bytes(data))
                elif data is not None or self._in_request():
                    return

    def _in_request(self) -> bool:
        connection = self._protocol.connection
        begun = connection.their_state is h11.IDLE and connection.trailing_data[0]
        return bool(begun) or connection.their_state is h11.SEND_BODY
