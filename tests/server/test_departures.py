"""Whose client has left is told at once, and nobody else."""

from __future__ import annotations

import socket

import pytest
import trio
import trio.testing

from mux.server._departures import TOLD, Departures

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
        departure = departures.watch(server.fileno())
        client.sendall(stray)
        with trio.CancelScope() as scope:
            departure.cancels(scope)
            client.close()
            await trio.sleep_forever()
        assert scope.cancelled_caught


async def test_who_had_left_before_is_not_waited_for(departures):
    client, server = pair()
    with server, trio.fail_after(5):
        departure = departures.watch(server.fileno())
        client.close()
        with trio.CancelScope() as first:
            departure.cancels(first)
            await trio.sleep_forever()
        with trio.CancelScope() as second:
            departure.cancels(second)
            await trio.sleep_forever()
        assert second.cancelled_caught


async def test_one_departure_is_no_other(departures):
    leaver, left = pair()
    stayer, stayed = pair()
    with left, stayed, stayer, trio.fail_after(5):
        gone, here = departures.watch(left.fileno()), departures.watch(stayed.fileno())
        with trio.CancelScope() as staying, trio.CancelScope() as leaving:
            here.cancels(staying)
            gone.cancels(leaving)
            leaver.close()
            await trio.sleep_forever()
        assert leaving.cancelled_caught
        assert not staying.cancel_called


async def test_a_descriptor_used_again_is_the_new_connections(departures):
    client, server = pair()
    descriptor = server.fileno()
    old = departures.watch(descriptor)
    client.close()
    server.close()
    client, server = pair()
    while server.fileno() != descriptor:  # the lowest free one, unless another took it
        client.close()
        server.close()
        client, server = pair()
    with server, trio.fail_after(5):
        new = departures.watch(descriptor)
        departures.forget(descriptor, old)
        with trio.CancelScope() as scope:
            new.cancels(scope)
            client.close()
            await trio.sleep_forever()
        assert scope.cancelled_caught
