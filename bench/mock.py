"""The mock upstream: every dialect on one port, canned bytes from one epoll loop.

Which answer comes next is said over HTTP, too: `GET /shape/<kind>/<tokens>/<interval_us>` holds for
all requests after it, and ends the streams before it. It has a process of its own, and does nothing
per request but find the path and the length, so that it is never what limits a gateway.
"""

from __future__ import annotations

import heapq
import re
import resource
import select
import socket
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bench import answers

_READ_BYTES: Final = 262_144
BURST: Final = 16
"""frames a write where a stream is sent as fast as it is read"""
_GOLDEN: Final = (5**0.5 - 1) / 2
_HEAD_END: Final = b"\r\n\r\n"
_CHUNKS_END: Final = b"0\r\n\r\n"
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_DIALECTS: Final = (
    (b"/chat/completions", "openai_chat"),
    (b"/completions", "openai_completions"),
    (b"/responses", "openai_responses"),
    (b"/messages", "anthropic"),
    (b"GenerateContent", "gemini"),
    (b":generateContent", "gemini"),
    (b"/api/chat", "ollama"),
)


class Kind(StrEnum):
    """How an answer is given."""

    WHOLE = "whole"
    BURST = "burst"
    """streamed as fast as the gateway reads"""
    PACED = "paced"
    """streamed with a pause after each token, which says when it was sent"""


@dataclass(frozen=True, slots=True)
class Shape:
    """What every answer looks like until another shape is asked for."""

    kind: Kind = Kind.WHOLE
    tokens: int = 0
    interval_us: int = 0

    @property
    def path(self) -> str:
        """Where to ask for it."""
        return f"/shape/{self.kind}/{self.tokens}/{self.interval_us}"

    @staticmethod
    def parse(path: str) -> Shape:
        """The shape that `path` asks for."""
        kind, tokens, interval_us = path.split("/")[2:]
        return Shape(Kind(kind), int(tokens), int(interval_us))


def dialect_at(path: bytes) -> str | None:
    """The dialect that is spoken at `path`, which has no query."""
    for end, dialect in _DIALECTS:
        if path.endswith(end):
            return dialect
    return None


def chunk(data: bytes) -> bytes:
    """One HTTP chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def whole(dialect: str) -> bytes:
    """The HTTP answer that is not streamed."""
    body = answers.whole(dialect)
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (
        len(body),
        body,
    )


def pieces(dialect: str, tokens: int, burst: int) -> list[bytes]:
    """The HTTP answer of a stream, as the writes it is sent in: a chunk a frame, `burst` a write.

    The first token comes with the head, the end with the last. Where several go into a write they
    are numbered: some gateways end a stream that repeats itself.
    """
    stream = answers.stream(dialect, tokens)
    head = (
        b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\ncache-control: no-cache\r\n"
        b"transfer-encoding: chunked\r\n\r\n" % stream.content_type.encode()
    )
    opening = head + (chunk(stream.opening) if stream.opening else b"")
    frames: Iterable[bytes] = stream.frames
    if burst > 1:
        frames = (answers.stamped(frame, number) for number, frame in enumerate(frames))
    chunks = [chunk(frame) for frame in frames]
    writes = [b"".join(chunks[place : place + burst]) for place in range(0, tokens, burst)]
    writes[0] = opening + writes[0]
    writes[-1] += chunk(stream.closing) + _CHUNKS_END
    return writes


class Phases:
    """Spreads paced streams evenly over their period, however many are open.

    Agents know nothing of each other. Streams that go on from the moment they were begun would keep
    the step of the bursts in which a load generator opens them, and what is measured is the burst.
    """

    def __init__(self) -> None:
        self._phase = 0.0

    def second_us(self, first_us: int, interval_us: int) -> int:
        """When the second token of another stream is due: within a period after the first."""
        self._phase = (self._phase + _GOLDEN) % 1
        return first_us + (int(self._phase * interval_us) - first_us) % interval_us


class _Client:
    """One connection of a gateway."""

    __slots__ = ("buffer", "closed", "head", "left", "place", "sock", "unsent", "writes")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.head = b""
        self.buffer = b""
        self.left = 0
        """bytes of the request's body still to come; -1 = until its last chunk"""
        self.writes: list[bytes] = []
        self.place = 0
        self.unsent = b""
        """bytes the socket did not take yet"""
        self.closed = False


