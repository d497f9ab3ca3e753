"""Records on their way to the store: a bounded queue, and the one task that empties it.

The event loop never waits for the disk: the store is called in worker threads only. Whatever is
wrong with it, requests are served; what waits too long for room is dropped, counted and told.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Final, TypeVar

import trio

from mux.config.settings import UsageSettings
from mux.ir.jsontypes import Object
from mux.usage.budgets import MINUTE_S, Budgets, month_start
from mux.usage.period import Period, day_index
from mux.usage.record import RequestRecord
from mux.usage.store import Store, StoreError, open_store
from mux.usage.totals import Totals, summary

CAPACITY: Final = 10_000
"""Records that may wait."""

_FAREWELL_S: Final = 5.0
"""How long the store has at the end, and at the start, of the server."""

_PATIENCE_S: Final = 1.0
"""How long a summary waits for the newest records to be stored."""

_APART_S: Final = 0.25
"""From the beginning of one batch to the next: a transaction costs as much as tens of records."""

_WARN_S: Final = 60.0
_EXPIRE_S: Final = 3600.0

_T = TypeVar("_T")
_log: Final = logging.getLogger("mux.usage")


class Recorder:
    """Takes records at any moment, and writes them in batches. One per process.

    Without a store it counts for the budgets only. `clock` gives seconds since the epoch.
    `dropped` are the records there was no room for; `error` is what is wrong with the store, empty
    if nothing is.
    """

    def __init__(
        self,
        store: Store | None,
        settings: UsageSettings,
        budgets: Budgets,
        clock: Callable[[], float],
        capacity: int = CAPACITY,
    ) -> None:
        self.budgets = budgets
        self.dropped = 0
        self.error = ""
        self._store = store
        self._settings = settings
        self._clock = clock
        self._capacity = capacity
        self._waiting: deque[RequestRecord] = deque()
        self._taken = 0
        """records that were let in"""
        self._written = 0
        self._flushes = 0
        self._wake = trio.Event()
        self._moved = trio.lowlevel.ParkingLot()
        self._one = trio.CapacityLimiter(1)
        self._open = trio.CancelScope(shield=True)
        self._began_s = -math.inf
        self._warn_s = -math.inf
        self._read_s = -math.inf
        self._expire_s = -math.inf

    @property
    def waiting(self) -> int:
        """Records that are not yet in the store."""
        return len(self._waiting)

    def add(self, record: RequestRecord) -> None:
        """Take `record`. Never waits and never fails."""
        self.budgets.spend(record)
        if self._store is None:
            return
        if len(self._waiting) >= self._capacity:
            self.dropped += 1
            self._warn(f"no room for more records, {self.dropped} dropped so far")
            return
        self._waiting.append(record)
        self._taken += 1
        if len(self._waiting) in (1, self._settings.batch_size):
            self._wake.set()

    async def flush(self) -> None:
        """Return when everything taken before is in the store. Raises `StoreError` if it fails."""
        goal = self._taken
        self._flushes += 1
        try:
            while self._written < goal:
                self._wake.set()
                await self._moved.park()
                if self.error:
                    raise StoreError(self.error)
        finally:
            self._flushes -= 1

    async def totals(self, period: Period) -> Totals:
        """The sums over `period`, the newest records included. Raises `StoreError`."""
        if self._store is None:
            return Totals()
        with trio.move_on_after(_PATIENCE_S):
            with suppress(StoreError):  # told of in `summary`; what is stored may still be read
                await self.flush()
        return await trio.to_thread.run_sync(self._store.totals, period, abandon_on_cancel=True)

    async def summary(self, period: Period) -> Object:
        """What ``GET /v1/management/usage`` answers with. Raises `StoreError`."""
        totals = await self.totals(period)
        return {
            **summary(totals, period, self._settings.retention_days),
            "store": {
                "enabled": self._store is not None,
                "waiting": self.waiting,
                "dropped": self.dropped,
                "error": self.error or None,
            },
        }

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Write until closed; being cancelled is no reason to lose what waits.

        Started when the budgets know what was spent before.
        """
        if self._store is None:
            task_status.started()
            return
        with self._open:
            with trio.move_on_after(_FAREWELL_S):
                await self._guarded(partial(self._recall, self._store))
            task_status.started()
            while True:
                await self._step(self._store)

    async def close(self) -> None:
        """Write what waits and let go of the store, within a few seconds. Ends `run`."""
        if self._store is None:
            return
        with trio.move_on_after(_FAREWELL_S, shield=True):
            with suppress(StoreError):  # told of below, with what it costs
                await self.flush()
            self._open.cancel()
            await self._guarded(partial(self._in_thread, self._store.close))
        self._open.cancel()
        if self._waiting:
            _log.error("%d records were not written: %s", self.waiting, self.error or "too slow")

    # -- the task -----------------------------------------------------------------------------

    async def _step(self, store: Store) -> None:
        """Wait for a batch and write it, or wait before the next try."""
        await self._enough()
        written = await self._guarded(partial(self._write_some, store))
        self._moved.unpark_all()
        if not written:
            await self._pause()
        elif self._settings.retention_days and self._due(self._expire_s, _EXPIRE_S):
            await self._guarded(partial(self._expire, store))

    async def _enough(self) -> None:
        """Wait for a whole batch, or for as long as one record may wait for the others; under load
        for what comes until the next batch is due."""
        while not self._waiting:
            await self._woken()
        with trio.move_on_after(self._settings.flush_interval):
            while len(self._waiting) < self._settings.batch_size and not self._flushes:
                await self._woken()
        with trio.move_on_at(self._began_s + _APART_S):
            while not self._flushes:
                await self._woken()

    async def _woken(self) -> None:
        """Wait until somebody sets `_wake`."""
        self._wake = trio.Event()
        await self._wake.wait()

    async def _write_some(self, store: Store) -> None:
        self._began_s = trio.current_time()
        batch = tuple(self._waiting)
        await self._in_thread(partial(store.write, batch))
        for _ in batch:
            self._waiting.popleft()
        self._written += len(batch)
        self.budgets.settle(batch, None)
        if self._due(self._read_s, self._settings.flush_interval):
            await self._read_spent(store)

    async def _recall(self, store: Store) -> None:
        """What the budgets must know of the time before this process."""
        await self._read_spent(store)
        if self.budgets.limits:
            since_ms = round((self._clock() - MINUTE_S) * 1000)
            admitted = partial(store.admitted, tuple(self.budgets.limits), since_ms)
            self.budgets.remember(await self._in_thread(admitted))

    async def _read_spent(self, store: Store) -> None:
        """Other processes spend, too, where they share a store."""
        self._read_s = trio.current_time()
        if self.budgets.limits:
            since_day = month_start(self._clock())
            read = partial(store.spent, tuple(self.budgets.limits), since_day)
            self.budgets.settle((), await self._in_thread(read))

    async def _expire(self, store: Store) -> None:
        self._expire_s = trio.current_time()
        now_s = self._clock()
        before_day = day_index(now_s) - self._settings.retention_days
        before_spent = min(before_day, month_start(now_s))
        await self._in_thread(partial(store.expire, before_day, before_spent))

    async def _in_thread(self, call: Callable[[], _T]) -> _T:
        return await trio.to_thread.run_sync(call, limiter=self._one, abandon_on_cancel=True)

    async def _guarded(self, work: Callable[[], Awaitable[object]]) -> bool:
        """Do `work`; False if it failed, which is told and otherwise changes nothing."""
        try:
            await work()
        except StoreError as error:
            self.error = str(error)
            self._warn(f"{self.error}; {self.waiting} records wait for it")
        except Exception:  # a bug of ours: told with its trace, and no reason to stop serving
            self.error = "llm-mux failed on a bug; its log says more"
            _log.exception("usage: the store failed on a bug, %d records wait", self.waiting)
        else:
            if self.error:
                _log.info("usage: the store works again")
            self.error = ""
            return True
        return False

    async def _pause(self) -> None:
        """Wait before the next try; whoever wants a flush need not."""
        with trio.move_on_after(self._settings.flush_interval):
            await self._woken()

    def _due(self, last_s: float, every_s: float) -> bool:
        return trio.current_time() >= last_s + every_s

    def _warn(self, message: str) -> None:
        """Tell the operator, at most once a minute."""
        if self._due(self._warn_s, _WARN_S):
            self._warn_s = trio.current_time()
            _log.warning("usage: %s", message)


@asynccontextmanager
async def recording(
    settings: UsageSettings, budgets: Budgets, clock: Callable[[], float]
) -> AsyncGenerator[Recorder]:
    """A running `Recorder` for as long as the context lasts; what waits is written at its end."""
    store: Store | None = None
    problem = ""
    if settings.dsn:
        try:
            store = open_store(settings.dsn.reveal())
        except StoreError as error:
            problem = str(error)
            _log.error("usage is not recorded: %s", problem)
    recorder = Recorder(store, settings, budgets, clock)
    recorder.error = problem
    failed: Exception | None = None
    async with trio.open_nursery() as nursery:
        await nursery.start(recorder.run)
        try:
            yield recorder
        except Exception as error:  # raised below, outside of the nursery's exception group
            failed = error
        finally:
            await recorder.close()
            nursery.cancel_scope.cancel()
    if failed is not None:
        raise failed
