"""The server's sockets: streaming, leaving, stalling, stopping. Real connections on loopback."""

from __future__ import annotations

import signal
import socket
import ssl
from collections.abc import Awaitable, Callable
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

    def ready(self, urls: list[str]) -> None:
        self.urls = urls
        self.bound.set()

    @property
    def port(self) -> int:
        return int(self.urls[0].rpartition(":")[2])

    async def connect(self, data: bytes = b"") -> trio.SocketStream:
        stream = await trio.open_tcp_stream("127.0.0.1", self.port)
        await stream.send_all(data)
        return stream


async def start(nursery: trio.Nursery, handle: App, **options: Any) -> Running:
    running = Running()

    async def run() -> None:
        await serve(asgi(handle), host="127.0.0.1", port=0, ready=running.ready, **options)
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


# Streaming, and a client that leaves.


async def test_chunks_arrive_one_by_one(nursery) -> None:
    wanted = trio.Semaphore(0)

    async def handle(scope: Any, receive: Any, send: Any) -> None:
        await start_response(send)
        for letter in (b"a", b"b", b"c"):
            await wanted.acquire()
            await body(send, letter)
        await body(send, b"", more=False)

    running = await start(nursery, handle)
    async with await running.connect(GET) as client:
        head = await receive_until(client, b"\r\n\r\n")
        assert b"server:" not in head.lower()
        for letter in (b"a", b"b", b"c"):
            wanted.release()
            assert await client.receive_some() == b"1\r\n" + letter + b"\r\n"
        await receive_until(client, b"0\r\n\r\n")


EXTRA = {"nothing": b"", "a line end": b"\r\n", "another request": GET, "much": GET * 3000}


@pytest.mark.parametrize("phase", ["before the answer", "in the answer"])
@pytest.mark.parametrize("extra", EXTRA.values(), ids=EXTRA.keys())
@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
async def test_the_app_hears_of_a_client_that_leaves(nursery, phase, extra, reset) -> None:
    running_now, heard = trio.Event(), trio.Event()

    async def handle(scope: Any, receive: Any, send: Any) -> None:
        if phase == "in the answer":
            await start_response(send)
            await body(send, b"a")
        running_now.set()
        await until_gone(receive)
        heard.set()

    running = await start(nursery, handle)
    client = await running.connect(GET)
    await running_now.wait()
    await client.send_all(extra)
    await trio.testing.wait_all_tasks_blocked(0.01)
    if reset:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    await client.aclose()
    with trio.fail_after(5):
        await heard.wait()
    await stop(running)


async def test_a_client_that_stops_reading_is_cut_off(nursery) -> None:
    heard = trio.Event()

    async def handle(scope: Any, receive: Any, send: Any) -> None:
        async def watch() -> None:
            await until_gone(receive)
            heard.set()
            requests.cancel_scope.cancel()

        await start_response(send)
        async with trio.open_nursery() as requests:
            requests.start_soon(watch)
            while True:
                await body(send, bytes(50_000_000))

    running = await start(nursery, handle, limits=Limits(write_timeout_s=0.2))
    async with await running.connect(GET) as client:
        with trio.fail_after(10):
            await heard.wait()
        with suppress(trio.BrokenResourceError):  # or an end, if all that was sent has arrived
            await receive_all(client)
    await stop(running)


async def test_a_client_that_falls_silent_in_its_request_is_cut_off(nursery) -> None:
    heard = trio.Event()

    async def handle(scope: Any, receive: Any, send: Any) -> None:
        await until_gone(receive)
        heard.set()

    running = await start(nursery, handle, limits=Limits(read_timeout_s=0.1))
    for request in (b"POST /x HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhe", b"GET /x HT"):
        async with await running.connect(request) as client:
            assert await receive_all(client) == b""
    assert heard.is_set()


