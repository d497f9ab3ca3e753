"""What every store promises, SQLite and PostgreSQL alike."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Sequence
from pathlib import Path

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mux.usage import (
    Period,
    RequestRecord,
    Store,
    StoreError,
    Tokens,
    TryRecord,
    open_store,
    summary,
)
from mux.usage.insert import insert
from mux.usage.period import DAY_MS
from mux.usage.schema import MIGRATIONS, Row, Value, migrate
from mux.usage.sqlite import SqliteStore
from tests.usage.postgres import fresh_database
from tests.usage.records import DAY_S, START_S, as_json, expected, many, one

ALWAYS = Period(0, 1 << 45)


def told(store: Store, from_s: float, to_s: float) -> dict:
    period = Period(round(from_s * 1000), round(to_s * 1000))
    shown = summary(store.totals(period), period, 30)
    del shown["period"]
    return shown


def test_an_empty_store_has_empty_sums(store: Store):
    shown = summary(store.totals(ALWAYS), ALWAYS, 30)
    assert shown["summary"]["total_requests"] == 0
    assert shown["by_model"] == {}
    assert shown["timeline"] == {"by_day": [], "by_hour": []}


def test_the_shape_of_a_summary(store: Store):
    store.write([one(1, tokens=Tokens(100, 20, 30, 5, 7), cost_nano=1_500_000)])
    period = Period.of(START_S + 10, days="2")
    assert as_json(summary(store.totals(period), period, 30)) == {
        "summary": {
            "total_requests": 1,
            "success_count": 1,
            "failure_count": 0,
            "tokens": (
                tokens := {
                    "total": 120,
                    "input": 100,
                    "output": 20,
                    "reasoning": 7,
                    "cached": 30,
                    "cache_write": 5,
                }
            ),
            "cost": 0.0015,
        },
        "by_provider": {
            "openai": {
                **(
                    row := {
                        "requests": 1,
                        "success": 1,
                        "failure": 0,
                        "tokens": tokens,
                        "cost": 0.0015,
                    }
                ),
                "accounts": 1,
                "models": ["gpt-6"],
            }
        },
        "by_account": {
            "openai:sk-…cccc": {**row, "provider": "openai", "auth_id": "sk-…cccc"},
        },
        "by_model": {"gpt-6": {**row, "provider": "openai"}},
        "by_client": {"c1": row},
        "timeline": {
            "by_day": [{"day": "2026-10-20", "requests": 1, "tokens": 120}],
            "by_hour": [{"hour": 13, "requests": 1, "tokens": 120}],
        },
        "period": {
            "from": "2026-10-18T13:37:21.001Z",
            "to": "2026-10-20T13:37:21.001Z",
            "retention_days": 30,
        },
    }


def test_every_figure_respects_the_range(store: Store):
    records = many(400, days=4)
    store.write(records[:150])
    store.write(records[150:])
    hour = START_S - START_S % 3600
    day = START_S - START_S % DAY_S
    ranges = [
        (0, START_S + 10 * DAY_S),  # all of it
        (START_S, START_S + 4 * DAY_S),
        (START_S + 1234.567, START_S + 3.1 * DAY_S),  # odd ends, whole days between them
        (START_S + 60, START_S + 120),  # inside of one hour
        (hour + 3600, hour + 7200),  # one whole hour
        (hour + 1800, hour + 5400),  # across an hour's end
        (day + DAY_S, day + 2 * DAY_S),  # one whole day
        (day + DAY_S - 1, day + 2 * DAY_S + 1),
        (day + 2 * DAY_S, day + 2 * DAY_S),  # nothing
    ]
    for from_s, to_s in ranges:
        assert told(store, from_s, to_s) == expected(records, from_s, to_s)


def test_the_ends_of_a_range_are_exact_to_the_millisecond(store: Store):
    records = [one(number, START_S + number / 1000) for number in range(5)]
    store.write(records)
    shown = told(store, START_S + 0.001, START_S + 0.003)
    assert shown["summary"]["total_requests"] == 2


def test_sums_equal_the_sum_of_their_parts(store: Store):
    store.write(many(300, days=3))
    shown = told(store, START_S + 5000, START_S + 2.5 * DAY_S)
    total = shown["summary"]
    for table in ("by_provider", "by_account", "by_model", "by_client"):
        rows = shown[table].values()
        assert sum(row["requests"] for row in rows) == total["total_requests"]
        assert sum(row["failure"] for row in rows) == total["failure_count"]
        for kind, tokens in total["tokens"].items():
            assert sum(row["tokens"][kind] for row in rows) == tokens
        assert sum(row["cost"] for row in rows) == pytest.approx(total["cost"])
    for line in shown["timeline"].values():
        assert sum(row["requests"] for row in line) == total["total_requests"]
        assert sum(row["tokens"] for row in line) == total["tokens"]["total"]


def test_a_record_written_again_is_there_once(store: Store):
    records = many(40, days=1)
    store.write(records[:30])
    store.write([*records[20:], records[39]])
    assert told(store, 0, 1e10) == expected(records, 0, 1e10)


def test_a_batch_larger_than_a_statement_takes(store: Store):
    records = [one(number) for number in range(1200)]
    store.write(records)
    store.write(records)
    assert told(store, 0, 1e10)["summary"]["total_requests"] == 1200


def test_batches_of_any_size_are_written_by_the_same_statements():
    """Connections keep what they have prepared: a hundred texts of one would be megabytes."""
    said: set[str] = set()

    class Said:
        def run(self, sql: str, values: Sequence[Value] = ()) -> Sequence[Row]:
            said.add(sql)
            return []

        def run_many(self, sql: str, rows: Sequence[Sequence[Value]]) -> None:
            said.add(sql)

    insert(Said(), many(300, days=1))
    once = len(said)
    for size in range(1, 300):
        insert(Said(), many(size, days=1))
    assert len(said) == once


def test_everything_about_a_request_is_there(store: Store, dsn: str):
    first = TryRecord("anthropic", "sk-…aaaa", "claude", 529, "overloaded", 0.25)
    counts = Tokens(9, 8, 7, 6, 5)
    second = TryRecord("openai", "sk-…cccc", "gpt-6", 200, "", 1.25, 0.5, counts, 42, True)
    record = RequestRecord(
        "id-1",
        START_S,
        "c1",
        "anthropic",
        "fast",
        stream=True,
        status=200,
        duration_s=1.75,
        first_content_s=0.75,
        cancelled=True,
        losses=("drop:top_k", "risk:image"),
        tries=(first, second),
    )
    store.write([record])
    with store._reading() as session:
        (request,) = session.run("SELECT * FROM usage_requests")
        tries = session.run("SELECT * FROM usage_tries ORDER BY number")
    assert tuple(request) == (
        "id-1", round(START_S * 1000), "c1", "anthropic", "fast", "openai", "sk-…cccc", "gpt-6",
        1, 200, "", 0, 1, 1, "drop:top_k risk:image", 750, 1750, 9, 8, 7, 6, 5, 42, 1,
    )  # fmt: skip
    assert [tuple(row) for row in tries] == [
        (
            "id-1",
            0,
            "anthropic",
            "sk-…aaaa",
            "claude",
            529,
            "overloaded",
            None,
            250,
            *[0] * 5,
            None,
            0,
        ),
        ("id-1", 1, "openai", "sk-…cccc", "gpt-6", 200, "", 500, 1250, 9, 8, 7, 6, 5, 42, 1),
    ]


def test_an_attempt_alone_has_no_row_of_its_own(store: Store):
    store.write([one(1), one(2, tries=(TryRecord("p", "a", "m", estimated=True),))])
    with store._reading() as session:
        assert session.run("SELECT COUNT(*) FROM usage_tries")[0][0] == 0
        rows = session.run("SELECT provider, estimated FROM usage_requests ORDER BY id")
    assert [tuple(row) for row in rows] == [("openai", 0), ("p", 1)]


def test_no_client_can_send_what_cannot_be_stored(store: Store):
    nasty = "m\x00\ud83d'; DROP TABLE usage_requests; --?%s" + "x" * 10_000
    most = Tokens(1 << 40, 1 << 40)
    for number in range(3):
        attempt = TryRecord(nasty, nasty, nasty, error=nasty, tokens=most, cost_nano=10**14)
        store.write([one(number, model=nasty, error=nasty, losses=(nasty,), tries=(attempt,))])
    shown = told(store, 0, 1e10)
    (name,) = shown["by_model"]
    assert name.startswith("m\ufffd\ufffd'; DROP")
    assert len(name) == 200
    assert shown["summary"]["tokens"]["input"] == 3 << 40


def test_old_records_go_and_what_was_spent_stays_longer(store: Store):
    records = many(200, days=5)
    store.write(records)
    first = int(START_S // DAY_S)
    store.expire(first + 2, first + 1)
    kept_from = (first + 2) * DAY_S
    assert told(store, 0, 1e10) == expected(records, kept_from, 1e10)
    with store._reading() as session:
        left = session.run("SELECT COUNT(*) FROM usage_tries")[0][0]
        assert session.run("SELECT MIN(day) FROM usage_spent")[0][0] == first + 1
    several = [len(one.tries) for one in records if one.time_s >= kept_from and len(one.tries) > 1]
    assert left == sum(several) > 0


def test_what_clients_spent(store: Store):
    day = int(START_S // DAY_S)
    store.write(
        [
            one(1, tokens=Tokens(10, 5), cost_nano=7),
            one(2, tokens=Tokens(1, 1)),
            one(3, START_S + DAY_S, tokens=Tokens(2, 2), cost_nano=1),
            one(4, client="c2"),
            one(5, START_S - DAY_S),
        ]
    )
    assert store.spent(["c1"], day) == {("c1", day): (17, 7), ("c1", day + 1): (4, 1)}
    assert store.spent(["c2", "c3"], 0) == {("c2", day): (15, 0)}
    assert store.spent([], 0) == {}


def test_who_asked_lately(store: Store):
    store.write([one(1), one(2, START_S + 1), one(3, START_S + 2, client="c2")])
    store.write([one(4, START_S + 3, status=404, tries=())])  # never reached an upstream
    since_ms = round(START_S * 1000) + 1
    assert store.admitted(["c1"], since_ms) == [("c1", round(START_S * 1000) + 1000)]
    assert store.admitted([], 0) == []


def test_two_stores_of_one_database_see_each_other(store: Store, dsn: str):
    other = open_store(dsn)
    store.write([one(1)])
    other.write([one(1), one(2)])
    store.write([one(2), one(3)])
    assert told(other, 0, 1e10)["summary"]["total_requests"] == 3
    other.close()


def test_a_closed_store_opens_again(store: Store):
    store.write([one(1)])
    store.close()
    store.close()
    store.write([one(2)])
    assert told(store, 0, 1e10)["summary"]["total_requests"] == 2


def test_migrations_keep_what_is_there(store: Store):
    store.write([one(1)])
    grown = (*MIGRATIONS, ("ALTER TABLE usage_requests ADD COLUMN extra TEXT DEFAULT 'x'",))
    with store._writing() as session:
        migrate(session, grown)
        migrate(session, grown)
        assert session.run("SELECT id, extra FROM usage_requests")[0] == ("r1", "x")


def test_sums_by_model_of_an_older_version_learn_their_provider(dsn: str):
    """Sums by model alone, as version 2 had them, are made anew from the records."""
    store = open_store(dsn)
    records = many(200, days=3)
    store.write(records)
    with store._writing() as session:
        for table in ("usage_hourly", "usage_daily"):
            session.run(f"UPDATE {table} SET requests = 999 WHERE kind = 'model'")
        session.run("ALTER TABLE usage_requests DROP COLUMN estimated")
        session.run("DELETE FROM usage_schema WHERE version > 2")
    store.close()
    newer = open_store(dsn)
    newer.write([one(1000)])
    assert told(newer, 0, 1e10) == expected([*records, one(1000)], 0, 1e10)
    newer.close()


def test_tables_of_a_newer_version_are_left_alone(store: Store, dsn: str):
    with store._writing() as session:
        session.run("INSERT INTO usage_schema (version) VALUES (?)", (len(MIGRATIONS) + 1,))
    newer = open_store(dsn)
    with pytest.raises(StoreError, match="update it"):
        newer.write([one(1)])
    with pytest.raises(StoreError, match="update it"):
        newer.totals(ALWAYS)


def test_half_a_batch_is_never_there(store: Store):
    store.write([one(1)])
    attempt = TryRecord("p", "a", "m", status=1 << 70)
    broken = one(3, tries=(attempt, attempt))
    with pytest.raises((StoreError, OverflowError)):
        store.write([one(2), broken])
    assert told(store, 0, 1e10)["summary"]["total_requests"] == 1
    store.write([one(2)])
    assert told(store, 0, 1e10)["summary"]["total_requests"] == 2


@settings(max_examples=30)
@given(
    start=st.floats(0, 5 * DAY_S),
    length=st.floats(0, 5 * DAY_S),
)
def test_any_range_is_exact(tmp_path_factory: pytest.TempPathFactory, start: float, length: float):
    from_s = round(START_S - DAY_S / 2 + start, 3)
    to_s = round(from_s + length, 3)
    assert told(_filled(tmp_path_factory), from_s, to_s) == expected(_RECORDS, from_s, to_s)


_RECORDS = many(300, days=4, seed=7)
_STORES: list[Store] = []


def _filled(factory: pytest.TempPathFactory) -> Store:
    if not _STORES:
        _STORES.append(SqliteStore(factory.mktemp("usage") / "u.db"))
        _STORES[0].write(_RECORDS)
    return _STORES[0]


# -- SQLite alone -----------------------------------------------------------------------------


def test_the_files_are_their_owners_alone(tmp_path: Path):
    path = tmp_path / "new" / "usage.db"
    store = SqliteStore(path)
    store.write([one(1)])
    files = sorted(file.name for file in path.parent.iterdir())
    assert files == ["usage.db", "usage.db-shm", "usage.db-wal"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    store.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_a_file_that_is_no_database(tmp_path: Path):
    path = tmp_path / "usage.db"
    path.write_bytes(b"something else" * 100)
    store = SqliteStore(path)
    with pytest.raises(StoreError, match="not a database"):
        store.write([one(1)])
    assert path.read_bytes() == b"something else" * 100
    path.unlink()
    store.write([one(1)])
    assert store.totals(ALWAYS).days.keys() == {START_S * 1000 // DAY_MS}


def test_a_folder_that_is_a_file(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="usage"):
        SqliteStore(tmp_path / "file" / "usage.db").totals(ALWAYS)


# -- PostgreSQL alone -------------------------------------------------------------------------


def test_a_database_that_is_not_there_is_told_without_its_password():
    store = open_store("postgresql://someone:s3cr%20et@127.0.0.1:1/nothing")
    for call in (lambda: store.write([one(1)]), lambda: store.totals(ALWAYS)):
        with pytest.raises(StoreError, match=r"PostgreSQL: .*refused") as caught:
            call()
        assert "s3cr" not in str(caught.value)


def test_a_lost_connection_is_made_again(postgres_server: str):
    dsn = fresh_database(postgres_server, "lost")
    store = open_store(dsn)
    store.write([one(1)])
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            b"SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            b" WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    with pytest.raises(StoreError):
        store.write([one(2)])
    store.write([one(2)])
    assert told(store, 0, 1e10)["summary"]["total_requests"] == 2
    store.close()
