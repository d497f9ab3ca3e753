"""An ASGI app under hypercorn on trio that says what the mock upstream would have said."""

from __future__ import annotations

import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, TypeAlias

import trio
from hypercorn.config import Config
from hypercorn.trio import serve

from bench import answers
from bench.mock import BURST, Kind, Phases, Shape, dialect_at, raise_file_limit

Message: TypeAlias = dict[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

_JSON: Final = b"application/json"


class Bare:
    """The app. `GET /shape/…` says how it answers from then on, as with the mock."""

    def __init__(self) -> None:
        self._shape = Shape()
        self._phases = Phases()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            for step in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{step}.complete"})
            return
        while (await receive()).get("more_body"):
            pass
        path: str = scope["path"]
        dialect = dialect_at(path.encode())
        if dialect is None:
            self._shape = Shape.parse(path)
            await _respond(send, _JSON, b"{}")
        elif self._shape.kind is Kind.WHOLE:
            await _respond(send, _JSON, answers.whole(dialect))
        else:
            await self._stream(send, dialect)

    async def _stream(self, send: Send, dialect: str) -> None:
        shape = self._shape
        stream = answers.stream(dialect, shape.tokens)
        await send(_head(stream.content_type.encode()))
        burst = BURST if shape.kind is Kind.BURST else 1
        opening, due_us = stream.opening, _now_us()
        for place in range(0, shape.tokens, burst):
            data = opening + b"".join(stream.frames[place : place + burst])
            opening = b""
            if shape.kind is Kind.PACED:
                await trio.sleep(max(0, due_us - _now_us()) / 1e6)
                data = answers.stamped(data, _now_us())
                if place:
                    due_us += shape.interval_us
                else:
                    due_us = self._phases.second_us(due_us, shape.interval_us)
            await send({"type": "http.response.body", "body": data, "more_body": True})
        await send({"type": "http.response.body", "body": stream.closing})


def _now_us() -> int:
    return time.monotonic_ns() // 1000


def _head(content_type: bytes) -> Message:
    headers = [(b"content-type", content_type)]
    return {"type": "http.response.start", "status": 200, "headers": headers}


async def _respond(send: Send, content_type: bytes, body: bytes) -> None:
    await send(_head(content_type))
    await send({"type": "http.response.body", "body": body})


def main() -> None:
    """Listen on the port given."""
    raise_file_limit()
    config = Config()
    config.bind = [f"127.0.0.1:{sys.argv[1]}"]
    config.backlog = 4096
    config.keep_alive_timeout = 600
    config.keep_alive_max_requests = 10**9
    app: Any = Bare()
    trio.run(partial(serve, app, config))


if __name__ == "__main__":
    main()
