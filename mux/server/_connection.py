"""One client connection: hypercorn's HTTP/1.1 between our own reading and writing.

What hypercorn's own connection does not do, and this one does:

* A client that takes nothing for `write_timeout_s` is cut off. hypercorn's send cannot be
  cancelled, so such a client held its request, and the shutdown, for as long as it liked.
* Reading goes on while an answer is under way, so that a client's leaving is noticed also when it
  sent more than its request before.
* A request that stops in the middle, or drips in, is given up.
* A client that is still sending when it gets its answer is read to the end for a moment, because a
  socket closed with unread bytes would take the answer back.
* HTTP/1.1 only, and strictly: an upgrade to h2c is left alone; two body lengths in one request, and
  lines that end without a carriage return, are refused, because others may read them differently.
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
from h11._receivebuffer import ReceiveBuffer
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.trio.task_group import TaskGroup
from hypercorn.trio.tcp_server import MAX_RECV
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import AppWrapper, ConnectionState

from mux.codecs import CODECS
from mux.errors import InvalidRequest

LINGER_S: Final = 2.0
_READ_AHEAD: Final = 4
"""How many reads may wait while an answer is under way. A client that sends more is not read, so
its leaving shows only when it is written to."""

HEAD_LIMIT_BYTES: Final = 64 * 1024
_MOST_HEADERS: Final = 100
_WORDS: Final = {
    400: "This is no HTTP request, or one that others may understand in another way",
    431: "The request has too many headers, or too long ones",
}

_PIECE_BYTES: Final = 64 * 1024
"""What a client must take within the write timeout."""

Stream: TypeAlias = trio.SocketStream | trio.SSLStream[trio.SocketStream]

_log: Final = logging.getLogger("mux.server")


@dataclass(frozen=True, slots=True)
class Limits:
    """How many connections there may be, and how long a client may take nothing, be silent in the
    middle of a request, take for its head, and ask for nothing. For a body it has `body_timeout_s`,
    and as long again for each megabyte."""

    write_timeout_s: float = 30.0
    read_timeout_s: float = 30.0
    head_timeout_s: float = 10.0
    body_timeout_s: float = 30.0
    idle_timeout_s: float = 30.0
    connections: int = 4096


class _Refused(Exception):
    """A request that gets an error before the app hears of it."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class _Lines(ReceiveBuffer):
    """h11's buffer, for which a line ends in CR LF alone."""

    _taken = bytearray()

    def _extract(self, count: int) -> bytearray:
        self._taken = super()._extract(count)
        return self._taken

    def maybe_extract_lines(self) -> list[bytearray] | None:
        """The lines of a head, once it is complete."""
        lines = super().maybe_extract_lines()
        if lines is None:
            return None
        if len(self._taken) > HEAD_LIMIT_BYTES:
            raise h11.LocalProtocolError("the head is too long", error_status_hint=431)
        if self._taken.count(b"\n") != self._taken.count(b"\r\n"):
            raise h11.LocalProtocolError("a line ends in LF alone")
        return lines


class _Protocol(H11Protocol):
    """`body_bytes` counts what has come of the current request's body."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self.body_bytes = 0
        self._head_only = False
        vars(self.connection)["_receive_buffer"] = _Lines()

    async def handle(self, event: Event) -> None:
        if isinstance(event, RawData):
            self.body_bytes += len(event.data)
        try:
            await super().handle(event)
        except _Refused as refused:
            await self._send_error_response(refused.status)
            await self.send(Closed())

    async def _check_protocol(self, event: h11.Request) -> None:
        self.body_bytes = 0
        self._head_only = event.method == b"HEAD"
        names = {name for name, _ in event.headers}
        if event.http_version not in {b"1.0", b"1.1"}:
            raise _Refused(400)
        if {b"content-length", b"transfer-encoding"} <= names:
            raise _Refused(400)
        if len(event.headers) > _MOST_HEADERS:
            raise _Refused(431)

    async def _send_error_response(self, status_code: int) -> None:
        """In the form that speaks for us where it is not known what the client speaks."""
        status = 400 if status_code == 501 else status_code  # a coding of bodies unknown to h11
        body = CODECS["openai_chat"].server.encode_error(InvalidRequest(_WORDS[status]))
        head = [
            (b"content-type", b"application/json; charset=utf-8"),
            (b"content-length", b"%d" % len(body)),
            (b"connection", b"close"),
        ]
        await self._send_h11_event(h11.Response(status_code=status, headers=head))
        if not self._head_only:
            await self._send_h11_event(h11.Data(data=body))
        await self._send_h11_event(h11.EndOfMessage())


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
        self._begun_s = self._head_begun_s = inf
        self._said_all = False

    @property
    def idle(self) -> bool:
        """Whether nothing is asked for."""
        return self._idle

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
        # Shielded, the wait for the lock too: what the protocol has counted as sent must be, or it
        # would spoil the connection for the error that may follow a cancellation.
        # hot: a lock's `async with` would pass through the scheduler once more than sending does
        broken = False
        with trio.CancelScope(shield=True) as scope:
            try:
                self._send_lock.acquire_nowait()
            except trio.WouldBlock:
                await self._send_lock.acquire()
            try:
                for at in range(0, len(data), _PIECE_BYTES):
                    scope.deadline = trio.current_time() + self._limits.write_timeout_s
                    await self._stream.send_all(data[at : at + _PIECE_BYTES])
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                broken = True
            finally:
                self._send_lock.release()
        if broken or scope.cancelled_caught:
            self._socket.close()
            self._reading.cancel()
            await trio.lowlevel.checkpoint_if_cancelled()

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
        self._begun_s = trio.current_time()
        self._reading.deadline = self._begun_s + self._limits.idle_timeout_s if idle else inf

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
                self._hurry()

    async def _receive(self, arrived: trio.MemorySendChannel[bytes]) -> None:
        """Read until the client leaves."""
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            while data := await self._stream.receive_some(MAX_RECV):
                await arrived.send(bytes(data))

    def _hurry(self) -> None:
        """Limit the time for what is missing of a request that has begun."""
        if self._said_all:
            return
        connection, limits, now_s = self._protocol.connection, self._limits, trio.current_time()
        if connection.their_state is h11.SEND_BODY:
            self._head_begun_s = inf
            allowed_s = limits.body_timeout_s * (1 + self._protocol.body_bytes / 1_000_000)
            until_s = min(self._begun_s + allowed_s, now_s + limits.read_timeout_s)
        elif connection.their_state is h11.IDLE and connection.trailing_data[0]:
            self._head_begun_s = min(self._head_begun_s, now_s)
            until_s = self._head_begun_s + limits.head_timeout_s
        else:
            self._head_begun_s = inf
            if self._idle:
                return
            until_s = inf
        self._reading.deadline = until_s
