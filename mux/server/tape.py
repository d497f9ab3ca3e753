"""One request as it went over the wires, on both sides, for its own log file."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Final

from mux.config import Settings
from mux.errors import MuxError
from mux.providers.outgoing import Outgoing
from mux.server.asgi import Message, Receive, Send
from mux.upstream import Reply, Transport, opening

_BODY_BYTES: Final = 1_000_000
"""How much of a body is told."""

SLACK_BYTES: Final = 4096
"""Kept of a longer one beyond that, so that no secret is cut in two before it is masked: longer
than any secret, and never told."""

_MOST_KEPT: Final = _BODY_BYTES + SLACK_BYTES


class Body:
    """The beginning of a body. `size` is all of it."""

    __slots__ = ("_kept", "size")

    def __init__(self, data: bytes = b"") -> None:
        self.size = 0
        self._kept = bytearray()
        self.add(data)

    def add(self, data: bytes) -> None:
        """The next piece of it."""
        room = _MOST_KEPT - self.size
        if room > 0:
            self._kept += data[:room]
        self.size += len(data)

    @property
    def kept(self) -> bytes:
        """What is here of it: all of it, or some more than is to be told."""
        return bytes(self._kept)


@dataclass(slots=True)
class Answer:
    """One side's answer as far as it came; `status` is 0 before its head."""

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    body: Body = field(default_factory=Body, repr=False)
    error: str = ""
    """how it broke off"""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to an upstream, and what came of it."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: Body = field(repr=False)
    answer: Answer = field(default_factory=Answer)


class Tape:
    """What passes through `receiving`, `sending` and `through`. One per request.

    `settings` hold the secrets that are in force for it.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.body = Body()
        """the client's"""
        self.answer = Answer()
        """ours to the client"""
        self.upstream: list[Asked] = []

    @property
    def bytes_kept(self) -> int:
        """How much memory it takes, in about."""
        answers = (self.answer, *(asked.answer for asked in self.upstream))
        bodies = (self.body, *(asked.body for asked in self.upstream))
        parts = (*bodies, *(answer.body for answer in answers))
        return sum(min(body.size, _MOST_KEPT) for body in parts)

    def receiving(self, receive: Receive) -> Receive:
        """`receive`, listened to."""

        async def listen() -> Message:
            message = await receive()
            self.body.add(message.get("body", b""))
            return message

        return listen

    def sending(self, send: Send) -> Send:
        """`send`, listened to."""
        answer = self.answer

        async def listen(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.headers = {
                    name.decode("latin-1"): value.decode("latin-1")
                    for name, value in message["headers"]
                }
            else:
                answer.body.add(message.get("body", b""))
            await send(message)

        return listen

    def through(self, transport: Transport) -> Transport:
        """`transport`, listened to."""
        return _Listening(transport, self)


@dataclass(frozen=True, slots=True)
class _Listening:
    transport: Transport
    tape: Tape

    @opening
    async def open(self, request: Outgoing, /) -> AsyncGenerator[Reply]:
        """See `Transport.open`."""
        asked = Asked(request.method, request.url, request.headers, Body(request.body))
        self.tape.upstream.append(asked)
        try:
            async with self.transport.open(request) as reply:
                asked.answer.status, asked.answer.headers = reply.status, reply.headers
                yield _Heard(reply, asked.answer)
        except MuxError as error:
            asked.answer.error = error.message
            raise


class _Heard:
    """A reply of which `answer` hears."""

    __slots__ = ("_answer", "_reply", "headers", "status")

    def __init__(self, reply: Reply, answer: Answer) -> None:
        self.status: int = reply.status
        self.headers: Mapping[str, str] = reply.headers
        self._reply = reply
        self._answer = answer

    @property
    def received(self) -> int:
        """See `Reply.received`."""
        return self._reply.received

    async def receive_some(self) -> bytes:
        """See `Reply.receive_some`."""
        data = await self._reply.receive_some()
        self._answer.body.add(data)
        return data
