"""A server under test on a real port, and apps for it."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable
from typing import Any

import trio

from mux.server.listen import listen, url
from mux.server.runner import serve

App = Callable[..., Awaitable[None]]
GET = b"GET /x HTTP/1.1\r\nhost: localhost\r\n\r\n"


def asgi(handle: App) -> App:
    """An app that lets `handle` answer requests, and takes part in the lifespan."""

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await handle(scope, receive, send)
            return
        for phase in ("startup", "shutdown"):
            assert (await receive())["type"] == f"lifespan.{phase}"
            await send({"type": f"lifespan.{phase}.complete"})

    return app


async def start_response(send: Any, status: int = 200) -> None:
    await send({"type": "http.response.start", "status": status, "headers": []})
    await body(send, b"")  # until then the head may wait


async def body(send: Any, data: bytes, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": more})


async def hello(scope: Any, receive: Any, send: Any) -> None:
    while (await receive()).get("more_body"):
        pass
    headers = [(b"content-length", b"5")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await body(send, b"hello", more=False)


async def until_gone(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class Running:
    """A server, and how to talk to it."""

    def __init__(self) -> None:
        self.urls: list[str] = []
        self.bound = trio.Event()
        self.ended = trio.Event()

    @property
    def port(self) -> int:
        return int(self.urls[0].rpartition(":")[2])

    async def connect(self, data: bytes = b"") -> trio.SocketStream:
        stream = await trio.open_tcp_stream("127.0.0.1", self.port)
        await stream.send_all(data)
        return stream


async def start(
    nursery: trio.Nursery, handle: App, host: str = "127.0.0.1", **options: Any
) -> Running:
    listeners = listen(host, 0)
    running = Running()
    running.urls = [url("http", listener) for listener in listeners]

    async def run() -> None:
        await serve(asgi(handle), listeners, ready=running.bound.set, **options)
        running.ended.set()

    nursery.start_soon(run)
    await running.bound.wait()
    return running


async def receive_until(stream: trio.abc.Stream, end: bytes) -> bytes:
    data = b""
    with trio.fail_after(10):
        while not data.endswith(end) and (piece := await stream.receive_some()):
            data += piece
    assert data.endswith(end), data
    return data


async def receive_all(stream: trio.abc.Stream) -> bytes:
    data = b""
    with trio.fail_after(10):
        while piece := await stream.receive_some():
            data += piece
    return data


async def stop(running: Running) -> None:
    signal.raise_signal(signal.SIGTERM)
    with trio.fail_after(10):
        await running.ended.wait()
