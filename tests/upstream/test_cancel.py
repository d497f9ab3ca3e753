"""A request that is ended from outside: whatever it waits for, and for good."""

from __future__ import annotations

import pytest
import trio

from mux.errors import UpstreamTimeout
from mux.upstream import h1
from tests.upstream.peer import (
    CHUNKED,
    Peer,
    ended,
    fetch,
    get,
    halting,
    obliging,
    post,
    read,
    start,
)


async def test_while_the_connection_is_made(nursery, transport, monkeypatch) -> None:
    begun = trio.Event()

    async def dial(*_: object) -> None:
        begun.set()
        await trio.sleep_forever()

    monkeypatch.setattr(h1, "dial", dial)
    await ended(nursery, transport, get("http://localhost:1"), begun)


async def test_at_the_moment_the_connection_is_made(nursery, transport, monkeypatch) -> None:
    made, dial = [], h1.dial

    async def dial_late(*where: object) -> object:
        made.append(await dial(*where))
        opening.cancel(UpstreamTimeout("it took too long"))
        return made[0]

    monkeypatch.setattr(h1, "dial", dial_late)
    server = await start(nursery, obliging)
    opening = transport.open(get(server.url))
    with pytest.raises(UpstreamTimeout, match="too long"):
        async with opening:
            pass
    assert made[0].fileno() == -1
    assert len(transport.pool) == 0


async def test_while_its_body_is_sent(nursery, transport) -> None:
    begun = trio.Event()

    async def script(_: Peer) -> None:
        begun.set()
        await trio.sleep_forever()

    server = await start(nursery, script)
    await ended(nursery, transport, post(server.url, b"x" * 20_000_000), begun)
    assert server.connections == 1


async def test_while_the_answer_is_waited_for(nursery, transport) -> None:
    begun = trio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        begun.set()
        await trio.sleep_forever()

    server = await start(nursery, script)
    await ended(nursery, transport, get(server.url), begun)
    assert (server.connections, len(transport.pool)) == (1, 0)


async def test_in_the_middle_of_the_answer(nursery, transport) -> None:
    begun = trio.Event()
    server = await start(nursery, halting(begun))
    await ended(nursery, transport, get(server.url), begun)
    assert len(transport.pool) == 0


async def test_over_a_connection_used_before_it_is_not_asked_again(nursery, transport) -> None:
    begun = trio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED + b"2\r\nhi\r\n0\r\n\r\n")
        await peer.request()
        begun.set()
        await trio.sleep_forever()

    server = await start(nursery, script)
    assert await fetch(transport, get(server.url)) == (200, b"hi")
    await ended(nursery, transport, get(server.url), begun)
    assert (server.connections, len(transport.pool)) == (1, 0)


async def test_before_it_began_nothing_is_sent(nursery, transport) -> None:
    server = await start(nursery, obliging)
    assert await fetch(transport, get(server.url)) == (200, b"hi")
    opening = transport.open(get(server.url))
    opening.cancel(UpstreamTimeout("it took too long"))
    with pytest.raises(UpstreamTimeout, match="too long"):
        async with opening:
            pass
    assert (server.connections, len(transport.pool)) == (1, 1)


async def test_after_the_answer_its_connection_is_not_used_again(nursery, transport) -> None:
    server = await start(nursery, obliging)
    opening = transport.open(get(server.url))
    async with opening as reply:
        assert await read(reply) == b"hi"
        opening.cancel(UpstreamTimeout("it took too long"))
    assert len(transport.pool) == 0
    assert await fetch(transport, get(server.url)) == (200, b"hi")
