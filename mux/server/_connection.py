"""One client connection: HTTP/1.1 in, ASGI to the app, HTTP/1.1 out.

* The app runs in the connection's own task, and reads through it: as long as it waits to hear of
  the client, what the client sends is read, and its leaving is noticed, also behind stray bytes.
  Where the system tells of that by itself, the app is told of it without reading.
* What can be written without waiting is. A client that takes nothing for `write_timeout_s` is cut
  off.
* A head, a body and the silence between two requests each have their time: one deadline, which
  `Connections` looks at now and then, because a timer for each wait costs more than the wait.
* A client that is still sending when it gets its answer is read to the end for a moment, because a
  socket closed with unread bytes would take the answer back.
"""

from __future__ import annotations

import logging
import math
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Self

import trio

from mux.codecs import CODECS
from mux.errors import InvalidRequest
from mux.server._departures import Departure, Departures
from mux.server._exchange import Exchange
from mux.server._head import LIMIT_BYTES, Head, Refused, parse
from mux.server._socket import ClientSocket, open_socket
from mux.server.asgi import AsgiApp

LINGER_S: Final = 2.0
_END: Final = b"\r\n\r\n"
_BARE: Final = re.compile(rb"(?<!\r)\n\r?\n")
"""The end of a head for who is less strict; to wait for ours would leave the client waiting."""

_log: Final = logging.getLogger("mux.server")


@dataclass(frozen=True, slots=True)
class Limits:
    """How many connections there may be, and how long a client may take nothing, be silent in the
    middle of a request, take for its head, and ask for nothing. For a body it has `body_timeout_s`,
    and as long again for each megabyte; for what it is sent `write_timeout_s` in the same way.
    `turn_s` after a connection the next is left to other workers, if there are any."""

    write_timeout_s: float = 30.0
    read_timeout_s: float = 30.0
    head_timeout_s: float = 10.0
    body_timeout_s: float = 30.0
    idle_timeout_s: float = 30.0
    connections: int = 4096
    turn_s: float = 0.0


