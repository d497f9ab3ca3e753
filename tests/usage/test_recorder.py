"""The queue before the store: nothing waits for it, nothing is lost without a word."""

from __future__ import annotations

import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from mux.config import ClientKey, Limits, Secret
from mux.config.settings import UsageSettings
from mux.config.values import Seconds
from mux.errors import BudgetSpent
from mux.usage import Budgets, Period, RequestRecord, Store, StoreError, Tokens, open_store
from mux.usage.recorder import Recorder, recording
from mux.usage.sqlite import SqliteStore
from tests.usage.records import START_S, as_json, expected, many, one

ALWAYS = Period(0, 1 << 45)
KEY = ClientKey(Secret("a-key-of-a-client"), "ci", Limits(tokens_per_day=100))


def now() -> float:
    return START_S


class Gated(SqliteStore):
    """A store that writes when it is let, and says in which batches."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.gate = threading.Event()
        self.entered = threading.Event()
        self.batches: list[int] = []
        self.broken = False

    def write(self, records: Iterable[RequestRecord]) -> None:
        records = tuple(records)
        self.entered.set()
        self.gate.wait(30)
        if self.broken:
            raise StoreError("disk full")
        super().write(records)
        self.batches.append(len(records))


@asynccontextmanager
async def running(
    store: Store, budgets: Budgets | None = None, **options: Any
) -> AsyncIterator[Recorder]:
    capacity = options.pop("capacity", 10_000)
    settings = UsageSettings(**{"flush_interval": Seconds(60), **options})
    recorder = Recorder(store, settings, budgets or Budgets(), now, capacity)
    async with trio.open_nursery() as nursery:
        await nursery.start(recorder.run)
        yield recorder
        await recorder.close()
        nursery.cancel_scope.cancel()


async def until(condition: Callable[[], object]) -> None:
    with trio.fail_after(20):
        while not condition():  # noqa: ASYNC110 (worker threads set no event of trio's)
            await trio.sleep(0.005)


async def test_a_full_batch_does_not_wait(tmp_path: Path):
    store = SqliteStore(tmp_path / "u.db")
    async with running(store, batch_size=10) as recorder:
        for number in range(9):
            recorder.add(one(number))
        await trio.sleep(0.05)
        assert recorder.waiting == 9
        recorder.add(one(9))
        await until(lambda: recorder.waiting == 0)
    store.close()


async def test_a_lone_record_waits_no_longer_than_the_interval(tmp_path: Path):
    store = SqliteStore(tmp_path / "u.db")
    async with running(store, flush_interval=Seconds(0.05)) as recorder:
        recorder.add(one(1))
        assert recorder.waiting == 1
        await until(lambda: recorder.waiting == 0)
        recorder.add(one(2))
        await until(lambda: recorder.waiting == 0)
    assert store.totals(ALWAYS).by["all"][""].requests == 2
    store.close()


async def test_a_flush_returns_when_all_is_stored(store: Store):
    records = many(250, days=1)
    async with running(store, batch_size=100) as recorder:
        for record in records:
            recorder.add(record)
        await recorder.flush()
        assert recorder.waiting == 0
        period = Period(0, 1 << 42)
        shown = await recorder.summary(period)
    assert shown.pop("store") == {"enabled": True, "waiting": 0, "dropped": 0, "error": None}
    shown.pop("period")
    assert as_json(shown) == as_json(expected(records, 0, 1 << 42))


async def test_the_event_loop_never_waits_for_the_disk(tmp_path: Path):
    store = Gated(tmp_path / "u.db")
    async with running(store, batch_size=1) as recorder:
        recorder.add(one(0))
        await until(store.entered.is_set)
        for number in range(1, 50):  # the store is stuck, and this task goes on
            recorder.add(one(number))
            await trio.lowlevel.checkpoint()
        assert recorder.waiting == 50
        store.gate.set()
        await recorder.flush()
    assert store.batches == [1, 49]
    store.close()


async def test_under_load_all_that_has_come_is_written_together(tmp_path: Path):
    store = Gated(tmp_path / "u.db")
    store.gate.set()
    async with running(store, batch_size=2) as recorder:
        recorder.add(one(0))
        recorder.add(one(1))
        await until(lambda: recorder.waiting == 0)
        for number in range(2, 12):
            recorder.add(one(number))
        await until(lambda: recorder.waiting == 0)
    assert store.batches == [2, 10]
    store.close()


async def test_a_full_queue_drops_with_a_word(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    store = Gated(tmp_path / "u.db")
    with caplog.at_level(logging.WARNING, "mux.usage"):
        async with running(store, batch_size=5, capacity=20) as recorder:
            for number in range(50):
                recorder.add(one(number))
            assert (recorder.waiting, recorder.dropped) == (20, 30)
            store.gate.set()
            await recorder.flush()
            shown = await recorder.summary(ALWAYS._replace(to_ms=1 << 42))
    assert shown["summary"]["total_requests"] == 20
    assert shown["store"]["dropped"] == 30
    lines = [record.message for record in caplog.records]
    assert lines == ["usage: no room for more records, 1 dropped so far"]  # once a minute
    store.close()


async def test_a_broken_store_keeps_its_records_waiting(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    store = Gated(tmp_path / "u.db")
    store.gate.set()
    store.broken = True
    with caplog.at_level(logging.INFO, "mux.usage"):
        async with running(store, batch_size=2, flush_interval=Seconds(0.02)) as recorder:
            for number in range(5):
                recorder.add(one(number))
            with pytest.raises(StoreError, match="disk full"):
                await recorder.flush()
            shown = await recorder.summary(ALWAYS._replace(to_ms=1 << 42))
            assert shown["store"] == {
                "enabled": True,
                "waiting": 5,
                "dropped": 0,
                "error": "disk full",
            }
            store.broken = False
            await until(lambda: recorder.waiting == 0)
            assert recorder.error == ""
    assert store.totals(ALWAYS).by["all"][""].requests == 5
    lines = [record.message for record in caplog.records]
    assert lines == ["usage: disk full; 5 records wait for it", "usage: the store works again"]
    store.close()


async def test_old_records_are_forgotten(tmp_path: Path):
    store = SqliteStore(tmp_path / "u.db")
    day = 86_400
    store.write([one(1, START_S - 40 * day), one(2, START_S - 29 * day)])
    async with running(store, retention_days=30) as recorder:
        recorder.add(one(3))
        await recorder.flush()
        await until(lambda: store.totals(ALWAYS).by["all"][""].requests == 2)
    store.close()


async def test_nothing_is_forgotten_without_retention_days(tmp_path: Path):
    store = SqliteStore(tmp_path / "u.db")
    store.write([one(1, START_S - 4000 * 86_400)])
    async with running(store, retention_days=0) as recorder:
        recorder.add(one(2))
        await recorder.flush()
        recorder.add(one(3))
        await recorder.flush()
    assert store.totals(ALWAYS).by["all"][""].requests == 3
    store.close()


# -- budgets ----------------------------------------------------------------------------------


async def test_budgets_outlive_the_process(dsn: str):
    record = one(1, client=KEY.id, tokens=Tokens(90, 10))
    for expected_admission in (True, False):
        store = open_store(dsn)
        budgets = Budgets([KEY])
        async with running(store, budgets) as recorder:
            if expected_admission:
                budgets.admit(KEY.id, now())
                recorder.add(record)
                await recorder.flush()
            with pytest.raises(BudgetSpent, match="100 tokens a day"):
                budgets.admit(KEY.id, now())
        store.close()


async def test_requests_of_the_last_minute_outlive_the_process(dsn: str):
    key = ClientKey(Secret("k"), "", Limits(requests_per_minute=2))
    store = open_store(dsn)
    store.write([one(1, START_S - 61, client=key.id), one(2, START_S - 20, client=key.id)])
    budgets = Budgets([key])
    async with running(store, budgets):
        budgets.admit(key.id, now())
        with pytest.raises(BudgetSpent) as caught:
            budgets.admit(key.id, now())
    assert caught.value.retry_after_s == pytest.approx(40)
    store.close()


async def test_two_processes_share_a_budget(dsn: str):
    one_store, other_store = open_store(dsn), open_store(dsn)
    ours, theirs = Budgets([KEY]), Budgets([KEY])
    interval = Seconds(0.001)
    async with (
        running(one_store, ours, flush_interval=interval) as mine,
        running(other_store, theirs, flush_interval=interval) as other,
    ):
        mine.add(one(1, client=KEY.id, tokens=Tokens(60, 0)))
        await mine.flush()
        other.add(one(2, client=KEY.id, tokens=Tokens(40, 0)))
        await other.flush()
        with pytest.raises(BudgetSpent):
            theirs.admit(KEY.id, now())
        ours.admit(KEY.id, now())  # it has not looked yet
        mine.add(one(3, client=KEY.id, tokens=Tokens(0, 0)))
        await mine.flush()
        await until(lambda: _refuses(ours))
    one_store.close()
    other_store.close()


def _refuses(budgets: Budgets) -> bool:
    try:
        budgets.admit(KEY.id, now())
    except BudgetSpent:
        return True
    return False


# -- from settings ----------------------------------------------------------------------------


async def test_what_waits_is_written_at_the_end(tmp_path: Path):
    path = tmp_path / "u.db"
    settings = UsageSettings(dsn=Secret(f"sqlite://{path}"))
    async with recording(settings, Budgets(), now) as recorder:
        for number in range(250):
            recorder.add(one(number))
    assert not (tmp_path / "u.db-wal").exists()  # and the store was closed
    store = SqliteStore(path)
    assert store.totals(ALWAYS).by["all"][""].requests == 250
    store.close()


async def test_what_fails_inside_comes_out_as_it_is(tmp_path: Path):
    settings = UsageSettings(dsn=Secret(f"sqlite://{tmp_path / 'u.db'}"))

    async def fail() -> None:
        async with recording(settings, Budgets(), now) as recorder:
            recorder.add(one(1))
            raise KeyError("not in a group")

    with pytest.raises(KeyError, match="not in a group"):
        await fail()
    store = SqliteStore(tmp_path / "u.db")
    assert store.totals(ALWAYS).by["all"][""].requests == 1
    store.close()


async def test_being_cancelled_writes_what_waits(tmp_path: Path):
    settings = UsageSettings(dsn=Secret(f"sqlite://{tmp_path / 'u.db'}"))
    with trio.CancelScope() as scope:
        async with recording(settings, Budgets(), now) as recorder:
            recorder.add(one(1))
            scope.cancel()
            await trio.sleep_forever()
    store = SqliteStore(tmp_path / "u.db")
    assert store.totals(ALWAYS).by["all"][""].requests == 1
    store.close()


async def test_what_cannot_be_written_at_the_end_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    (tmp_path / "file").touch()
    settings = UsageSettings(dsn=Secret(f"sqlite://{tmp_path / 'file' / 'u.db'}"))
    async with recording(settings, Budgets(), now) as recorder:
        recorder.add(one(1))
    assert "1 records were not written" in caplog.records[-1].message


async def test_without_a_store_budgets_still_count():
    budgets = Budgets([KEY])
    async with recording(UsageSettings(dsn=Secret()), budgets, now) as recorder:
        recorder.add(one(1, client=KEY.id, tokens=Tokens(100, 0)))
        await recorder.flush()
        with pytest.raises(BudgetSpent):
            budgets.admit(KEY.id, now())
        shown = await recorder.summary(ALWAYS._replace(to_ms=1 << 42))
    assert shown["summary"]["total_requests"] == 0
    assert shown["store"]["enabled"] is False
