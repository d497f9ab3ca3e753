"""An upstream over real sockets that fails in every way an upstream can.

The first segment of a request's path names the fault, so that one server plays them all and holds
no state: a provider whose base-url is `Upstream.url("stall")` stalls. Faults in `EARLY` come before
the client can have seen any content, those in `LATE` after the first half of the answer.
"""

from __future__ import annotations

import re
import socket
import ssl
import struct
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Final

import trio
import trustme

from mux.codecs import CODECS
from mux.errors import BY_KIND, ErrorKind
from mux.ir import Text
from tests.scenes.pieces import PIECES
from tests.scenes.spoken import spoken

GOOD: Final = "none"
PACED: Final = "paced"
"""No fault either, but an answer that takes a second."""
SECRET: Final = "sk-fault-0123456789abcdef"
"""A key that upstreams here quote when they refuse something."""
STATUSES: Final = (400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504, 529)
REDIRECTS: Final = (301, 302, 303, 307, 308)
_JSON: Final = "application/json"
_PAGE: Final = b"<!DOCTYPE html><html><body><h1>Out of order</h1></body></html>\n"
_PATHS: Final = (
    ("/chat/completions", "openai_chat"),
    ("/completions", "openai_completions"),
    ("/responses", "openai_responses"),
    ("/messages", "anthropic"),
    ("/api/chat", "ollama"),
)
_HELLO: Final = b"\x16\x03"
"""How TLS begins."""
_MARK: Final = re.compile(rb"#(\d+)")


@dataclass(frozen=True)
class Said:
    """A healthy answer, in the two halves between which a fault may come."""

    content_type: str
    first: bytes
    rest: bytes
    error: bytes
    """an error in the middle of a stream; junk in the middle of a whole answer"""


@dataclass
class Asked:
    """One request, and how it went with its connection."""

    fault: str
    dialect: str
    stream: bool
    mark: int
    """the number behind a `#` in its body; -1 if there is none"""
    began_s: float = 0.0
    closed_s: float | None = None
    """when the gateway closed the connection under the answer"""
    closed: trio.Event = field(default_factory=trio.Event)
    done: bool = False
    """whether the upstream has closed, or said all it had to say, by itself"""


Stream = trio.SocketStream | trio.SSLStream[trio.SocketStream]


