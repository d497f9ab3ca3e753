"""Names are looked up once for a while, over the system's own resolver."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
import trio

from mux.errors import UpstreamUnreachable
from mux.upstream._names import KEEP_S
from mux.upstream.transport import NetworkTransport
from tests.upstream.peer import EMPTY, Peer, fetch, get, start


@pytest.fixture
def lookups(monkeypatch) -> Iterator[list[object]]:
    """The hosts the system is asked for."""
    asked: list[object] = []
    system = socket.getaddrinfo

    def lookup(host, *rest):
        if isinstance(host, bytes):  # trio first tries whether the text is an address
            asked.append(host)
        if host == b"moved.test":
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return system(host, *rest)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    return asked


async def closing(peer: Peer) -> None:
    await peer.request()
    await peer.send(EMPTY.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"))


async def test_a_crowd_of_new_connections_asks_for_its_host_once(nursery, lookups) -> None:
    server = await start(nursery, closing)
    async with NetworkTransport() as transport, trio.open_nursery() as crowd:
        for _ in range(20):
            crowd.start_soon(fetch, transport, get(server.url))
    assert server.connections == 20
    assert lookups == [b"localhost"]


async def test_after_a_while_a_host_is_looked_up_again(nursery, lookups, mock_clock) -> None:
    server = await start(nursery, closing)
    async with NetworkTransport() as transport:
        for wait_s in (0, KEEP_S / 2, KEEP_S):
            mock_clock.jump(wait_s)
            await fetch(transport, get(server.url))
    assert lookups == [b"localhost"] * 2


async def test_what_is_not_found_is_asked_again(lookups) -> None:
    async with NetworkTransport() as transport:
        for _ in range(2):
            with pytest.raises(UpstreamUnreachable, match="does not resolve"):
                await fetch(transport, get("http://moved.test"))
    assert lookups == [b"moved.test"] * 2


async def test_the_resolver_is_gone_with_its_transport() -> None:
    async with NetworkTransport():
        pass
    assert trio.socket.set_custom_hostname_resolver(None) is None
