"""ASGI as this server uses it: what came in, and the client's side of the socket."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl

from msgspec import Struct

from mux.errors import ExpectationFailed, RequestTooLarge, UnsupportedCoding
from mux.server.endpoints import clean
from mux.wire.header_fields import by_name

Message: TypeAlias = dict[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
AsgiApp: TypeAlias = Callable[[Message, Receive, Send], Awaitable[None]]

DEPARTURE: Final = "llm_mux.departure"
"""The extension of ASGI by which our server tells of a client's leaving: see `Departure`."""

_BOM: Final = b"\xef\xbb\xbf"
_PLAIN: Final = frozenset({"", "identity"})


class ClientGone(Exception):
    """The client closed the connection before its request was complete."""


class Inbound(Struct, frozen=True):
    """A request's head. Header names are lower case; of repeated ones the values are joined."""

    method: str
    path: str
    port: int
    """the server's own; 0 if it has none"""
    query: Mapping[str, str]
    headers: Mapping[str, str]

    def __repr__(self) -> str:
        return f"Inbound({self.method!r}, {self.path!r})"  # the rest holds keys

    @classmethod
    def of(cls, scope: Message) -> Inbound:
        """The head in an ASGI scope."""
        query = scope["query_string"].decode("latin-1")
        return cls(
            scope.get("method", "GET"),
            clean(scope["path"]),
            (scope.get("server") or ("", 0))[1] or 0,
            dict(parse_qsl(query, keep_blank_values=True)) if query else {},
            by_name(scope["headers"]),
        )


def _nothing() -> None:
    """Of a body that may take whatever room it needs."""


def check_head(inbound: Inbound) -> None:
    """Raise for what a head may ask of HTTP and not of us."""
    coding = inbound.headers.get("content-encoding")
    if coding is not None and coding.strip().lower() not in _PLAIN:
        raise UnsupportedCoding("Send the body uncompressed; content-encoding is not supported")
    expected = inbound.headers.get("expect")
    if expected is not None and expected.strip().lower() != "100-continue":
        raise ExpectationFailed("Nothing can be expected but 100-continue")


async def read_body(
    receive: Receive,
    headers: Mapping[str, str],
    limit_bytes: int,
    check: Callable[[], None] = _nothing,
) -> bytes:
    """The whole request body, without the mark that some programs begin a text with: an upstream
    of the same dialect might not forgive it. Raises `RequestTooLarge` as soon as it is clear,
    `ClientGone`, and whatever `check` does, which is called before each piece."""
    declared = headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit_bytes:
        raise _too_large(limit_bytes)
    pieces: list[bytes] = []
    size = 0
    while True:
        check()
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        piece: bytes = message.get("body", b"")
        pieces.append(piece)
        size += len(piece)
        if size > limit_bytes:
            raise _too_large(limit_bytes)
        if not message.get("more_body", False):
            return b"".join(pieces).removeprefix(_BOM)


def _too_large(limit_bytes: int) -> RequestTooLarge:
    return RequestTooLarge(
        f"The request body is over {limit_bytes} bytes; raise max-request-size to allow it"
    )


async def _no_body() -> None:
    """What an answer to HEAD sends of its body."""


class AsgiSink:
    """The answer to one request. `extra` headers go with every head."""

    __slots__ = ("_body", "_extra", "_send", "ended", "status")

    def __init__(self, send: Send, *, head_only: bool, extra: Iterable[tuple[str, str]]) -> None:
        self._send = send
        self._body = not head_only
        self._extra = tuple(extra)
        self.status = 0
        """0 until the head is sent"""
        self.ended = False

    async def start(self, status: int, headers: Iterable[tuple[str, str]]) -> None:
        """Send the head."""
        self.status = status
        await self._send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [
                    (name.encode("latin-1"), value.encode("latin-1"))
                    for name, value in (*headers, *self._extra)
                ],
            }
        )

    def send(self, data: bytes) -> Awaitable[None]:
        """Send a piece of the body."""
        if not self._body:
            return _no_body()
        return self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self, data: bytes = b"") -> None:
        """End the body with `data`."""
        self.ended = True  # before: a server may tell of the end while it is being sent
        body = data if self._body else b""
        try:
            await self._send({"type": "http.response.body", "body": body, "more_body": False})
        except BaseException:  # not all of it is with the client
            self.ended = False
            raise

    async def bare(self, status: int, headers: Iterable[tuple[str, str]]) -> None:
        """Send an answer without a body."""
        await self.start(status, headers)
        await self.end()

    async def whole(
        self, status: int, content_type: str, body: bytes, headers: Iterable[tuple[str, str]] = ()
    ) -> None:
        """Send a complete answer at once."""
        length = ("content-length", str(len(body)))
        await self.start(status, [("content-type", content_type), length, *headers])
        await self.end(body)
