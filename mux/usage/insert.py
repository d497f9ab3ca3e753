"""Records into tables, with the sums that are kept beside them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

from mux.usage.period import DAY_MS, HOUR_MS
from mux.usage.record import RequestRecord, Tokens, TryRecord
from mux.usage.schema import Session, Value
from mux.usage.totals import COLUMNS, By, Sums, names


class _Row(NamedTuple):
    """A request as its table holds it."""

    id: str
    time_ms: int
    client: str
    dialect: str
    asked: str
    provider: str
    account: str
    model: str
    stream: int
    status: int
    error: str
    failed: int
    cancelled: int
    retries: int
    losses: str
    first_content_ms: int | None
    duration_ms: int
    input: int
    output: int
    cached: int
    cache_write: int
    reasoning: int
    cost_nano: int | None
    estimated: int


_REQUEST: Final = (
    f"INSERT INTO usage_requests ({', '.join(_Row._fields)})"
    f" VALUES ({', '.join('?' * len(_Row._fields))})"
)
_TRY: Final = (
    "INSERT INTO usage_tries (request_id, number, provider, account, model, status, error,"
    " first_content_ms, duration_ms, input, output, cached, cache_write, reasoning, cost_nano,"
    " estimated)"
    f" VALUES ({', '.join('?' * 16)})"
)
_SUM: Final = (
    f"INSERT INTO {{table}} (kind, start, name, {', '.join(COLUMNS)})"
    f" VALUES ({', '.join('?' * (3 + len(COLUMNS)))})"
    " ON CONFLICT (kind, start, name) DO UPDATE SET "
    + ", ".join(f"{name} = {{table}}.{name} + excluded.{name}" for name in COLUMNS)
)
_SPENT: Final = (
    "INSERT INTO usage_spent (client, day, tokens, cost_nano) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (client, day) DO UPDATE SET tokens = usage_spent.tokens + excluded.tokens,"
    " cost_nano = usage_spent.cost_nano + excluded.cost_nano"
)
_KNOWN_AT_ONCE: Final = 100
"""Ids asked for in one statement, always as many: what was prepared is kept with the connection,
and a statement for each number of ids would be megabytes of them."""
_KNOWN: Final = f"SELECT id FROM usage_requests WHERE id IN ({', '.join('?' * _KNOWN_AT_ONCE)})"

_Alike: TypeAlias = dict[tuple[int, str, str, str, str], Sums]
"""Sums by hour since the epoch, provider, account, model and client."""

_LONGEST: Final = 200
_NAMES: Final = 1_000
"""Texts that come with every record are few: models, providers, accounts, errors."""
_NO_TEXT: Final = re.compile("[\x00\ud800-\udfff]")
"""What no database takes as text; a client may have put it into the name of a model."""


def insert(session: Session, records: Iterable[RequestRecord]) -> None:
    """Store those of `records` that are not there yet.

    A batch is written again when it is not known whether it was committed; its sums must not
    count twice.
    """
    fresh = {record.id: record for record in records}
    for known in _known(session, list(fresh)):
        del fresh[known]
    if not fresh:
        return
    rows = [_row(record) for record in fresh.values()]
    session.run_many(_REQUEST, rows)
    tries = [row for record in fresh.values() for row in _try_rows(record)]
    if tries:
        session.run_many(_TRY, tries)
    sums = _sums(rows)
    _add_sums(session, "usage_hourly", HOUR_MS, sums)
    _add_sums(session, "usage_daily", DAY_MS, sums)
    _add_spent(session, rows)


def _known(session: Session, ids: Sequence[str]) -> Iterator[str]:
    for start in range(0, len(ids), _KNOWN_AT_ONCE):
        some = ids[start : start + _KNOWN_AT_ONCE]
        nobodys = [""] * (_KNOWN_AT_ONCE - len(some))
        for row in session.run(_KNOWN, [*some, *nobodys]):
            yield str(row[0])


def _row(record: RequestRecord) -> _Row:
    last = record.last
    provider, account, model = _whom(last) if last is not None else ("", "", "")
    return _Row(
        record.id,
        _ms(record.time_s),
        record.client,
        record.dialect,
        _text(record.model),
        provider,
        account,
        model,
        int(record.stream),
        record.status,
        _text(record.error),
        int(record.failed),
        int(record.cancelled),
        max(len(record.tries) - 1, 0),
        _text(" ".join(record.losses)),
        None if record.first_content_s is None else _ms(record.first_content_s),
        _ms(record.duration_s),
        *_counts(record.tokens),
        record.cost_nano,
        int(any([attempt.estimated for attempt in record.tries])),
    )


def _try_rows(record: RequestRecord) -> Iterator[Sequence[Value]]:
    """The attempts, if there were several: of one alone the request's own row tells."""
    for number, attempt in enumerate(record.tries if len(record.tries) > 1 else ()):
        yield (
            record.id,
            number,
            *_whom(attempt),
            attempt.status,
            _text(attempt.error),
            None if attempt.first_content_s is None else _ms(attempt.first_content_s),
            _ms(attempt.duration_s),
            *_counts(attempt.tokens),
            attempt.cost_nano,
            int(attempt.estimated),
        )


def _sums(rows: Iterable[_Row]) -> _Alike:
    """The sums of rows that differ in nothing that sums are kept by, hour by hour."""
    alike: dict[tuple[int, str, str, str, str], list[_Row]] = {}
    for row in rows:
        key = (row.time_ms // HOUR_MS, row.provider, row.account, row.model, row.client)
        alike.setdefault(key, []).append(row)
    return {key: _sum(some) for key, some in alike.items()}


def _sum(rows: Sequence[_Row]) -> Sums:
    return Sums(
        len(rows),
        sum([row.failed for row in rows]),
        sum([row.input for row in rows]),
        sum([row.output for row in rows]),
        sum([row.cached for row in rows]),
        sum([row.cache_write for row in rows]),
        sum([row.reasoning for row in rows]),
        sum([row.cost_nano or 0 for row in rows]),
    )


def _add_sums(session: Session, table: str, span_ms: int, alike: _Alike) -> None:
    added: dict[tuple[By, int, str], Sums] = {}
    for (hour, provider, account, model, client), sums in alike.items():
        start = hour * HOUR_MS // span_ms
        for kind, name in names(provider, account, model, client):
            added.setdefault((kind, start, name), Sums()).add(sums)
    # In order, so that two processes never wait for each other's rows in turn.
    rows = [(*key, *(getattr(sums, name) for name in COLUMNS)) for key, sums in added.items()]
    session.run_many(_SUM.format(table=table), sorted(rows))


def _add_spent(session: Session, rows: Iterable[_Row]) -> None:
    added: dict[tuple[str, int], tuple[int, int]] = {}
    for row in rows:
        if row.client:
            key = (row.client, row.time_ms // DAY_MS)
            tokens, cost = added.get(key, (0, 0))
            added[key] = (tokens + row.input + row.output, cost + (row.cost_nano or 0))
    if added:
        session.run_many(_SPENT, [(*key, *spent) for key, spent in sorted(added.items())])


def _whom(attempt: TryRecord) -> tuple[str, str, str]:
    return _text(attempt.provider), _text(attempt.account), _text(attempt.model)


def _counts(tokens: Tokens) -> tuple[int, int, int, int, int]:
    return tokens.input, tokens.output, tokens.cached, tokens.cache_write, tokens.reasoning


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


@lru_cache(maxsize=_NAMES)
def _text(text: str) -> str:
    return _NO_TEXT.sub("\ufffd", text[:_LONGEST])
