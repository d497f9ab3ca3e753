"""What stores in SQL share: everything but connecting."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping
from contextlib import AbstractContextManager

from mux.usage import query
from mux.usage.insert import insert
from mux.usage.period import Period
from mux.usage.record import RequestRecord
from mux.usage.schema import Session
from mux.usage.store import ClientDay, Spent
from mux.usage.totals import Totals


class TableStore(ABC):
    """A `Store` over a database that speaks SQL."""

    @abstractmethod
    def _writing(self) -> AbstractContextManager[Session]:
        """A transaction of the one writer: committed at the end, rolled back on an exception.

        On durable storage when it has ended. Raises `StoreError`.
        """

    @abstractmethod
    def _reading(self) -> AbstractContextManager[Session]:
        """A connection of its own, on which all statements see the same moment."""

    def write(self, records: Iterable[RequestRecord]) -> None:
        with self._writing() as session:
            insert(session, records)

    def totals(self, period: Period) -> Totals:
        with self._reading() as session:
            return query.totals(session, period)

    def spent(self, clients: Collection[str], since_day: int) -> Mapping[ClientDay, Spent]:
        with self._reading() as session:
            return query.spent(session, clients, since_day)

    def admitted(self, clients: Collection[str], since_ms: int) -> list[tuple[str, int]]:
        with self._reading() as session:
            return query.admitted(session, clients, since_ms)

    def expire(self, before_day: int, spent_before_day: int) -> None:
        with self._writing() as session:
            query.expire(session, before_day, spent_before_day)
