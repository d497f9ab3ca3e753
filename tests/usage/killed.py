"""A process that records under load and tells what is acknowledged, to be killed at any moment.

`python -m tests.usage.killed DSN COUNT` writes the id of each record to its standard output after
the store has taken it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

import trio

from mux.config import Secret
from mux.config.settings import UsageSettings
from mux.config.values import Seconds
from mux.usage import Budgets, RequestRecord, Store, open_store
from mux.usage.recorder import Recorder
from tests.usage.records import START_S, many

_PRODUCERS = 50


class Telling:
    """A store whose writes are told, each one after it has returned."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def write(self, records: Iterable[RequestRecord]) -> None:
        records = tuple(records)
        self._store.write(records)
        os.write(1, "".join(f"{record.id}\n" for record in records).encode())


async def main(dsn: str, count: int) -> None:
    settings = UsageSettings(dsn=Secret(dsn), flush_interval=Seconds(0.01))
    store = Telling(open_store(dsn))
    recorder = Recorder(store, settings, Budgets(), lambda: START_S, capacity=count)
    records = many(count, days=3)

    async def produce(number: int) -> None:
        for record in records[number::_PRODUCERS]:
            recorder.add(record)
            await trio.sleep(0.002)

    async with trio.open_nursery() as nursery:
        await nursery.start(recorder.run)
        async with trio.open_nursery() as producers:
            for number in range(_PRODUCERS):
                producers.start_soon(produce, number)
        await recorder.close()


if __name__ == "__main__":
    trio.run(main, sys.argv[1], int(sys.argv[2]))
