"""Tables to sums: whole days and hours from their sums, the ends of a range from the records."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final, NamedTuple

from mux.usage.period import DAY_MS, HOUR_MS, Period
from mux.usage.schema import Row, Session
from mux.usage.store import ClientDay, Spent
from mux.usage.totals import COLUMNS, By, Sums, Totals, names

_HOURS: Final = 24
_SUMS: Final = ", ".join(f"CAST(SUM({name}) AS BIGINT)" for name in COLUMNS)

_BY_NAME: Final = (
    f"SELECT name, {_SUMS} FROM {{table}} WHERE kind = ? AND start >= ? AND start < ? GROUP BY name"
)
_BY_START: Final = (
    f"SELECT start, {_SUMS} FROM {{table}} WHERE kind = ? AND start >= ? AND start < ?"
    " GROUP BY start"
)
_BY_RECORD: Final = (
    f"SELECT provider, account, model, client, time_ms / {HOUR_MS}, COUNT(*),"
    + ", ".join(
        f" CAST(SUM({name}) AS BIGINT)" for name in ("failed", *COLUMNS[COLUMNS.index("input") :])
    )
    + " FROM usage_requests WHERE time_ms >= ? AND time_ms < ? GROUP BY 1, 2, 3, 4, 5"
)


class _Span(NamedTuple):
    """Rows of a table of sums, from one start up to another."""

    table: str
    start: int
    end: int


def totals(session: Session, period: Period) -> Totals:
    """The sums over `period`."""
    found = Totals()
    first, last = -(-period.from_ms // HOUR_MS), period.to_ms // HOUR_MS
    if first >= last:
        _add_records(session, period.from_ms, period.to_ms, found)
        return found
    _add_records(session, period.from_ms, first * HOUR_MS, found)
    _add_records(session, last * HOUR_MS, period.to_ms, found)
    for span in _spans(first, last):
        for kind in By:
            values = (kind.value, span.start, span.end)
            for row in session.run(_BY_NAME.format(table=span.table), values):
                found.add(kind, str(row[0]), _sums(row[1:]))
    values = (By.ALL.value, first, last)
    for row in session.run(_BY_START.format(table="usage_hourly"), values):
        _add_times(found, _int(row[0]), _sums(row[1:]))
    return found


def _spans(first: int, last: int) -> Iterator[_Span]:
    """Hours from `first` up to `last` as days as far as they are whole."""
    first_day, last_day = -(-first // _HOURS), last // _HOURS
    if first_day >= last_day:
        yield _Span("usage_hourly", first, last)
        return
    if first < first_day * _HOURS:
        yield _Span("usage_hourly", first, first_day * _HOURS)
    yield _Span("usage_daily", first_day, last_day)
    if last_day * _HOURS < last:
        yield _Span("usage_hourly", last_day * _HOURS, last)


def _add_records(session: Session, from_ms: int, to_ms: int, found: Totals) -> None:
    if from_ms >= to_ms:
        return
    for row in session.run(_BY_RECORD, (from_ms, to_ms)):
        provider, account, model, client = map(str, row[:4])
        sums = _sums(row[5:])
        _add_times(found, _int(row[4]), sums)
        for kind, name in names(provider, account, model, client):
            found.add(kind, name, sums)


def _add_times(found: Totals, hour: int, sums: Sums) -> None:
    found.add_day(hour // _HOURS, sums)
    found.add_hour(hour % _HOURS, sums)


def spent(session: Session, clients: Collection[str], since_day: int) -> dict[ClientDay, Spent]:
    """What `clients` used on each day from `since_day` on."""
    if not clients:
        return {}
    sql = (
        "SELECT client, day, tokens, cost_nano FROM usage_spent"
        f" WHERE client IN ({_marks(clients)}) AND day >= ?"
    )
    return {
        ClientDay(str(client), _int(day)): Spent(_int(tokens), _int(cost))
        for client, day, tokens, cost in session.run(sql, (*clients, since_day))
    }


def admitted(session: Session, clients: Collection[str], since_ms: int) -> list[tuple[str, int]]:
    """The requests of `clients` that reached an upstream since then."""
    if not clients:
        return []
    sql = (
        "SELECT client, time_ms FROM usage_requests WHERE time_ms >= ? AND provider <> ''"
        f" AND client IN ({_marks(clients)}) ORDER BY time_ms"
    )
    rows = session.run(sql, (since_ms, *clients))
    return [(str(client), _int(time_ms)) for client, time_ms in rows]


def expire(session: Session, before_day: int, spent_before_day: int) -> None:
    """Delete what is older."""
    before_ms = before_day * DAY_MS
    session.run(
        "DELETE FROM usage_tries WHERE request_id IN"
        " (SELECT id FROM usage_requests WHERE time_ms < ?)",
        (before_ms,),
    )
    session.run("DELETE FROM usage_requests WHERE time_ms < ?", (before_ms,))
    session.run("DELETE FROM usage_hourly WHERE start < ?", (before_day * _HOURS,))
    session.run("DELETE FROM usage_daily WHERE start < ?", (before_day,))
    session.run("DELETE FROM usage_spent WHERE day < ?", (spent_before_day,))


def _marks(values: Collection[str]) -> str:
    return ", ".join("?" * len(values))


def _sums(row: Row) -> Sums:
    return Sums(*map(_int, row))


def _int(value: object) -> int:
    """A number of a row; NULL is the sum of nothing."""
    return value if isinstance(value, int) else 0
