"""kill -9 at a random moment under load: what was acknowledged is there, once."""

from __future__ import annotations

import random
import subprocess
import sys

from mux.usage import Period, open_store, summary
from tests.conftest import ROOT
from tests.usage.records import expected, many

COUNT = 10_000


def run(dsn: str, kill_after: int | None) -> set[str]:
    """The ids acknowledged by a process that is killed after so many, or that ends by itself."""
    command = [sys.executable, "-m", "tests.usage.killed", dsn, str(COUNT)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        told = b""
        while kill_after is None or told.count(b"\n") < kill_after:
            piece = process.stdout.read1()
            if not piece:
                break
            told += piece
        if kill_after is not None:
            process.kill()
        told += process.stdout.read()
    return set(told.decode().split())


def stored(dsn: str) -> tuple[list[str], dict]:
    period = Period(0, 1 << 42)
    store = open_store(dsn)
    with store._reading() as session:
        ids = [str(row[0]) for row in session.run("SELECT id FROM usage_requests")]
    shown = summary(store.totals(period), period, 30)
    store.close()
    del shown["period"]
    return ids, shown


def test_what_was_acknowledged_survives_kill_9(dsn: str):
    records = {record.id: record for record in many(COUNT, days=3)}
    acknowledged: set[str] = set()
    moments = random.sample(range(COUNT), 3)
    for moment in moments:
        acknowledged |= run(dsn, moment)
        ids, shown = stored(dsn)
        assert len(ids) == len(set(ids)), moments
        assert acknowledged <= set(ids) <= records.keys(), moments
        assert shown == expected([records[id] for id in ids], 0, 1 << 40), moments
    assert run(dsn, None) == records.keys()
    ids, shown = stored(dsn)
    assert len(ids) == COUNT
    assert shown == expected(records.values(), 0, 1 << 40)