class Mock:
    """The loop. Connections wait in epoll, in `_bursts` or in the heap `_due`."""

    def __init__(self, port: int) -> None:
        self._listener = socket.create_server(("127.0.0.1", port), backlog=4096)
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self._epoll = select.epoll()
        self._epoll.register(self._listener.fileno(), select.EPOLLIN)
        self._clients: dict[int, _Client] = {}
        self._bursts: list[_Client] = []
        self._due: list[tuple[int, int, _Client]] = []
        self._count = 0
        self._phases = Phases()
        self._shape = Shape()
        self._wholes: dict[str, bytes] = {}
        self._streams: dict[str, list[bytes]] = {}

    def run(self) -> None:
        """Serve for ever."""
        listening = self._listener.fileno()
        while True:
            for fd, mask in self._epoll.poll(self._patience_s()):
                if fd == listening:
                    self._accept()
                elif (client := self._clients.get(fd)) is not None:
                    if mask & select.EPOLLOUT:
                        self._resume(client)
                    if mask & ~select.EPOLLOUT:
                        self._receive(client)
            self._send_bursts()
            self._send_due()

    def _patience_s(self) -> float:
        if self._bursts:
            return 0
        if not self._due:
            return -1
        return max(0, self._due[0][0] - time.monotonic_ns() // 1000) / 1e6

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except BlockingIOError:
                return
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._clients[sock.fileno()] = _Client(sock)
            self._epoll.register(sock.fileno(), select.EPOLLIN)

    def _close(self, client: _Client) -> None:
        if not client.closed:
            client.closed = True
            del self._clients[client.sock.fileno()]
            client.sock.close()

    def _receive(self, client: _Client) -> None:
        try:
            data = client.sock.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._close(client)
        elif client.left > 0:
            client.left -= len(data)
            if client.left <= 0:
                self._answer(client)
        elif client.left < 0:
            client.buffer = (client.buffer + data)[-len(_CHUNKS_END) :]
            self._until_last_chunk(client)
        else:
            self._begin(client, data)

    def _begin(self, client: _Client, data: bytes) -> None:
        data = client.buffer + data
        end = data.find(_HEAD_END)
        if end < 0:
            client.buffer = data
            return
        client.head, client.buffer = data[: end + 2], b""
        length = _LENGTH.search(client.head)
        if length is None and b"\r\ntransfer-encoding:" in client.head.lower():
            client.left, client.buffer = -1, data[end + 4 :]
            self._until_last_chunk(client)
            return
        client.left = (int(length[1]) if length else 0) - (len(data) - end - len(_HEAD_END))
        if client.left <= 0:
            self._answer(client)

    def _until_last_chunk(self, client: _Client) -> None:
        if client.buffer.endswith(_CHUNKS_END):
            client.buffer = b""
            self._answer(client)

    def _answer(self, client: _Client) -> None:
        client.left = 0
        target = client.head.split(b" ", 2)[1]
        path = target.partition(b"?")[0]
        dialect = dialect_at(path)
        if dialect is None:
            self._write(client, self._control(path))
        else:
            self._give(client, dialect)

    def _control(self, path: bytes) -> bytes:
        if not path.startswith(b"/shape/"):
            return b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}"
        self._shape = Shape.parse(path.decode("latin-1"))
        self._streams.clear()
        self._cut_off()
        return b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"

    def _cut_off(self) -> None:
        """End the streams under way, which nobody measures any more."""
        for client in list(self._clients.values()):
            if client.place < len(client.writes):
                self._close(client)

    def _give(self, client: _Client, dialect: str) -> None:
        shape = self._shape
        if shape.kind is Kind.WHOLE:
            if (data := self._wholes.get(dialect)) is None:
                data = self._wholes[dialect] = whole(dialect)
            self._write(client, data)
            return
        if (writes := self._streams.get(dialect)) is None:
            burst = BURST if shape.kind is Kind.BURST else 1
            writes = self._streams[dialect] = pieces(dialect, shape.tokens, burst)
        client.writes, client.place = writes, 0
        if shape.kind is Kind.BURST:
            self._bursts.append(client)
        else:
            self._schedule(client, time.monotonic_ns() // 1000)

    def _write(self, client: _Client, data: bytes) -> bool:
        """Whether the socket took all of it; the rest is sent when it can take more."""
        try:
            sent = client.sock.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._close(client)
            return False
        if sent == len(data):
            return True
        client.unsent = data[sent:]
        self._epoll.modify(client.sock.fileno(), select.EPOLLIN | select.EPOLLOUT)
        return False

    def _resume(self, client: _Client) -> None:
        data, client.unsent = client.unsent, b""
        if self._write(client, data):
            self._epoll.modify(client.sock.fileno(), select.EPOLLIN)
            if client.place < len(client.writes):
                self._go_on(client)

    def _go_on(self, client: _Client) -> None:
        if self._shape.kind is Kind.BURST:
            self._bursts.append(client)
        else:
            self._schedule(client, time.monotonic_ns() // 1000 + self._shape.interval_us)

    def _send_bursts(self) -> None:
        """One write of every stream, so that all of them advance together."""
        clients, self._bursts = self._bursts, []
        for client in clients:
            data = client.writes[client.place]
            client.place += 1
            if self._write(client, data) and client.place < len(client.writes):
                self._bursts.append(client)

    def _schedule(self, client: _Client, at_us: int) -> None:
        self._count += 1
        heapq.heappush(self._due, (at_us, self._count, client))

    def _send_due(self) -> None:
        due = self._due
        if not due:
            return
        now_us = time.monotonic_ns() // 1000
        while due and due[0][0] <= now_us:
            at_us, _, client = heapq.heappop(due)
            if client.closed:
                continue
            data = client.writes[client.place]
            client.place += 1
            now_us = time.monotonic_ns() // 1000
            took = self._write(client, answers.stamped(data, now_us))
            if took and client.place < len(client.writes):
                self._schedule(client, self._next_us(client, at_us))

    def _next_us(self, client: _Client, at_us: int) -> int:
        interval_us = self._shape.interval_us
        if client.place > 1:
            return at_us + interval_us
        return self._phases.second_us(at_us, interval_us)


def raise_file_limit() -> None:
    """Let this process have as many sockets as it may."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def main() -> None:
    """Listen on the port given or a free one, print it, and serve."""
    raise_file_limit()
    mock = Mock(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
    sys.stdout.write(f"{mock.port}\n")
    sys.stdout.flush()
    mock.run()


if __name__ == "__main__":
    main()