async def test_a_client_may_be_silent_for_as_long_as_its_answer_takes(nursery) -> None:
    async def handle(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await trio.sleep(0.3)
        await start_response(send)
        await body(send, b"late", more=False)

    running = await start(nursery, handle, limits=Limits(read_timeout_s=0.05))
    async with await running.connect(GET) as client:
        assert b"late" in await receive_until(client, b"0\r\n\r\n")


# Requests.


async def test_requests_on_one_connection_one_after_the_other_and_pipelined(nursery) -> None:
    running = await start(nursery, hello)
    async with await running.connect() as client:
        for _ in range(3):
            await client.send_all(GET)
            await receive_until(client, b"hello")
        await client.send_all(GET * 3)
        answers = b""
        while answers.count(b"hello") < 3:
            answers += await client.receive_some()


async def test_the_app_is_told_who_asks(nursery) -> None:
    seen: list[Any] = []

    async def handle(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope["client"], scope["server"], scope["scheme"], scope["raw_path"]))
        await hello(scope, receive, send)

    running = await start(nursery, handle)
    async with await running.connect(GET) as client:
        await receive_until(client, b"hello")
        mine = client.socket.getsockname()
    assert seen == [(mine, ("127.0.0.1", running.port), "http", b"/x")]


@pytest.mark.parametrize("delay_s", [0.0, 0.2])
async def test_an_answer_given_before_the_request_was_read_arrives(nursery, delay_s) -> None:
    async def handle(scope: Any, receive: Any, send: Any) -> None:
        await trio.sleep(delay_s)  # in which more arrives than any queue holds
        await start_response(send, 413)
        await body(send, b"too large", more=False)

    async def upload() -> None:
        await client.send_all(b"POST /x HTTP/1.1\r\nhost: x\r\ncontent-length: 9000000\r\n\r\n")
        await client.send_all(bytes(9_000_000))

    running = await start(nursery, handle)
    async with await running.connect() as client, trio.open_nursery() as uploading:
        uploading.start_soon(upload)
        answer = await receive_until(client, b"too large\r\n0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413")


REFUSED = {
    "h2c with prior knowledge": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"505"),
    "a version of the future": (b"GET / HTTP/9.9\r\nhost: x\r\n\r\n", b"505"),
    "two lengths": (
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n",
        b"400",
    ),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", b"400"),
    "nonsense": (b"\x16\x03\x01\r\n\r\n", b"400"),
    "endless headers": (b"GET / HTTP/1.1\r\nhost: x\r\n" + b"a: b\r\n" * 20_000, b"431"),
}


@pytest.mark.parametrize(("request_", "status"), REFUSED.values(), ids=REFUSED.keys())
async def test_what_never_reaches_the_app(nursery, request_, status) -> None:
    running = await start(nursery, hello)
    async with await running.connect(request_) as client:
        answer = await receive_all(client)
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert b"hello" not in answer


async def test_an_offer_to_upgrade_to_h2c_is_left_alone(nursery) -> None:
    running = await start(nursery, hello)
    offer = b"connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMA\r\n\r\n"
    async with await running.connect(GET[:-2] + offer) as client:
        assert (await receive_until(client, b"hello")).startswith(b"HTTP/1.1 200")


async def test_a_bug_in_one_request_ends_no_other(nursery, caplog) -> None:
    async def handle(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/raise":
            raise LookupError
        if scope["path"] == "/promise":  # more than it gives
            headers = [(b"content-length", b"500")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await body(send, b"short", more=False)
            return
        await hello(scope, receive, send)

    running = await start(nursery, handle)
    async with await running.connect(GET.replace(b"/x", b"/raise")) as client:
        assert (await receive_all(client)).startswith(b"HTTP/1.1 500")
    async with await running.connect(GET.replace(b"/x", b"/promise")) as client:
        assert (await receive_all(client)).endswith(b"short")
    async with await running.connect(GET) as client:
        await receive_until(client, b"hello")
    assert "LookupError" in caplog.text


# Addresses and certificates.


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


# The end.


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


async def test_connections_that_come_and_go_leave_nothing_behind(nursery) -> None:
    running = await start(nursery, hello)
    for _ in range(50):
        async with await running.connect(GET) as client:
            await receive_until(client, b"hello")
    await trio.testing.wait_all_tasks_blocked(0.01)
    before = trio.lowlevel.current_statistics().tasks_living
    for _ in range(50):
        async with await running.connect(GET) as client:
            await receive_until(client, b"hello")
    await trio.testing.wait_all_tasks_blocked(0.01)
    assert trio.lowlevel.current_statistics().tasks_living == before
