"""Whose client has left is told at once, and nobody else."""

from __future__ import annotations

import gc
import socket
import weakref
from typing import Any

import pytest
import trio
import trio.testing

from mux.server._departures import TOLD, Departures
from mux.server.asgi import DEPARTURE
from tests.server.running import GET, start, stop

pytestmark = pytest.mark.skipif(not TOLD, reason="this system's kernel does not tell")


@pytest.fixture
async def departures(nursery):
    departures = Departures()
    nursery.start_soon(departures.run)
    await trio.testing.wait_all_tasks_blocked()
    return departures


def pair() -> tuple[socket.socket, socket.socket]:
    """A client's socket and the server's."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        return client, listener.accept()[0]


@pytest.mark.parametrize("stray", [b"", b"GET / HTTP/1.1\r\n" * 1000], ids=["silent", "stray"])
async def test_a_client_that_closes_ends_what_is_done_for_it(departures, stray):
    client, server = pair()
    with server, trio.fail_after(5):
        client.sendall(stray)
        with trio.CancelScope() as scope, departures.watch(server.fileno(), scope):
            client.close()
            await trio.sleep_forever()
        assert scope.cancelled_caught


async def test_who_had_left_before_is_not_waited_for(departures):
    client, server = pair()
    with server, trio.fail_after(5):
        with trio.CancelScope() as scope:
            departure = departures.watch(server.fileno(), scope)
            client.close()
            while not departure.known:  # nothing is being done for it, so that nothing ends
                await trio.testing.wait_all_tasks_blocked(0.01)
            with departure:
                await trio.sleep_forever()
        assert scope.cancelled_caught


async def test_what_was_done_before_it_left_goes_on(departures):
    client, server = pair()
    with server, trio.fail_after(5), trio.CancelScope() as scope:
        departure = departures.watch(server.fileno(), scope)
        with departure:
            await trio.lowlevel.checkpoint()
        client.close()
        while not departure.known:
            await trio.testing.wait_all_tasks_blocked(0.01)
    assert not scope.cancel_called


async def test_one_departure_is_no_other(departures):
    leaver, left = pair()
    stayer, stayed = pair()
    with left, stayed, stayer, trio.fail_after(5):
        with (
            trio.CancelScope() as staying,
            departures.watch(stayed.fileno(), staying),
            trio.CancelScope() as leaving,
            departures.watch(left.fileno(), leaving),
        ):
            leaver.close()
            await trio.sleep_forever()
        assert leaving.cancelled_caught
        assert not staying.cancel_called


async def test_a_descriptor_used_again_is_the_new_connections(departures):
    client, server = pair()
    descriptor = server.fileno()
    old = departures.watch(descriptor, trio.CancelScope())
    client.close()
    server.close()
    client, server = pair()
    while server.fileno() != descriptor:  # the lowest free one, unless another took it
        client.close()
        server.close()
        client, server = pair()
    with server, trio.fail_after(5):
        with trio.CancelScope() as scope, departures.watch(descriptor, scope):
            departures.forget(old)
            client.close()
            await trio.sleep_forever()
        assert scope.cancelled_caught


class Held:
    """What a request holds."""


async def test_who_leaves_leaves_nothing_to_the_garbage_collector(nursery):
    asked = trio.Event()
    held: list[weakref.ref[Held]] = []

    async def handle(scope: dict[str, Any], receive: object, send: object) -> None:
        mine = Held()
        held.append(weakref.ref(mine))
        with scope["extensions"][DEPARTURE]:
            asked.set()
            await trio.sleep_forever()

    running = await start(nursery, handle)
    gc.disable()
    try:
        with trio.fail_after(5):
            async with await running.connect(GET):
                await asked.wait()
            while held[0]() is not None:
                await trio.testing.wait_all_tasks_blocked(0.01)
    finally:
        gc.enable()
    await stop(running)
