"""Where records are kept: what every kind of store promises, and how one is chosen."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

from mux.usage.period import Period
from mux.usage.record import RequestRecord
from mux.usage.totals import Totals


class StoreError(Exception):
    """The store cannot be used right now. The message says why, and holds no password."""


class Spent(NamedTuple):
    """What a client used on one day."""

    tokens: int = 0
    cost_nano: int = 0


class ClientDay(NamedTuple):
    """A client, and a day since the epoch."""

    client: str
    day: int


class Store(Protocol):
    """A store of records. Blocking: made for a worker thread. Connects when it is first used.

    One call of `write`, `expire`, `spent`, `admitted` and `close` at a time; `totals` at any time,
    also beside them. All raise `StoreError`, and may be tried again.
    """

    def write(self, records: Iterable[RequestRecord]) -> None:
        """Keep `records`: all of them, once, and whatever happens once this has returned."""
        ...

    def totals(self, period: Period) -> Totals:
        """The sums over `period`, exact to the millisecond at both ends."""
        ...

    def spent(self, clients: Collection[str], since_day: int) -> Mapping[ClientDay, Spent]:
        """What `clients` used on each day from `since_day` on."""
        ...

    def admitted(self, clients: Collection[str], since_ms: int) -> list[tuple[str, int]]:
        """The requests of `clients` that reached an upstream since then: who, and when in ms."""
        ...

    def expire(self, before_day: int, spent_before_day: int) -> None:
        """Forget records of earlier days, and what was spent on days even earlier."""
        ...

    def close(self) -> None:
        """Let go of what is open; a later call opens it again."""
        ...


def open_store(dsn: str) -> Store:
    """The store that ``usage.dsn`` names: ``sqlite://PATH`` or ``postgres://…``.

    Raises `StoreError` if the PostgreSQL driver is not installed.
    """
    if dsn.startswith("sqlite://"):
        from mux.usage.sqlite import SqliteStore

        return SqliteStore(Path(dsn.removeprefix("sqlite://")).expanduser())
    try:
        from mux.usage.postgres import PostgresStore
    except ImportError:
        raise StoreError("PostgreSQL needs its driver: pip install 'llm-mux[postgres]'") from None
    return PostgresStore(dsn)
