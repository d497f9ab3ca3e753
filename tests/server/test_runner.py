"""The server's addresses, certificates and signals, on real sockets."""

from __future__ import annotations

import signal
import ssl
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
import trustme

from mux.server._connection import Limits
from mux.server.listen import BindError, listen, server_tls
from mux.server.workers import rest_after
from tests.server.running import (
    GET,
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
        listen("127.0.0.1", running.port)


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host"])
def test_an_address_of_somebody_else(host) -> None:
    with pytest.raises(BindError, match="check host"):
        listen(host, 0)


def test_workers_that_cannot_start_rest_longer_and_longer_and_for_months():
    rests_s = [rest_after(failures) for failures in (0, 1, 2, 3, 4, 9, 100_000)]
    assert rests_s == [0, 0, 1, 2, 4, 30, 30]


async def test_ipv6(nursery) -> None:
    running = await start(nursery, hello, host="::1")
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
    running = await start(nursery, hello, tls=server_tls(pem))
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


def test_certificates_that_cannot_be_used(tmp_path: Path) -> None:
    missing, nonsense = tmp_path / "missing.pem", tmp_path / "nonsense.pem"
    nonsense.write_text("nonsense")
    for cert, key in ((missing, None), (nonsense, None), (nonsense, missing)):
        with pytest.raises(BindError, match=r"check tls\.cert"):
            server_tls(cert, key)


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
    time_is_up = trio.Event()

    async def handle(scope: Any, receive: Any, send: Any) -> None:
        await start_response(send)
        await body(send, b"first")
        await time_is_up.wait()
        await body(send, b"farewell", more=False)

    drain_s = 0.1 if signals == 1 else 60.0
    running = await start(nursery, handle, drain_s=drain_s, cut=time_is_up.set)
    async with await running.connect(GET) as client:
        await receive_until(client, b"first\r\n")
        for _ in range(signals):
            signal.raise_signal(signal.SIGTERM)
            await trio.testing.wait_all_tasks_blocked(0.01)
        answer = await receive_all(client)
    assert (b"farewell" in answer) == (signals == 1)
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
