"""What calls wait for ends when its time is over, and with the process."""

from __future__ import annotations

import pytest
import trio

from mux.errors import MuxError, Overloaded, UpstreamTimeout
from mux.gateway.waits import Waits


class Due:
    """A wait that is over at `due_s`."""

    def __init__(self, due_s: float) -> None:
        self.due_s = due_s
        self.scope = trio.CancelScope()
        self.error: MuxError | None = None

    def over(self, now_s: float) -> MuxError | None:
        return UpstreamTimeout("it took too long") if now_s >= self.due_s else None

    def cancel(self, error: MuxError) -> None:
        self.error = error
        self.scope.cancel()


async def _wait(waits: Waits, due_s: float, moved_s: float | None = None) -> tuple[float, str]:
    """When and why a wait that was due at `due_s` ended; a second after it began it was found to be
    due at `moved_s`."""
    due = Due(due_s)
    waits.begin(due)
    try:
        with due.scope:
            if moved_s is not None:
                await trio.sleep(1)
                due.due_s = moved_s
            await trio.sleep_forever()
    finally:
        waits.end(due)
    assert due.error is not None
    return trio.current_time(), type(due.error).__name__


async def test_each_ends_when_it_is_due(autojump_clock) -> None:
    waits, ends = Waits(), {}

    async def wait(name: str, due_s: float, moved_s: float | None = None) -> None:
        ends[name] = await _wait(waits, due_s, moved_s)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait, "early", 5.0)
        nursery.start_soon(wait, "late", 50.0)
        nursery.start_soon(wait, "moved", 5.0, 80.0)
    assert {name: int(end) for name, (end, _) in ends.items()} == {
        "early": 5,
        "late": 50,
        "moved": 80,
    }
    assert {why for _, why in ends.values()} == {"UpstreamTimeout"}


async def test_after_a_time_in_which_nobody_waits_the_next_is_ended_too(autojump_clock) -> None:
    waits = Waits()
    for due_s in (10.0, 1000.0):
        assert int((await _wait(waits, due_s))[0]) == int(due_s)
        await trio.sleep(100)


async def test_closing_ends_all_at_once_and_what_begins_later(autojump_clock) -> None:
    waits = Waits()
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(_wait, waits, 1e9)
        await trio.sleep(7)
        waits.close()
    assert trio.current_time() == 7
    assert await _wait(waits, 1e9) == (7, "Overloaded")
    with pytest.raises(Overloaded, match="ask again"):
        await waits.sleep(60)
    assert trio.current_time() == 7


async def test_what_did_not_hear_of_the_end_is_told_again(autojump_clock) -> None:
    waits, told = Waits(), []

    class Deaf(Due):
        def cancel(self, error: MuxError) -> None:
            told.append(error)

    deaf = Deaf(1e9)
    waits.begin(deaf)
    waits.close()
    await trio.sleep(5)
    assert len(told) > 2
    waits.end(deaf)


async def test_a_sleep_lasts_as_long_as_it_is_to(autojump_clock) -> None:
    await Waits().sleep(60)
    assert trio.current_time() == 60
