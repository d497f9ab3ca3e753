"""Upstreams that fall silent, over real sockets."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from mux.errors import UpstreamTimeout
from mux.upstream.transport import NetworkTransport
from tests.upstream.peer import CHUNKED, Peer, fetch, post, start

SILENT_S = 0.05


def network(first_s: float, silence_s: float) -> NetworkTransport:
    return NetworkTransport(first_byte_timeout_s=first_s, silence_timeout_s=silence_s)


def falling_silent(*pieces: bytes):
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(*pieces)
        await peer.gone()

    return script


@pytest.mark.parametrize("pieces", [(), (CHUNKED[:20],), (CHUNKED,)], ids=["", "head cut", "head"])
@pytest.mark.parametrize("size", [2, 1_000_000], ids=["small request", "large request"])
async def test_F41_an_upstream_that_never_begins_its_answer_is_given_up(nursery, pieces, size):
    server = await start(nursery, falling_silent(*pieces))
    async with network(SILENT_S, 600) as transport:
        with trio.fail_after(10), pytest.raises(UpstreamTimeout, match=r"silent for 0\.05 s"):
            await fetch(transport, post(server.url, b"x" * size))


async def test_F41_an_upstream_that_falls_silent_in_its_answer_is_given_up(nursery):
    server = await start(nursery, falling_silent(CHUNKED, b"5\r\nhello\r\n"))
    async with network(600, SILENT_S) as transport:
        async with transport.open(post(server.url)) as reply:
            assert await reply.receive_some() == b"hello"
            with trio.fail_after(10), pytest.raises(UpstreamTimeout):
                await reply.receive_some()
        async with transport.open(post(server.url)) as reply:  # over another connection
            assert await reply.receive_some() == b"hello"
    assert server.connections == 2


async def test_F41_a_client_that_is_slow_to_read_is_not_the_upstreams_silence(nursery):
    server = await start(nursery, falling_silent(CHUNKED, b"5\r\nhello\r\n0\r\n\r\n"))
    async with (
        network(SILENT_S, SILENT_S) as transport,
        transport.open(post(server.url)) as reply,
    ):
        await trio.sleep(1.5)  # longer than silences are looked for
        assert await reply.receive_some() == b"hello"
