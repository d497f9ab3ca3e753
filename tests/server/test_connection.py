"""One client connection: streaming, leaving, stalling, and what is refused."""

from __future__ import annotations

import errno
import socket
from contextlib import AsyncExitStack, suppress
from typing import Any

import pytest
import trio
import trio.testing

from mux.server import connections
from mux.server._connection import ClientConnection, Limits
from mux.server.connections import Connections
from tests.server.running import (
    GET,
    body,
    hello,
    receive_all,
    receive_until,
    start,
    start_response,
    stop,
    until_gone,
)


async def test_chunks_arrive_one_by_one(nursery) -> None:
    wanted = trio.Semaphore(0)

    async def handle(scope: Any, receive: Any, send: Any) -> None:
        await start_response(send)
        for letter in (b"a", b"b", b"c"):
            await wanted.acquire()
            await body(send, letter)
        await wanted.acquire()
        await body(send, b"", more=False)

    running = await start(nursery, handle)
    async with await running.connect(GET) as client:
        head = await receive_until(client, b"\r\n\r\n")
        assert b"server:" not in head.lower()
        for letter in (b"a", b"b", b"c"):
            wanted.release()
            assert await client.receive_some() == b"1\r\n" + letter + b"\r\n"
        wanted.release()
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

    running = await start(nursery, handle, limits=Limits(read_timeout_s=0.1, head_timeout_s=0.1))
    for request in (b"POST /x HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhe", b"GET /x HT"):
        async with await running.connect(request) as client:
            assert (await receive_all(client)).startswith(b"HTTP/1.1 408")
    assert heard.is_set()


DRIPS = {
    "a head": (b"GET /x HTTP/1.1\r\nhost: x\r\n", b"x: y\r\n"),
    "a body": (b"POST /x HTTP/1.1\r\nhost: x\r\ncontent-length: 99999\r\n\r\n", b"."),
    "chunks": (b"POST /x HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n", b"1\r\n.\r\n"),
}


@pytest.mark.parametrize(("head", "drop"), DRIPS.values(), ids=DRIPS.keys())
async def test_T15_a_request_that_drips_in_is_given_up(nursery, head, drop) -> None:
    async def handle(scope: Any, receive: Any, send: Any) -> None:
        await until_gone(receive)

    limits = Limits(read_timeout_s=60.0, head_timeout_s=0.2, body_timeout_s=0.2)
    running = await start(nursery, handle, limits=limits)
    async with await running.connect(head) as client:
        with trio.fail_after(10), suppress(trio.BrokenResourceError):
            while True:
                await client.send_all(drop)
                await trio.sleep(0.01)
    await stop(running)


async def test_T15_who_sends_much_has_more_time(nursery) -> None:
    limits = Limits(body_timeout_s=0.2)
    running = await start(nursery, hello, limits=limits)
    head = b"POST /x HTTP/1.1\r\nhost: x\r\ncontent-length: 8000000\r\n\r\n"
    async with await running.connect(head) as client:
        for _ in range(8):
            await client.send_all(bytes(1_000_000))
            await trio.sleep(0.05)
        await receive_until(client, b"hello")


@pytest.mark.parametrize("first", [b"", GET], ids=["before a request", "after one"])
async def test_T15_who_asks_for_nothing_is_let_go(nursery, first) -> None:
    running = await start(nursery, hello, limits=Limits(idle_timeout_s=0.1))
    async with await running.connect(first) as client:
        answer = await receive_all(client)
    assert (b"hello" in answer) == bool(first)


async def test_T15_over_the_limit_those_wait_that_come_and_the_idle_make_room(nursery) -> None:
    go_on = trio.Event()

    async def handle(scope: Any, receive: Any, send: Any) -> None:
        await go_on.wait()
        await hello(scope, receive, send)

    running = await start(nursery, handle, limits=Limits(connections=2))
    async with (
        await running.connect(GET) as busy,
        await running.connect() as idle,
        await running.connect(GET) as third,
        await running.connect(GET) as fourth,
    ):
        assert await receive_all(idle) == b""
        go_on.set()
        for client in (busy, third, fourth):
            await receive_until(client, b"hello")


async def test_T15_another_machine_gets_half_of_the_connections_and_this_one_all(
    nursery, monkeypatch, caplog
) -> None:
    """All of loopback is this machine, so one end of it is told to be another."""
    of = connections.Peer.of
    monkeypatch.setattr(
        connections.Peer, "of", lambda host: of("192.0.2.7" if host == "127.0.0.2" else host)
    )
    running = await start(nursery, hello, limits=Limits(connections=4))

    async def ask(host: str, stack: AsyncExitStack) -> bytes:
        """The answer, or nothing where the connection is not taken."""
        stream = await trio.open_tcp_stream("127.0.0.1", running.port, local_address=host)
        await stack.enter_async_context(stream)
        with suppress(trio.BrokenResourceError), trio.fail_after(10):
            await stream.send_all(GET)
            return await stream.receive_some()
        return b""

    async with AsyncExitStack() as stack:
        async with AsyncExitStack() as others:
            assert [bool(await ask("127.0.0.2", others)) for _ in range(4)] == [1, 1, 0, 0]
            assert [bool(await ask("127.0.0.1", stack)) for _ in range(2)] == [1, 1]
            assert caplog.text.count("192.0.2.7 has 2 connections open") == 1
        with trio.fail_after(10):
            while not await ask("127.0.0.2", stack):  # noqa: ASYNC110
                await trio.sleep(0.01)
    await stop(running)


async def test_T15_out_of_file_descriptors_it_waits_and_does_not_spin(
    nursery, autojump_clock, caplog
) -> None:
    class Listener:
        """Has nothing to give a hundred times."""

        tries = 0

        async def accept(self) -> trio.SocketStream:
            self.tries += 1
            if self.tries > 100:
                enough.set()
                await trio.sleep_forever()
            raise OSError(errno.EMFILE, "Too many open files")

    enough, listener = trio.Event(), Listener()
    began_s = trio.current_time()
    nursery.start_soon(Connections(9).accept, listener, ClientConnection, nursery)
    await enough.wait()
    assert trio.current_time() - began_s >= 20
    assert caplog.text.count("Too many open files") == 1


async def test_a_client_may_be_silent_for_as_long_as_its_answer_takes(nursery) -> None:
    async def handle(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await trio.sleep(0.3)
        await start_response(send)
        await body(send, b"late", more=False)

    running = await start(
        nursery,
        handle,
        limits=Limits(read_timeout_s=0.05, head_timeout_s=0.05, idle_timeout_s=0.05),
    )
    async with await running.connect(GET) as client:
        assert b"late" in await receive_until(client, b"0\r\n\r\n")


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
    "h2c with prior knowledge": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"400"),
    "a version of the future": (b"GET / HTTP/9.9\r\nhost: x\r\n\r\n", b"400"),
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
