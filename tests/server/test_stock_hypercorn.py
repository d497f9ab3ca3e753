"""The app under hypercorn's own server: it needs nothing that only our connections give."""

from __future__ import annotations

from functools import partial
from typing import cast

import pytest
import trio
from hypercorn.config import Config
from hypercorn.trio import serve
from hypercorn.typing import ASGIFramework

from mux.server.app import App
from mux.upstream.transport import NetworkTransport
from tests.server.running import receive_all
from tests.server.test_app import CHUNK, EVENTS, FIRST, app_for, request
from tests.upstream import peer

LAST = b"data: [DONE]\n\n"
REST = b"%x\r\n%b\r\n0\r\n\r\n" % (len(LAST), LAST)
WHOLE = (
    b'{"id":"c","object":"chat.completion","created":7,"model":"m","choices":[{"index":0,'
    b'"message":{"role":"assistant","content":"Hello"},"finish_reason":"stop"}]}'
)


async def hypercorn(nursery: trio.Nursery, app: App) -> int:
    """The port of a server that runs until `nursery` is cancelled."""
    config = Config()
    config.bind = ["127.0.0.1:0"]
    serving = partial(
        serve, cast("ASGIFramework", app), config, shutdown_trigger=trio.sleep_forever
    )
    urls = cast("list[str]", await nursery.start(serving))
    return int(urls[0].rpartition(":")[2])


async def asked(port: int, path: str, *, stream: bool) -> bytes:
    client = await trio.open_tcp_stream("127.0.0.1", port)
    async with client:
        await client.send_all(request(path, stream, "connection: close"))
        return await receive_all(client)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/api/chat"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_answers(nursery: trio.Nursery, path: str, stream: bool) -> None:
    async def script(upstream: peer.Peer) -> None:
        while await upstream.request():
            if stream or path == "/v1/messages":
                await upstream.send(FIRST + REST)
            else:
                json = b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(WHOLE)
                await upstream.send(peer.OK + json + WHOLE)

    server = await peer.start(nursery, script)
    async with NetworkTransport() as network:
        port = await hypercorn(nursery, app_for(server.url, network))
        answer = await asked(port, path, stream=stream)
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"Hello" in answer


async def test_a_client_that_leaves_takes_the_upstream_along(nursery: trio.Nursery) -> None:
    gone = trio.Event()

    async def script(upstream: peer.Peer) -> None:
        await upstream.request()
        await upstream.send(EVENTS + b"%x\r\n%b\r\n" % (len(CHUNK), CHUNK))
        await upstream.gone()
        gone.set()

    server = await peer.start(nursery, script)
    async with NetworkTransport() as network:
        port = await hypercorn(nursery, app_for(server.url, network))
        client = await trio.open_tcp_stream("127.0.0.1", port)
        async with client:
            await client.send_all(request("/v1/chat/completions", True))
            received = b""
            while b"Hello" not in received:
                received += await client.receive_some()
        with trio.fail_after(10):
            await gone.wait()


async def test_errors(nursery: trio.Nursery) -> None:
    async with NetworkTransport() as network:
        port = await hypercorn(nursery, app_for("http://127.0.0.1:9", network))
        answer = await asked(port, "/v1/nowhere", stream=False)
    assert answer.startswith(b"HTTP/1.1 404")
