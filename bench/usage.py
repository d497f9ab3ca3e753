"""What usage costs: taking a record, writing a batch, and answering for 30 days of a million rows.

`python -m bench.usage [ROWS [DSN]]` fills a store (a temporary SQLite file by default) with rows
spread over 30 days and prints the figures. It fails if an answer takes longer than the goal.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from mux.config.settings import UsageSettings
from mux.usage import Budgets, Period, RequestRecord, Tokens, TryRecord, open_store, summary
from mux.usage.recorder import Recorder
from mux.usage.store import Store
from mux.wire import json

GOAL_MS = 300
NOW_S = 1_795_000_000.5
DAYS = 30
ADDED = 5_000
BATCH = 100
FILL = 20_000


def records(count: int) -> Iterator[RequestRecord]:
    """In the order of their time, over 12 accounts of 6 providers, 40 models and 25 clients."""
    dice = random.Random(1)
    span_s = DAYS * 86_400 - 1
    for number in range(count):
        provider = dice.randrange(6)
        attempt = TryRecord(
            f"provider-{provider}",
            f"sk-…{provider}{dice.randrange(2)}",
            f"model-{dice.randrange(40)}",
            duration_s=2.5,
            first_content_s=0.4,
            tokens=Tokens(dice.randrange(20_000), dice.randrange(2_000), dice.randrange(10_000)),
            cost_nano=dice.randrange(50_000_000),
        )
        yield RequestRecord(
            f"{dice.getrandbits(128):032x}",
            NOW_S - span_s + span_s * number / count,
            f"client-{dice.randrange(25)}",
            "anthropic",
            "fast",
            stream=True,
            status=200 if dice.random() < 0.97 else 503,
            duration_s=2.6,
            first_content_s=0.5,
            tries=(attempt,),
        )


def batches(rows: Iterator[RequestRecord], size: int) -> Iterator[list[RequestRecord]]:
    batch: list[RequestRecord] = []
    for row in rows:
        batch.append(row)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def taking(store: Store) -> float:
    """Microseconds that the event loop gives to one record."""
    recorder = Recorder(store, UsageSettings(batch_size=ADDED * 2), Budgets(), lambda: NOW_S)
    some = list(records(ADDED))
    before = time.perf_counter()
    for record in some:
        recorder.add(record)
    return (time.perf_counter() - before) / ADDED * 1e6


def writing(store: Store) -> float:
    """Microseconds a record, in batches as the server writes them."""
    some = list(batches(records(ADDED), BATCH))
    before = time.perf_counter()
    for batch in some:
        store.write(batch)
    return (time.perf_counter() - before) / ADDED * 1e6


def answering(store: Store, period: Period) -> float:
    """Milliseconds to the JSON of a summary: the median of five, the first of them cold."""
    taken: list[float] = []
    for _ in range(5):
        before = time.perf_counter()
        json.dumps(summary(store.totals(period), period, DAYS))
        taken.append((time.perf_counter() - before) * 1000)
    print(f"  each: {' '.join(f'{ms:.1f}' for ms in taken)} ms")
    return statistics.median(taken)


def measure(rows: int, dsn: str) -> bool:
    store = open_store(dsn)
    print(f"take a record:   {taking(store):8.1f} us of the event loop")
    print(f"write a record:  {writing(store):8.1f} us of a worker thread, {BATCH} a batch")
    before = time.perf_counter()
    for batch in batches(records(rows), FILL):
        store.write(batch)
    print(f"{rows:,} rows filled in {time.perf_counter() - before:.0f} s")
    asked = partial(answering, store)
    days = Period.of(NOW_S, days=str(DAYS))
    odd = Period(days.from_ms + 1_234_567, days.to_ms - 7_654_321)
    whole_ms = asked(days)
    odd_ms = asked(odd)
    print(f"answer for {DAYS} days: {whole_ms:.1f} ms; with odd ends: {odd_ms:.1f} ms")
    store.close()
    return max(whole_ms, odd_ms) < GOAL_MS


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "usage.db"
        good = measure(rows, sys.argv[2] if len(sys.argv) > 2 else f"sqlite://{path}")
        if path.exists():
            print(f"file: {path.stat().st_size / 1e6:.0f} MB")
    raise SystemExit(not good)


if __name__ == "__main__":
    main()
