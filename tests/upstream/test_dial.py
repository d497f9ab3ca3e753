"""New connections: what is set on their sockets, and addresses that do not answer."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import trio

from mux.upstream._address import Origin
from mux.upstream._dial import dial
from tests.upstream.peer import EMPTY, Peer, fetch, get, start


async def answering(peer: Peer) -> None:
    while await peer.request():
        await peer.send(EMPTY)


async def test_small_writes_go_out_at_once_and_silent_peers_are_probed(nursery) -> None:
    server = await start(nursery, answering)
    connection = await dial(Origin("http", "localhost", server.port), None, 10)
    with socket.socket(fileno=os.dup(connection.fileno())) as sock:
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    connection.close()


@pytest.fixture
def silent() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


async def test_an_address_that_does_not_answer_holds_nobody_up(
    nursery, transport, monkeypatch, silent
) -> None:
    server = await start(nursery, answering)
    # A full queue: the kernel lets whoever else comes wait, as a host that is down would.
    listener = silent.enter_context(socket.socket())
    listener.bind(("127.0.0.2", server.port))
    listener.listen(0)
    for _ in range(3):
        waiting = silent.enter_context(socket.socket())
        waiting.setblocking(False)
        waiting.connect_ex(("127.0.0.2", server.port))
    system = socket.getaddrinfo

    def lookup(host, port, *rest):
        if host != b"two.test":
            return system(host, port, *rest)
        kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        return [(*kind, (address, port)) for address in ("127.0.0.2", "127.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    with trio.fail_after(8):  # less than it takes to give one address up
        answer = await fetch(transport, get(f"http://two.test:{server.port}"))
    assert answer == (200, b"")
