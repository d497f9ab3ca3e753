"""Many streams at once, some of them faulty; clients that leave; clients that stop reading.

The sizes are for a small machine; `make soak` runs the full ones and measures.
"""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
import trio

from mux.server import listen
from mux.server._connection import Limits
from mux.server.runner import serve
from mux.upstream.transport import NetworkTransport
from tests.faults.crowd import CLIENTS, UPSTREAMS, Stream, post, say
from tests.faults.gate import Gate, Place
from tests.faults.upstream import PACED, Upstream, upstream

STREAMS = 60
LEAVERS = 60
LATE = ("cut", "cut-inside", "cut-reset", "told", "junk-chunk", "short-of-its-length")


@asynccontextmanager
async def served(
    host: Upstream, *places: Place, limits: Limits | None = None, **settings: Any
) -> AsyncIterator[int]:
    """The port of an llm-mux in this process, with real sockets on both of its sides."""
    listeners = listen.listen("127.0.0.1", 0)
    port: int = listeners[0].getsockname()[1]
    async with NetworkTransport(idle_limit=0) as network, trio.open_nursery() as nursery:
        gate = Gate(network, *places, **settings)
        ready = trio.Event()

        async def run() -> None:
            await serve(gate.app, listeners, limits=limits, ready=ready.set)

        nursery.start_soon(run)
        await ready.wait()
        yield port
        nursery.cancel_scope.cancel()


@pytest.fixture
async def host() -> AsyncIterator[Upstream]:
    async with upstream(say) as running:
        yield running


async def test_the_streams_beside_faulty_ones_arrive_byte_for_byte(host) -> None:
    got: dict[int, Stream] = {}
    kinds = [(fault, speaks) for fault in (PACED, *LATE) for speaks in UPSTREAMS]
    async with served(host, *((speaks, host.url(fault)) for fault, speaks in kinds)) as port:
        with trio.fail_after(120):
            async with trio.open_nursery() as clients:
                for mark in range(STREAMS):
                    fault = LATE[mark // 10 % len(LATE)] if mark % 10 == 0 else PACED
                    dialect = CLIENTS[mark % len(CLIENTS)]
                    place = kinds.index((fault, UPSTREAMS[mark % len(UPSTREAMS)]))
                    got[mark] = Stream(dialect)
                    clients.start_soon(got[mark].run, port, post(dialect, f"at-{place}", mark))
    for mark, stream in got.items():
        if mark % 10 == 0:
            assert stream.told(mark), (mark, stream.body)
        else:
            assert stream.text_is(mark), (mark, stream.body)


async def test_clients_that_leave_leave_nothing_behind(host) -> None:
    draw = random.Random(7)
    faults = ("stall", "never-done", "silence", PACED)
    places = [(speaks, host.url(fault)) for fault in faults for speaks in UPSTREAMS]

    async def crowd(count: int) -> None:
        async with trio.open_nursery() as clients:
            for mark in range(count):
                dialect = CLIENTS[mark % len(CLIENTS)]
                request = post(dialect, f"at-{mark % len(places)}", mark)
                leave = partial(Stream(dialect).run, leave_after=draw.random() * 0.3)
                clients.start_soon(leave, port, request)
        with trio.fail_after(60):
            for asked in host.asked:
                if not asked.done:
                    await asked.closed.wait()

    async with served(host, *places) as port:
        tasks, descriptors = _held()
        await crowd(LEAVERS)
        with trio.fail_after(60):
            while _held()[0] > tasks or _held()[1] > descriptors:  # noqa: ASYNC110
                await trio.sleep(0.1)


def _held() -> tuple[int, int]:
    """Tasks and descriptors."""
    return trio.lowlevel.current_statistics().tasks_living, len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("speaks", ["openai_chat", "anthropic"])
async def test_a_reader_that_stops_ends_with_its_request(host, speaks) -> None:
    async with served(
        host, (speaks, host.url("flood")), limits=Limits(write_timeout_s=0.3)
    ) as port:
        client = await trio.open_tcp_stream("127.0.0.1", port)
        await client.send_all(post("openai_chat", "m", 1))
        with trio.fail_after(60):
            while not host.asked:  # noqa: ASYNC110
                await trio.sleep(0.01)
            await host.asked[0].closed.wait()
        await client.aclose()
