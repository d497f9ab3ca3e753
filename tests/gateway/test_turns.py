"""Requests that are ready at the same time take each step one after another."""

from __future__ import annotations

import threading
from functools import partial

import trio

from mux.gateway.turns import Turns


async def _go(turns: Turns, name: int, steps: list[tuple[str, int]]) -> None:
    for step in ("decode", "encode"):
        await turns.aside(lambda step=step: steps.append((step, name)), 100)


async def _run(requests: int) -> list[tuple[str, int]]:
    turns = Turns()
    turns.requests = requests
    steps: list[tuple[str, int]] = []
    async with trio.open_nursery() as nursery:
        for name in range(requests):
            nursery.start_soon(_go, turns, name, steps)
    return steps


async def test_many_decode_before_the_first_encodes() -> None:
    steps = await _run(12)
    assert [step for step, _ in steps] == ["decode"] * 12 + ["encode"] * 12


async def test_who_comes_while_a_group_gathers_goes_on_with_it() -> None:
    turns = Turns()
    turns.requests = 100
    steps: list[tuple[str, int]] = []

    async def ask(name: int, *, later: int) -> None:
        for _ in range(later):
            await trio.lowlevel.cancel_shielded_checkpoint()
        steps.append(("came", name))
        await turns.aside(lambda: steps.append(("went", name)), 100, first=True)

    async with trio.open_nursery() as nursery:
        for name, later in enumerate((0, 1, 2, 3, 50)):
            nursery.start_soon(partial(ask, name, later=later))
    assert [step for step, _ in steps] == ["came"] * 4 + ["went"] * 4 + ["came", "went"]


async def test_who_leaves_while_a_group_gathers_holds_up_nobody() -> None:
    turns = Turns()
    turns.requests = 100
    went = 0

    def go() -> None:
        nonlocal went
        went += 1

    first = partial(turns.aside, go, 100, first=True)
    idle = partial(turns.aside, lambda: None, 100, first=True)

    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(first)
            nursery.start_soon(first)
            async with trio.open_nursery() as leaving:
                for _ in range(3):
                    leaving.start_soon(idle)
                leaving.cancel_scope.cancel()
        await first()
    assert went == 3


async def test_few_do_not_wait_for_each_other() -> None:
    steps = await _run(3)
    assert [step for step, _ in steps] == ["decode", "encode"] * 3


async def test_a_request_that_is_ended_is_ended_where_it_waits() -> None:
    turns = Turns()
    turns.requests = 100
    with trio.CancelScope() as scope:
        scope.cancel()
        await turns.take()
        assert await turns.aside(lambda: "made", 100) == "made"
    assert not scope.cancelled_caught


async def test_a_large_body_is_worked_on_in_a_thread() -> None:
    here = threading.get_ident()
    assert await Turns().aside(threading.get_ident, 1_000_001) != here
    assert await Turns().aside(threading.get_ident, 1_000_000) == here
