"""The tables, one migration for each version of them: the same in SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol, TypeAlias

from mux.usage.store import StoreError

Value: TypeAlias = str | int | None
Row: TypeAlias = Sequence[object]


class Session(Protocol):
    """An open transaction. Values stand for the question marks in the SQL."""

    def run(self, sql: str, values: Sequence[Value] = ()) -> Sequence[Row]:
        """Run a statement; the rows it answers with."""
        ...

    def run_many(self, sql: str, rows: Sequence[Sequence[Value]]) -> None:
        """Run a statement for each of `rows`."""
        ...


_SUMS: Final = """
    requests BIGINT NOT NULL, failures BIGINT NOT NULL,
    input BIGINT NOT NULL, output BIGINT NOT NULL, cached BIGINT NOT NULL,
    cache_write BIGINT NOT NULL, reasoning BIGINT NOT NULL, cost_nano BIGINT NOT NULL"""

_VERSION_1: Final = (
    """CREATE TABLE usage_requests (
    id TEXT NOT NULL PRIMARY KEY, time_ms BIGINT NOT NULL, client TEXT NOT NULL,
    dialect TEXT NOT NULL, asked TEXT NOT NULL,
    provider TEXT NOT NULL, account TEXT NOT NULL, model TEXT NOT NULL,
    stream INTEGER NOT NULL, status INTEGER NOT NULL, error TEXT NOT NULL,
    failed INTEGER NOT NULL, cancelled INTEGER NOT NULL, retries INTEGER NOT NULL,
    losses TEXT NOT NULL, first_content_ms BIGINT, duration_ms BIGINT NOT NULL,
    input BIGINT NOT NULL, output BIGINT NOT NULL, cached BIGINT NOT NULL,
    cache_write BIGINT NOT NULL, reasoning BIGINT NOT NULL, cost_nano BIGINT)""",
    "CREATE INDEX usage_requests_time ON usage_requests (time_ms)",
    """CREATE TABLE usage_tries (
    request_id TEXT NOT NULL, number INTEGER NOT NULL,
    provider TEXT NOT NULL, account TEXT NOT NULL, model TEXT NOT NULL,
    status INTEGER NOT NULL, error TEXT NOT NULL,
    first_content_ms BIGINT, duration_ms BIGINT NOT NULL,
    input BIGINT NOT NULL, output BIGINT NOT NULL, cached BIGINT NOT NULL,
    cache_write BIGINT NOT NULL, reasoning BIGINT NOT NULL, cost_nano BIGINT,
    PRIMARY KEY (request_id, number))""",
    f"""CREATE TABLE usage_hourly (
    kind TEXT NOT NULL, start BIGINT NOT NULL, name TEXT NOT NULL, {_SUMS},
    PRIMARY KEY (kind, start, name))""",
    f"""CREATE TABLE usage_daily (
    kind TEXT NOT NULL, start BIGINT NOT NULL, name TEXT NOT NULL, {_SUMS},
    PRIMARY KEY (kind, start, name))""",
    """CREATE TABLE usage_spent (
    client TEXT NOT NULL, day BIGINT NOT NULL, tokens BIGINT NOT NULL, cost_nano BIGINT NOT NULL,
    PRIMARY KEY (client, day))""",
)

_VERSION_2: Final = ("ALTER TABLE usage_tries ADD COLUMN estimated INTEGER NOT NULL DEFAULT 0",)

_VERSION_3: Final = tuple(
    statement.format(table=table, span_ms=span_ms)
    for table, span_ms in (("usage_hourly", 3_600_000), ("usage_daily", 86_400_000))
    for statement in (
        "DELETE FROM {table} WHERE kind = 'model'",
        """INSERT INTO {table} (kind, start, name, requests, failures, input, output, cached,
    cache_write, reasoning, cost_nano)
    SELECT 'model', time_ms / {span_ms},
    CASE WHEN provider = '' THEN 'none' ELSE provider || ':' || model END, COUNT(*),
    CAST(SUM(failed) AS BIGINT), CAST(SUM(input) AS BIGINT), CAST(SUM(output) AS BIGINT),
    CAST(SUM(cached) AS BIGINT), CAST(SUM(cache_write) AS BIGINT),
    CAST(SUM(reasoning) AS BIGINT), CAST(SUM(COALESCE(cost_nano, 0)) AS BIGINT)
    FROM usage_requests GROUP BY 2, 3""",
    )
)
"""Sums by model tell the provider too."""

_VERSION_4: Final = ("ALTER TABLE usage_requests ADD COLUMN estimated INTEGER NOT NULL DEFAULT 0",)
"""Only requests that took several attempts have rows of attempts."""

MIGRATIONS: Final[Sequence[Sequence[str]]] = (_VERSION_1, _VERSION_2, _VERSION_3, _VERSION_4)
"""What leads from each version to the next. None of them is ever changed, only added to.

Sums by hour and by day make any range quick; `usage_spent` outlives the records where the month of
a budget is longer than they are kept. `start` is hours or days since the epoch.
"""


def migrate(session: Session, migrations: Sequence[Sequence[str]] = MIGRATIONS) -> None:
    """Bring the tables to the newest version. Raises `StoreError` if they are newer than that.

    The session must keep others from migrating at the same time.
    """
    session.run("CREATE TABLE IF NOT EXISTS usage_schema (version INTEGER NOT NULL)")
    found = session.run("SELECT MAX(version) FROM usage_schema")[0][0]
    version = found if isinstance(found, int) else 0
    if version > len(migrations):
        raise StoreError(
            f"the usage tables are of version {version}, and this llm-mux knows "
            f"{len(migrations)}: update it, or choose another usage.dsn"
        )
    for number, statements in enumerate(migrations[version:], version + 1):
        for statement in statements:
            session.run(statement)
        session.run("INSERT INTO usage_schema (version) VALUES (?)", (number,))
