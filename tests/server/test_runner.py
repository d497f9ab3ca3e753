"""The server's addresses, certificates and signals, on real sockets."""

from __future__ import annotations

import signal
import ssl
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
import trustme

from mux.server._connection import Limits
from mux.server.runner import BindError, serve
from tests.server.running import (
    GET,
    Running,
    asgi,
    body,
    hello,
    receive_all,
    receive_until,
    start,
    start_response,
    stop,
)


async def test_a_busy_port(nursery) -> None:
    running = await start(nursery, hello)
    with pytest.raises(BindError, match=f"127.0.0.1:{running.port}: another program uses the port"):
        await serve(asgi(hello), host="127.0.0.1", port=running.port)


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host"])
async def test_an_address_of_somebody_else(host) -> None:
    with pytest.raises(BindError, match="check host"):
        await serve(asgi(hello), host=host, port=0)


async def test_ipv6(nursery) -> None:
    running = Running()
    nursery.start_soon(
        partial(serve, asgi(hello), host="::1", port=0, ready=running.ready),
    )
    await running.bound.wait()
    assert running.urls == [f"http://[::1]:{running.port}"]
    async with await trio.open_tcp_stream("::1", running.port) as client:
        await client.send_all(GET)
        await receive_until(client, b"hello")


async def test_tls(nursery, tmp_path: Path) -> None:
    authority = trustme.CA()
    pem = tmp_path / "server.pem"
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(pem))
    context = ssl.create_default_context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    authority.configure_trust(context)
    running = await start(nursery, hello, certfile=pem)
    assert running.urls == [f"https://127.0.0.1:{running.port}"]
    client = trio.SSLStream(
        await running.connect(), context, server_hostname="localhost", https_compatible=True
    )
    async with client:
        await client.send_all(GET)
        await receive_until(client, b"hello")
        assert client.selected_alpn_protocol() == "http/1.1"
    async with await running.connect(GET) as plain:
        with suppress(trio.BrokenResourceError):
            assert b"hello" not in await receive_all(plain)
    await stop(running)


async def test_certificates_that_cannot_be_used(tmp_path: Path) -> None:
    missing, nonsense = tmp_path / "missing.pem", tmp_path / "nonsense.pem"
    nonsense.write_text("nonsense")
    for files in ({"certfile": missing}, {"certfile": nonsense}, {"keyfile": nonsense}):
        with pytest.raises(BindError, match=r"tls\.cert"):
            await serve(asgi(hello), host="127.0.0.1", port=0, **files)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_closes_what_is_idle_and_lets_the_rest_finish(nursery, number) -> None:
    halfway, go_on = trio.Event(), trio.Event()

    async def handle(scope: Any, receive: Any, send: Any) -> None:
        await start_response(send)
        await body(send, b"first")
        halfway.set()
        await go_on.wait()
        await body(send, b"last", more=False)

    running = await start(nursery, handle)
    async with await running.connect() as idle, await running.connect(GET) as busy:
        await halfway.wait()
        signal.raise_signal(number)
        assert await receive_all(idle) == b""
        with pytest.raises(OSError, match="failed"):
            await running.connect()
        assert not running.ended.is_set()
        go_on.set()
        assert (await receive_all(busy)).endswith(b"4\r\nlast\r\n0\r\n\r\n")
    with trio.fail_after(5):
        await running.ended.wait()


@pytest.mark.parametrize("signals", [1, 2])
async def test_what_the_drain_does_not_end_is_cut(nursery, signals) -> None:
    async def handle(scope: Any, receive: Any, send: Any) -> None:
        await start_response(send)
        await body(send, b"first")
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await body(send, b"farewell", more=False)

    running = await start(nursery, handle, drain_s=0.1 if signals == 1 else 60.0)
    async with await running.connect(GET) as client:
        await receive_until(client, b"first\r\n")
        for _ in range(signals):
            signal.raise_signal(signal.SIGTERM)
            await trio.testing.wait_all_tasks_blocked(0.01)
        answer = await receive_all(client)
    assert signals == 2 or b"farewell" in answer
    with trio.fail_after(5):
        await running.ended.wait()


async def test_a_stalled_client_does_not_hold_up_the_end(nursery) -> None:
    began, ended = trio.Event(), trio.Event()

    async def handle(scope: Any, receive: Any, send: Any) -> None:
        await start_response(send)
        began.set()
        await body(send, bytes(50_000_000))
        ended.set()

    running = await start(nursery, handle, drain_s=0.1, limits=Limits(write_timeout_s=60.0))
    async with await running.connect(GET):
        await began.wait()
        await trio.testing.wait_all_tasks_blocked(0.05)
        assert not ended.is_set()
        await stop(running)


async def test_outside_the_main_thread_cancellation_ends_it() -> None:
    async def main() -> bytes:
        async with trio.open_nursery() as nursery:
            running = await start(nursery, hello)
            async with await running.connect(GET) as client:
                answer = await receive_until(client, b"hello")
            nursery.cancel_scope.cancel()
        return answer

    assert (await trio.to_thread.run_sync(trio.run, main)).startswith(b"HTTP/1.1 200")
