"""What calls wait for ends when its time is over, and with the process."""

from __future__ import annotations

import pytest
import trio

from mux.errors import Overloaded
from mux.gateway.waits import Waits


async def _wait(waits: Waits, due_s: float, renewed_s: float | None = None) -> float:
    """When a wait that was due at `due_s` ended, `renewed_s` being said a second after it began."""
    with trio.CancelScope() as scope:
        waits.begin(scope, due_s)
        try:
            if renewed_s is not None:
                await trio.sleep(1)
                waits.renew(scope, renewed_s)
            await trio.sleep_forever()
        finally:
            waits.end(scope)
    return trio.current_time()


async def test_each_ends_when_it_is_due(autojump_clock) -> None:
    waits, ends = Waits(), {}

    async def wait(name: str, due_s: float, renewed_s: float | None = None) -> None:
        ends[name] = await _wait(waits, due_s, renewed_s)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait, "early", 5.0)
        nursery.start_soon(wait, "late", 50.0)
        nursery.start_soon(wait, "moved", 5.0, 80.0)
    assert {name: int(end) for name, end in ends.items()} == {"early": 5, "late": 50, "moved": 80}


async def test_after_a_time_in_which_nobody_waits_the_next_is_ended_too(autojump_clock) -> None:
    waits = Waits()
    for due_s in (10.0, 1000.0):
        assert int(await _wait(waits, due_s)) == int(due_s)
        await trio.sleep(100)


async def test_closing_ends_all_at_once_and_what_begins_later(autojump_clock) -> None:
    waits = Waits()
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(_wait, waits, 1e9)
        await trio.sleep(7)
        waits.close()
    assert trio.current_time() == 7
    assert await _wait(waits, 1e9) == 7
    with pytest.raises(Overloaded, match="ask again"):
        await waits.sleep(60)
    assert trio.current_time() == 7


async def test_a_sleep_lasts_as_long_as_it_is_to(autojump_clock) -> None:
    await Waits().sleep(60)
    assert trio.current_time() == 60
