"""Connections used again: when they are, when not, and that a stale one fails no request."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest
import trio
import trio.testing

from mux.errors import UpstreamUnreachable
from mux.upstream._limits import Limits
from mux.upstream.h1 import H1Transport
from mux.upstream.transport import NetworkTransport
from tests.upstream.peer import CHUNKED, EMPTY, OK, Peer, fetch, get, obliging, post, start


async def test_two_hundred_at_once_then_again_over_the_same_connections(nursery, transport) -> None:
    waiting = 0
    all_there = trio.Event()

    async def script(peer: Peer) -> None:
        nonlocal waiting
        while await peer.request():
            waiting += 1
            if waiting == 200:
                all_there.set()
            await all_there.wait()
            await peer.stream.send_all(CHUNKED + b"2\r\nhi\r\n0\r\n\r\n")

    async def ask() -> None:
        answers.append(await fetch(transport, post(server.url)))

    server = await start(nursery, script)
    answers: list[tuple[int, bytes]] = []
    for _ in range(2):
        async with trio.open_nursery() as requests:
            for _ in range(200):
                requests.start_soon(ask)
    assert answers == [(200, b"hi")] * 400
    assert server.connections == 200
    assert len(transport.pool) == 200


async def test_origins_do_not_share_connections(nursery, transport) -> None:
    one, two = await start(nursery, obliging), await start(nursery, obliging)
    for server in (one, two, one, two):
        await fetch(transport, get(server.url))
    assert (one.connections, two.connections) == (1, 1)


ENDING = {
    "close": OK + b"connection: x, Close\r\ncontent-length: 0\r\n\r\n",
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n",
    "more than the answer": EMPTY + b"x",
    "two framings": OK + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("answer", ENDING.values(), ids=ENDING.keys())
async def test_an_answer_that_ends_the_connection(nursery, transport, answer) -> None:
    async def script(peer: Peer) -> None:
        while await peer.request():
            await peer.send(answer)

    server = await start(nursery, script)
    for _ in range(2):
        assert await fetch(transport, get(server.url)) == (200, b"")
    assert server.connections == 2


async def test_a_body_that_was_not_read_ends_the_connection(nursery, transport) -> None:
    closed = trio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED + b"2\r\nhi\r\n")
        await peer.gone()
        closed.set()

    server = await start(nursery, script)
    async with transport.open(get(server.url)) as reply:
        await reply.receive_some()
    with trio.fail_after(5):
        await closed.wait()


async def test_a_connection_the_peer_closed_is_not_used(nursery, transport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(EMPTY)

    server = await start(nursery, script)
    for _ in range(3):
        assert (await fetch(transport, get(server.url)))[0] == 200
        await trio.testing.wait_all_tasks_blocked()
    assert server.connections == 3


async def test_an_answer_nobody_asked_for_is_given_to_nobody(nursery, transport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(EMPTY, OK + b"content-length: 4\r\n\r\nevil")
        await peer.gone()

    server = await start(nursery, script)
    for _ in range(2):
        assert await fetch(transport, get(server.url)) == (200, b"")
        await trio.testing.wait_all_tasks_blocked(0.01)
    assert server.connections == 2


@pytest.mark.parametrize("body", [b"{}", b"x" * 1_000_000])
async def test_a_connection_the_peer_closes_as_it_is_used_fails_no_request(
    nursery, transport, body
) -> None:
    seen: list[int] = []

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(EMPTY)
        if peer.number == 1:
            await peer.head()  # the second request, dropped without a word
        elif await peer.request():
            await peer.send(EMPTY)
        seen.append(peer.number)

    server = await start(nursery, script)
    for _ in range(3):
        assert await fetch(transport, post(server.url, body)) == (200, b"")
    assert server.connections == 2


async def test_an_answer_that_breaks_off_is_not_asked_for_again(nursery, transport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(EMPTY)
        await peer.request()
        await peer.send(b"HTTP/1.1 20")

    server = await start(nursery, script)
    await fetch(transport, post(server.url))
    with pytest.raises(UpstreamUnreachable, match="in the middle of its answer"):
        await fetch(transport, post(server.url))
    assert server.connections == 1


async def test_only_the_newest_are_kept_and_not_for_long(nursery, mock_clock) -> None:
    closed: list[int] = []

    async def script(peer: Peer) -> None:
        await obliging(peer)
        closed.append(peer.number)

    async def ask() -> None:
        await fetch(transport, get(server.url))
        await trio.testing.wait_all_tasks_blocked(0.01)

    server = await start(nursery, script)
    transport = H1Transport(Limits(idle_s=30, idle_limit=2))
    async with AsyncExitStack() as opened:
        for _ in range(3):
            reply = await opened.enter_async_context(transport.open(get(server.url)))
            while await reply.receive_some():
                pass
    await trio.testing.wait_all_tasks_blocked(0.01)
    assert (closed, len(transport.pool)) == ([3], 2)  # the last to be opened was given back first
    mock_clock.jump(29)
    await ask()  # over the first, which so stays
    mock_clock.jump(2)
    await ask()
    assert (server.connections, closed, len(transport.pool)) == (3, [3, 2], 1)
    mock_clock.jump(31)
    await ask()
    assert (server.connections, closed) == (4, [3, 2, 1])
    transport.close()


async def test_closing_ends_idle_connections_now_and_busy_ones_later(nursery) -> None:
    closed: list[int] = []

    async def script(peer: Peer) -> None:
        await obliging(peer)
        closed.append(peer.number)

    server = await start(nursery, script)
    async with NetworkTransport() as transport:
        await fetch(transport, get(server.url))
        busy = transport.open(get(server.url))
        reply = await busy.__aenter__()
        async with transport.open(get(server.url)) as other:
            while await other.receive_some():
                pass
    await trio.testing.wait_all_tasks_blocked(0.01)
    assert closed == [2]
    while await reply.receive_some():
        pass
    await busy.__aexit__(None, None, None)
    await trio.testing.wait_all_tasks_blocked(0.01)
    assert closed == [2, 1]