class Wire:
    """The upstream's end of one connection."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._tcp = stream.transport_stream if isinstance(stream, trio.SSLStream) else stream
        self._unread = b""

    async def request(self) -> tuple[bytes, bytes] | None:
        """The path and the body of the next request; None if the gateway has closed, or speaks
        TLS where nobody does."""
        while b"\r\n\r\n" not in self._unread:
            if not await self._more():
                return None
            if self._unread.startswith(_HELLO):
                await self.whole(400, "text/html", _PAGE)
                return None
        head, _, self._unread = self._unread.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        size = int(length[1]) if length else 0
        while len(self._unread) < size:
            if not await self._more():
                return None
        body, self._unread = self._unread[:size], self._unread[size:]
        return head.split(b" ", 2)[1], body

    async def gone(self) -> None:
        """Return when the gateway has closed."""
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            while await self._more():
                pass

    async def send(self, data: bytes) -> None:
        await self._stream.send_all(data)

    async def head(self, status: int = 200, **fields: str) -> None:
        """The head of an answer; the body is chunked if no length is among `fields`."""
        if "content_length" not in fields:
            fields["transfer_encoding"] = "chunked"
        lines = [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
        await self.send("\r\n".join([f"HTTP/1.1 {status} X", *lines, "", ""]).encode())

    async def chunk(self, data: bytes) -> None:
        await self.send(b"%x\r\n%b\r\n" % (len(data), data))

    async def end(self) -> None:
        await self.send(b"0\r\n\r\n")

    async def whole(self, status: int, content_type: str, body: bytes, **fields: str) -> None:
        """A complete answer."""
        await self.head(status, content_type=content_type, content_length=str(len(body)), **fields)
        await self.send(body)

    def reset(self) -> None:
        """Close without a goodbye: what the gateway has not read yet is lost to it."""
        self._tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._tcp.socket.close()

    async def _more(self) -> bool:
        data = await self._stream.receive_some(65536)
        self._unread += data
        return bool(data)


Play = Callable[[Wire, Said, Asked], Awaitable[None]]
"""Answers one request. The connection closes after it, unless it returns a complete answer."""


class Upstream:
    """The server. `asked` holds every request in its order; `say` may change the answers."""

    def __init__(
        self, port: int, tls_port: int, say: Callable[[Asked], Said] | None = None
    ) -> None:
        self.port = port
        self.tls_port = tls_port
        """here with a certificate that nobody trusts"""
        self.asked: list[Asked] = []
        self.connections = 0
        """open ones"""
        self._say = say or said

    def url(self, fault: str) -> str:
        """The base URL at which this fault happens."""
        return f"http://127.0.0.1:{self.port}/{fault}"

    async def serve(self, stream: Stream) -> None:
        self.connections += 1
        try:
            async with stream:
                with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                    await self._requests(Wire(stream))
        finally:
            self.connections -= 1

    async def _requests(self, wire: Wire) -> None:
        while (request := await wire.request()) is not None:
            asked = read(*request)
            asked.began_s = trio.current_time()
            self.asked.append(asked)
            play = FAULTS[asked.fault]
            answered = False

            async with trio.open_nursery() as nursery:

                async def watch(asked: Asked = asked, nursery: trio.Nursery = nursery) -> None:
                    await wire.gone()
                    asked.closed_s = trio.current_time()
                    asked.closed.set()
                    nursery.cancel_scope.cancel()

                nursery.start_soon(watch)
                with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                    await play(wire, self._say(asked), asked)
                    asked.done = True
                    answered = asked.fault in COMPLETE
                nursery.cancel_scope.cancel()
            if not answered:
                return


@asynccontextmanager
async def upstream(say: Callable[[Asked], Said] | None = None) -> AsyncIterator[Upstream]:
    """A running `Upstream` on a free port."""
    [plain] = await trio.open_tcp_listeners(0, host="127.0.0.1", backlog=4096)
    [under_tls] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    server = Upstream(plain.socket.getsockname()[1], under_tls.socket.getsockname()[1], say)
    listeners = [plain, trio.SSLListener(under_tls, _untrusted())]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, server.serve, listeners)
        yield server
        nursery.cancel_scope.cancel()


@cache
def _untrusted() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    return context


def read(path: bytes, body: bytes) -> Asked:
    """What a request asks for."""
    _, fault, *rest = path.decode().split("/")
    bare = "/" + "/".join(rest).partition("?")[0]
    dialect = next((dialect for end, dialect in _PATHS if bare.endswith(end)), "gemini")
    stream = b'"stream":true' in body.replace(b" ", b"") or "streamGenerateContent" in bare
    mark = _MARK.search(body)
    return Asked(fault, dialect, stream, int(mark[1]) if mark else -1)


def said(asked: Asked) -> Said:
    """ "Hello"."""
    if asked.stream:
        pieces = PIECES[asked.dialect]
        first = pieces.begin + pieces.opened + pieces.texts[0]
        return Said(pieces.content_type, first, pieces.text[len(first) :], pieces.error)
    [body] = spoken(asked.dialect, Text("Hello"), stream=False).steps
    assert isinstance(body, bytes)
    half = body.index(b"Hel") + 3
    return Said(_JSON, body[:half], body[half:], b'{"error":')


_KINDS: Final = {
    401: ErrorKind.AUTH,
    403: ErrorKind.PERMISSION,
    404: ErrorKind.NOT_FOUND,
    408: ErrorKind.TIMEOUT,
    413: ErrorKind.TOO_LARGE,
    429: ErrorKind.RATE_LIMIT,
    503: ErrorKind.OVERLOADED,
    504: ErrorKind.TIMEOUT,
    529: ErrorKind.OVERLOADED,
}


def error_body(dialect: str, status: int, message: str = "told so") -> bytes:
    """What an upstream of `dialect` says with `status`."""
    default = ErrorKind.INVALID_REQUEST if status < 500 else ErrorKind.SERVER
    return CODECS[dialect].server.encode_error(BY_KIND[_KINDS.get(status, default)](message))


# -- before any content ---------------------------------------------------------------------------


async def _good(wire: Wire, said: Said, _: Asked) -> None:
    await wire.head(content_type=said.content_type)
    await wire.chunk(said.first)
    await wire.chunk(said.rest)
    await wire.end()


async def _paced(wire: Wire, said: Said, _: Asked) -> None:
    await wire.head(content_type=said.content_type)
    answer = said.first + said.rest
    step = len(answer) // 10 + 1
    for at in range(0, len(answer), step):
        await trio.sleep(0.1)
        await wire.chunk(answer[at : at + step])
    await wire.end()


async def _close(wire: Wire, said: Said, _: Asked) -> None:
    pass


async def _reset(wire: Wire, said: Said, _: Asked) -> None:
    wire.reset()


async def _silence(wire: Wire, said: Said, _: Asked) -> None:
    await trio.sleep_forever()


def _raw(data: bytes) -> Play:
    """Sends `data` and closes."""

    async def play(wire: Wire, said: Said, _: Asked) -> None:
        await wire.send(data)

    return play


async def _dripping_head(wire: Wire, said: Said, _: Asked) -> None:
    await wire.send(b"HTTP/1.1 200 OK\r\n")
    while True:
        await trio.sleep(10)
        await wire.send(b"x-a: b\r\n")


async def _endless_head(wire: Wire, said: Said, _: Asked) -> None:
    await wire.send(b"HTTP/1.1 200 OK\r\n")
    while True:
        await wire.send(b"x-a: %b\r\n" % (b"b" * 1000))


async def _endless_interim(wire: Wire, said: Said, _: Asked) -> None:
    while True:
        await wire.send(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)


async def _refusal(status: int, form: str, wire: Wire, said: Said, asked: Asked) -> None:
    forms = {
        "json": (_JSON, error_body(asked.dialect, status)),
        "text": ("text/plain", b"no"),
        "html": ("text/html; charset=utf-8", _PAGE),
        "empty": (_JSON, b""),
        "half": (_JSON, error_body(asked.dialect, status)[:-5]),
    }
    await wire.whole(status, *forms[form])


async def _told_when(wire: Wire, said: Said, asked: Asked) -> None:
    await wire.whole(429, _JSON, error_body(asked.dialect, 429), retry_after="7")


async def _redirect(status: int, wire: Wire, said: Said, asked: Asked) -> None:
    target = f"/{GOOD}/v1/chat/completions"
    await wire.whole(status, _JSON, b"{}", location=target)


def _whole(body: bytes, content_type: str = "", status: int = 200) -> Play:
    """A complete answer of `body`, as the type that was asked for if no other is given."""

    async def play(wire: Wire, said: Said, _: Asked) -> None:
        await wire.whole(status, content_type or said.content_type, body)

    return play


async def _error_under_200(wire: Wire, said: Said, asked: Asked) -> None:
    await wire.whole(200, _JSON, error_body(asked.dialect, 500))


async def _promised(coding: str, wire: Wire, said: Said, _: Asked) -> None:
    """Declares a content coding that the body does not have."""
    await wire.head(content_type=said.content_type, content_encoding=coding)
    await wire.chunk(said.first + said.rest)
    await wire.end()


async def _half_gzip(wire: Wire, said: Said, _: Asked) -> None:
    packed = gzipped(said.first + said.rest)
    await wire.whole(200, said.content_type, packed[:8], content_encoding="gzip")


async def _too_few(wire: Wire, said: Said, _: Asked) -> None:
    await wire.head(content_type=said.content_type, content_length="100000")


async def _bad_chunk(wire: Wire, said: Said, _: Asked) -> None:
    await wire.head(content_type=said.content_type)
    await wire.send(b"5\r\nhello, that is longer\r\n")


async def _endless_line(wire: Wire, said: Said, _: Asked) -> None:
    await wire.head(content_type=said.content_type)
    while True:
        await wire.chunk(b"data: " + b"x" * 65536)


async def _bomb(wire: Wire, said: Said, _: Asked) -> None:
    """A thousand bytes for each one sent."""
    await wire.head(content_type=said.content_type, content_encoding="gzip")
    packed = _packed_zeros()
    while True:
        await wire.chunk(packed)


@cache
def _packed_zeros() -> bytes:
    return gzipped(b"data: " + bytes(64 * 1024 * 1024))


async def _endless_comments(wire: Wire, said: Said, _: Asked) -> None:
    """Signs of life, and never a word."""
    await wire.head(content_type=said.content_type)
    while True:
        await wire.chunk(b"\n" if said.content_type.endswith("json") else b": wait\n\n")
        await trio.sleep(10)


# -- after content --------------------------------------------------------------------------------


def _after(*pieces: bytes, then: Callable[[Wire], Awaitable[None]] | None = None) -> Play:
    """The first half of the answer in a chunk, then `pieces` in one each, then the connection's
    end or what `then` does."""

    async def play(wire: Wire, said: Said, _: Asked) -> None:
        await _begin(wire, said)
        for piece in pieces:
            await wire.chunk(piece)
        if then is not None:
            await then(wire)

    return play


async def _begin(wire: Wire, said: Said) -> None:
    await wire.head(content_type=said.content_type)
    await wire.chunk(said.first)
    await trio.sleep(1)


async def _reset_later(wire: Wire) -> None:
    wire.reset()


async def _end(wire: Wire) -> None:
    await wire.end()


async def _for_ever(_: Wire) -> None:
    await trio.sleep_forever()


async def _malformed_chunk(wire: Wire) -> None:
    await wire.send(b"zz\r\n")


async def _inside(wire: Wire, said: Said, _: Asked) -> None:
    """Cut in the middle of an event."""
    await _begin(wire, said)
    await wire.chunk(said.rest[: min(20, len(said.rest) // 2)])


async def _told(wire: Wire, said: Said, _: Asked) -> None:
    await _begin(wire, said)
    await wire.chunk(said.error)
    await wire.end()


async def _bad_text(wire: Wire, said: Said, _: Asked) -> None:
    await wire.head(content_type=said.content_type)
    await wire.chunk(said.first)
    await wire.chunk(said.rest.replace(b'lo"', b'\xff"', 1))
    await wire.end()


async def _short_of_its_length(wire: Wire, said: Said, _: Asked) -> None:
    length = str(len(said.first + said.rest) + 1)
    await wire.head(content_type=said.content_type, content_length=length)
    await wire.send(said.first)


async def _damaged_gzip(wire: Wire, said: Said, _: Asked) -> None:
    packer = zlib.compressobj(wbits=31)
    await wire.head(content_type=said.content_type, content_encoding="gzip")
    await wire.chunk(packer.compress(said.first) + packer.flush(zlib.Z_SYNC_FLUSH))
    await trio.sleep(1)
    await wire.chunk(b"\xff" * 100)


async def _flood(wire: Wire, said: Said, _: Asked) -> None:
    """The same words for ever, as fast as they are taken."""
    await _begin(wire, said)
    again = said.first[-len(said.first) // 4 :] if said.content_type == _JSON else _last(said.first)
    while True:
        await wire.chunk(again * 50)


async def _never_done(wire: Wire, said: Said, _: Asked) -> None:
    """The same words for ever, now and then."""
    await _begin(wire, said)
    while True:
        await trio.sleep(10)
        await wire.chunk(b" " if said.content_type == _JSON else _last(said.first))


def _last(events: bytes) -> bytes:
    """The last of some events."""
    end = b"\n\n" if events.endswith(b"\n\n") else b"\n"
    return events.removesuffix(end).rpartition(end)[2] + end


def gzipped(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=31)
    return packer.compress(data) + packer.flush()


EARLY: Final[dict[str, Play]] = {
    "closed": _close,
    "reset": _reset,
    "silence": _silence,
    "not-http": _raw(b"SSH-2.0-OpenSSH_9.9\r\n"),
    "half-a-head": _raw(b"HTTP/1.1 200 OK\r\ncontent-ty"),
    "damaged-head": _raw(b"HTTP/1.1 200 OK\r\n: \x00\r\n\r\n"),
    "dripping-head": _dripping_head,
    "endless-head": _endless_head,
    "endless-interim": _endless_interim,
    **{
        f"{status}-{form}": partial(_refusal, status, form)
        for status in STATUSES
        for form in ("json", "html")
    },
    **{
        f"{status}-{form}": partial(_refusal, status, form)
        for status in (400, 500)
        for form in ("text", "empty", "half")
    },
    "429-retry-after": _told_when,
    **{f"{status}-redirect": partial(_redirect, status) for status in REDIRECTS},
    "html": _whole(_PAGE, "text/html"),
    "html-undeclared": _whole(_PAGE),
    "image": _whole(b"\x89PNG\r\n\x1a\n\x00\xff", "image/png"),
    "nothing": _whole(b""),
    "no-content": _raw(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "null": _whole(b"null"),
    "list": _whole(b"[]"),
    "word": _whole(b'"Hello"'),
    "object": _whole(b"{}"),
    "half-json": _whole(b'{"id": "x", '),
    "nested": _whole(b"[" * 100_000),
    "error-under-200": _error_under_200,
    "not-gzip": partial(_promised, "gzip"),
    "brotli": partial(_promised, "br"),
    "half-gzip": _half_gzip,
    "short": _too_few,
    "bad-chunk": _bad_chunk,
    "endless-line": _endless_line,
    "endless-comments": _endless_comments,
    "bomb": _bomb,
}
LATE: Final[dict[str, Play]] = {
    "cut": _after(),
    "cut-inside": _inside,
    "cut-reset": _after(then=_reset_later),
    "cut-at-an-end": _after(then=_end),
    "stall": _after(then=_for_ever),
    "told": _told,
    "junk-json": _after(b"data: {nonsense\n\n", then=_end),
    "junk-html": _after(_PAGE, then=_end),
    "bad-text": _bad_text,
    "junk-chunk": _after(then=_malformed_chunk),
    "short-of-its-length": _short_of_its_length,
    "damaged-gzip": _damaged_gzip,
    "flood": _flood,
    "never-done": _never_done,
}
FAULTS: Final[dict[str, Play]] = {GOOD: _good, PACED: _paced, **EARLY, **LATE}
COMPLETE: Final = frozenset({GOOD, PACED, *(name for name in EARLY if name[:3].isdigit())})
"""After these the connection may be used again."""
