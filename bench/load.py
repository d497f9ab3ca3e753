"""The load generator: keep-alive connections in one epoll loop, each asking again when answered.

A process of its own. It reads one job a line from its input and writes two lines for each: that the
measuring begins, and the result. Both are JSON.
"""

from __future__ import annotations

import re
import select
import socket
import sys
import time
from itertools import count
from typing import Final

import msgspec

from bench.answers import MARK, STAMP_DIGITS
from bench.mock import raise_file_limit
from bench.requests import TURN, turn

_READ_BYTES: Final = 262_144
_HEAD_END: Final = b"\r\n\r\n"
_CHUNKS_END: Final = b"0\r\n\r\n"
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_TOKEN_BYTES: Final = len(MARK) + STAMP_DIGITS
_CONNECTS_AT_ONCE: Final = 64
_TURN_S: Final = 0.2
_ERROR_BYTES: Final = 300


class Job(msgspec.Struct, frozen=True):
    """What to do: `request` over `connections` for `seconds`, after the time to warm up.

    `request` is another one each time where `requests.TURN` stands in it.
    With `tokens` the answers are streams of so many; with `stamped` each token says when it was
    sent; with `once` no connection asks again. Slow answers are waited for beyond `seconds` until
    `at_least` of what is counted have come (tokens of streams, else requests), up to `most_s`.
    """

    port: int
    request: bytes
    connections: int
    seconds: float
    warm_s: float = 0.3
    tokens: int = 0
    stamped: bool = False
    once: bool = False
    at_least: int = 0
    most_s: float = 10.0
    ramp_s: float = 20.0
    """how long all connections may take to get their first bytes"""


class Spread(msgspec.Struct, frozen=True):
    """A distribution, in microseconds."""

    count: int = 0
    p50: float = 0.0
    p90: float = 0.0
    p99: float = 0.0
    most: float = 0.0


class Outcome(msgspec.Struct, frozen=True):
    """What came of a job. `cpu_s` is what this process took itself."""

    seconds: float
    requests: int
    tokens: int
    errors: int
    ready: int
    """connections that were answered before the measuring began"""
    latency: Spread
    first: Spread
    """from request to the first token of its stream"""
    delay: Spread
    """from the moment a token was sent to its arrival"""
    cpu_s: float
    error: str = ""

    @property
    def requests_per_s(self) -> float:
        return self.requests / self.seconds

    @property
    def tokens_per_s(self) -> float:
        return self.tokens / self.seconds


def spread(values_us: list[float]) -> Spread:
    """The distribution of `values_us`, which is put in order."""
    values_us.sort()
    count = len(values_us)
    if not count:
        return Spread()

    def at(share: float) -> float:
        return round(values_us[min(count - 1, int(count * share))], 1)

    return Spread(count, at(0.5), at(0.9), at(0.99), at(1.0))


class _Connection:
    """One client. `left` is what is missing of the answer's body: -1 = until its last chunk."""

    __slots__ = ("asked", "buffer", "left", "rest", "seen", "sock", "status", "tail", "tokens")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.asked = 0.0
        self.buffer = b""
        self.left = 0
        self.rest = b""
        """of the request, not yet taken by the socket"""
        self.seen = False
        """whether it was ever answered"""
        self.status = b""
        self.tail = b""
        self.tokens = 0