class ClientConnection:
    """Serves one connection until it ends. Never raises, so that no request ends another."""

    def __init__(
        self,
        app: AsgiApp,
        tcp: trio.SocketStream,
        tls: ssl.SSLContext | None,
        limits: Limits,
        departures: Departures | None = None,
    ) -> None:
        self.limits = limits
        self.ending = False
        """no request follows the current one"""
        self.ahead = b""
        """what has been read and belongs to the next request"""
        self.due_s = math.inf
        """when the client must have sent something, on trio's clock"""
        self.late = False
        """it had not"""
        self.departure: Departure | None = None
        """what tells of the client's leaving, if anything but reading does"""
        self._app = app
        self._tcp = tcp
        self._tls = tls
        self._departures = departures
        self._socket: ClientSocket | None = None
        self._lock = trio.Lock()
        self._broken = False
        self._idle_since_s = math.inf

    @property
    def idle_s(self) -> float:
        """For how long nothing has been asked for; 0 while something is."""
        return max(trio.current_time() - self._idle_since_s, 0.0)

    def finish(self) -> None:
        """The server stops: end now if nothing is asked for, else after the current request."""
        self.ending = True
        if self._idle_since_s < math.inf:
            self.expire()

    def expire(self) -> None:
        """The client has had its time: what waits for it waits no more."""
        self.late = True
        self.socket.stop_waiting()

    @property
    def socket(self) -> ClientSocket:
        """The client's socket, once it is open."""
        assert self._socket is not None, "nothing is read or written before it is open"
        return self._socket

    def abort(self) -> None:
        """Close the socket under whatever is going on."""
        if self._socket is None:
            self._tcp.socket.close()
        else:
            self._socket.close()

    async def run(self, ended: Callable[[Self], None]) -> None:
        """Serve the connection, and say at its end that it has `ended`."""
        try:
            self._socket = await open_socket(self._tcp, self._tls)
            if self._socket is not None:
                # Not in a generator's `with`: its frame and the error would keep each other, and
                # with them all that a client left behind, until the garbage collector comes.
                with trio.CancelScope() as scope:
                    self._watch(self._socket, scope)
                    while (head := await self._next()) is not None and await self._serve(head):
                        pass
        except Exception:
            _log.exception("a connection ended on a bug")
        finally:
            if self._departures is not None and self.departure is not None:
                self._departures.forget(self.departure)
            self.abort()
            ended(self)

    def _watch(self, opened: ClientSocket, scope: trio.CancelScope) -> None:
        descriptor = opened.fileno()
        if self._departures is not None and descriptor >= 0:
            self.departure = self._departures.watch(descriptor, scope)

    async def receive(self, until_s: float) -> bytes:
        """What the client sends; nothing if it has gone, or is `late`."""
        self.late = False
        self.due_s = until_s
        data = await self.socket.receive_some()
        self.due_s = math.inf
        return data

    async def write(self, data: bytes) -> None:
        """Send `data`; nothing happens if the client has gone."""
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._broken:
            await trio.lowlevel.checkpoint()  # whoever writes on must let others hear of it
            return
        sent = 0
        try:
            if not self._lock.locked():
                sent = self.socket.send_now(data)
                if sent == len(data):
                    return
            # Half a chunk would spoil the connection for the error that may follow a cancellation.
            with trio.CancelScope(shield=True):
                async with self._lock:
                    rest = memoryview(data)[sent:]
                    stall_s = self.limits.write_timeout_s
                    with trio.fail_after(stall_s * (1 + len(rest) / 1_000_000)):
                        await self.socket.send_all(rest, stall_s=stall_s)
        except OSError:
            self._broken = True
        except trio.TooSlowError:
            self._broken = True
            self.socket.close()

    async def _next(self) -> Head | None:
        """The next request's head, if there is to be another request."""
        data = b""
        try:
            if not self.ending:
                data = await self._read_head()
            return parse(data) if data else None
        except Refused as refused:
            await self._refuse(refused, silent=data.startswith(b"HEAD "))
            return None

    async def _serve(self, head: Head) -> bool:
        """Serve a request; whether another may follow."""
        exchange = Exchange(self, head)
        try:
            await self._app(exchange.scope(), exchange.receive, exchange.send)
        except Exception:
            _log.exception("a request ended on a bug")
            if not exchange.begun:
                await self._refuse(Refused(500, "llm-mux failed on a bug; see its log"))
            return False
        if exchange.refused is not None:
            await self._refuse(exchange.refused)
            return False
        if exchange.persists:
            return await exchange.read_rest()
        await self._linger()
        return False

    async def _read_head(self) -> bytes:
        """The next request's head; nothing if the client has no more to ask. Raises `Refused`."""
        data = self.ahead.lstrip(b"\r\n") or await self._first_piece()
        if data and data.find(_END, 0, LIMIT_BYTES) < 0:
            data = await self._other_pieces(data)
        head, end, self.ahead = data.partition(_END)
        return head + end

    async def _first_piece(self) -> bytes:
        """What the client says after its silence; nothing if it has no more to ask."""
        since_s = trio.current_time()
        data = b""
        while not data:
            self._idle_since_s = since_s
            piece = await self.receive(since_s + self.limits.idle_timeout_s)
            self._idle_since_s = math.inf
            if not piece:
                break
            data = piece.lstrip(b"\r\n")
        return data

    async def _other_pieces(self, data: bytes) -> bytes:
        """`data`, a head that has begun, as far as its end and what came with it; nothing if the
        client has left. Raises `Refused`."""
        until_s = trio.current_time() + self.limits.head_timeout_s
        while (end := data.find(_END)) < 0:
            if len(data) > LIMIT_BYTES:
                break
            if _BARE.search(data):
                raise Refused(400, "A line of the request's head ends in LF alone")
            piece = await self.receive(until_s)
            if self.late and not piece:
                raise Refused(408, "The request's head did not arrive in time")
            if not piece:
                return b""
            data += piece
        if not 0 <= end <= LIMIT_BYTES:
            raise Refused(431, f"The request's head is over {LIMIT_BYTES} bytes")
        return data

    async def _refuse(self, refused: Refused, *, silent: bool = False) -> None:
        """Say what is wrong, in the form that speaks for us where no dialect is known."""
        body = CODECS["openai_chat"].server.encode_error(InvalidRequest(refused.message))
        await self.write(
            b"HTTP/1.1 %d %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n"
            b"connection: close\r\n\r\n%b"
            % (
                refused.status,
                HTTPStatus(refused.status).phrase.encode(),
                len(body),
                b"" if silent else body,
            )
        )
        await self._linger()

    async def _linger(self) -> None:
        """We have said all: let the client finish too, for a moment."""
        if self._broken:
            return
        self.socket.half_close()
        with trio.move_on_after(LINGER_S):
            while await self.socket.receive_some():
                pass