class Load:
    """The loop of one job."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._pieces = job.request.split(TURN)
        self._numbers = count(time.time_ns() // 1_000_000)
        self._epoll = select.epoll()
        self._connections: dict[int, _Connection] = {}
        self._ready = 0
        self._lost = 0
        self._error = ""
        self._forget()

    def _forget(self) -> None:
        self._requests = self._tokens = self._errors = 0
        self._latencies: list[float] = []
        self._firsts: list[float] = []
        self._delays: list[float] = []

    def warm_up(self) -> None:
        """Open the connections, and let all be answered once before the time to warm up."""
        end = time.monotonic() + self._job.ramp_s
        missing = self._job.connections
        while missing and time.monotonic() < end:
            for _ in range(min(missing, _CONNECTS_AT_ONCE)):
                self._connect()
                missing -= 1
            self._turn(0)
        while self._ready < self._job.connections and time.monotonic() < end:
            self._turn(0.01)
        self._run(self._job.warm_s)
        self._forget()

    def measure(self) -> Outcome:
        """Run for the time of the job and close everything."""
        cpu_s, began = time.process_time(), time.monotonic()
        job = self._job
        self._run(job.seconds)
        end = began + job.most_s
        while self._counted() < job.at_least and time.monotonic() < end:
            self._turn(_TURN_S)
        seconds, cpu_s = time.monotonic() - began, time.process_time() - cpu_s
        for connection in self._connections.values():
            connection.sock.close()
        self._epoll.close()
        return Outcome(
            seconds,
            self._requests,
            self._tokens,
            self._errors,
            self._ready,
            spread(self._latencies),
            spread(self._firsts),
            spread(self._delays),
            cpu_s,
            self._error,
        )

    def _counted(self) -> int:
        return self._tokens if self._job.tokens else self._requests

    def _run(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._turn(min(left, _TURN_S))

    def _turn(self, patience_s: float) -> None:
        for fd, mask in self._epoll.poll(patience_s):
            connection = self._connections.get(fd)
            if connection is None:
                continue
            if mask & ~select.EPOLLOUT:
                self._receive(connection)
            elif mask:
                self._send(connection, connection.rest)
        lost, self._lost = self._lost, 0
        for _ in range(lost):
            self._connect()

    def _connect(self) -> None:
        sock = socket.socket()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
        # What is refused, or waits for room in the queue, shows when the request is sent.
        sock.connect_ex(("127.0.0.1", self._job.port))
        connection = _Connection(sock)
        self._connections[sock.fileno()] = connection
        self._epoll.register(sock.fileno(), select.EPOLLIN)
        self._ask(connection)

    def _ask(self, connection: _Connection) -> None:
        connection.asked = time.monotonic()
        connection.buffer = connection.tail = connection.status = b""
        connection.tokens = 0
        self._send(connection, turn(next(self._numbers)).join(self._pieces))

    def _send(self, connection: _Connection, data: bytes) -> None:
        try:
            sent = connection.sock.send(data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._lose(connection, f"send: {error}")
            return
        waited, connection.rest = bool(connection.rest), data[sent:]
        if waited != bool(connection.rest):
            wanted = select.EPOLLIN | (select.EPOLLOUT if connection.rest else 0)
            self._epoll.modify(connection.sock.fileno(), wanted)

    def _fail(self, why: str) -> None:
        self._errors += 1
        self._error = self._error or why

    def _lose(self, connection: _Connection, why: str) -> None:
        """The connection is of no use any more: another takes its place after this turn."""
        self._fail(why)
        del self._connections[connection.sock.fileno()]
        connection.sock.close()
        self._lost += 1

    def _receive(self, connection: _Connection) -> None:
        try:
            data = connection.sock.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(connection, f"receive: {error}")
            return
        if not data:
            self._lose(connection, "closed by the peer")
        elif connection.status:
            self._body(connection, data)
        else:
            self._head(connection, connection.buffer + data)

    def _head(self, connection: _Connection, data: bytes) -> None:
        end = data.find(_HEAD_END)
        if end < 0:
            connection.buffer = data
            return
        connection.buffer = b""
        connection.status = data[9:12]
        if connection.status != b"200":
            self._fail(data[:_ERROR_BYTES].decode("latin-1"))
        length = _LENGTH.search(data, 0, end + 2)
        connection.left = int(length[1]) if length else -1
        self._body(connection, data[end + len(_HEAD_END) :])

    def _body(self, connection: _Connection, data: bytes) -> None:
        if self._job.tokens:
            self._count(connection, data)
        if connection.left >= 0:
            connection.left -= len(data)
            ended = connection.left <= 0
        else:
            connection.tail = (connection.tail + data)[-len(_CHUNKS_END) :]
            ended = connection.tail == _CHUNKS_END
        if not connection.seen:
            connection.seen = True
            self._ready += 1
        if ended:
            self._end(connection)

    def _end(self, connection: _Connection) -> None:
        if connection.status == b"200":
            self._requests += 1
            self._latencies.append((time.monotonic() - connection.asked) * 1e6)
            if connection.tokens < self._job.tokens:
                self._fail(f"{connection.tokens} tokens of {self._job.tokens} arrived")
        if not self._job.once:
            self._ask(connection)

    def _count(self, connection: _Connection, data: bytes) -> None:
        """Count the tokens in `data`, and note how old they are.

        What repeats the text after its last token, as some dialects do, is not counted.
        """
        if not data or connection.tokens == self._job.tokens:
            return
        now = time.monotonic()
        if self._job.stamped:
            data = connection.buffer + data
            count = self._ages(connection, data, now)
        else:
            count = data.count(MARK)
        count = min(count, self._job.tokens - connection.tokens)
        if count and not connection.tokens:
            self._firsts.append((now - connection.asked) * 1e6)
        connection.tokens += count
        self._tokens += count

    def _ages(self, connection: _Connection, data: bytes, now: float) -> int:
        """How many whole tokens `data` has; a cut one is kept for the next bytes."""
        place, count, wanted = data.find(MARK), 0, self._job.tokens - connection.tokens
        connection.buffer = b""
        while place >= 0 and count < wanted:
            stamp = data[place + 1 : place + _TOKEN_BYTES]
            if len(stamp) < STAMP_DIGITS:
                connection.buffer = data[place:]
                break
            self._delays.append(now * 1e6 - int(stamp))
            count += 1
            place = data.find(MARK, place + _TOKEN_BYTES)
        return count


def main() -> None:
    """Do one job after another until the input ends."""
    raise_file_limit()
    decoder = msgspec.json.Decoder(Job)
    for line in sys.stdin.buffer:
        load = Load(decoder.decode(line))
        load.warm_up()
        _say(msgspec.json.encode({"began": time.monotonic()}))
        _say(msgspec.json.encode(load.measure()))


def _say(line: bytes) -> None:
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
