"""The store for several servers: PostgreSQL, through psycopg in worker threads."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from typing import Final, TypeAlias
from urllib.parse import unquote, urlsplit

import psycopg
from psycopg import IsolationLevel

from mux.usage._tables import TableStore
from mux.usage.schema import Row, Session, Value, migrate
from mux.usage.store import StoreError

_Connection: TypeAlias = psycopg.Connection[tuple[object, ...]]

_CONNECT_S: Final = 5
_STATEMENT_S: Final = 30
_LOCK: Final = 0x6C6C6D_6D7578
"""Who holds it may migrate; the number is ours alone in any database."""


class _Session:
    """A PostgreSQL connection as a `Session`."""

    __slots__ = ("_cursor",)

    def __init__(self, connection: _Connection) -> None:
        self._cursor = connection.cursor()

    def run(self, sql: str, values: Sequence[Value] = ()) -> Sequence[Row]:
        self._cursor.execute(_marked(sql), values)
        return self._cursor.fetchall() if self._cursor.description else ()

    def run_many(self, sql: str, rows: Sequence[Sequence[Value]]) -> None:
        self._cursor.executemany(_marked(sql), rows)


class PostgresStore(TableStore):
    """Records in the database that `dsn` leads to."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._migrated = False
        self._writer: _Connection | None = None

    @contextmanager
    def _writing(self) -> Generator[Session]:
        with self._errors():
            try:
                if self._writer is None:
                    self._writer = self._connect()
                with self._writer.transaction():
                    yield _Session(self._writer)
            except psycopg.Error:
                self._close()  # it may have broken; the next call connects again
                raise

    @contextmanager
    def _reading(self) -> Generator[Session]:
        with self._errors(), closing(self._connect()) as connection:
            connection.isolation_level = IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            with connection.transaction():
                yield _Session(connection)

    def close(self) -> None:
        with self._errors():
            self._close()

    def _close(self) -> None:
        if self._writer is not None:
            writer, self._writer = self._writer, None
            writer.close()

    def _connect(self) -> _Connection:
        connection = psycopg.connect(
            self._dsn,
            autocommit=True,
            connect_timeout=_CONNECT_S,
            application_name="llm-mux",
            options=f"-c statement_timeout={_STATEMENT_S}s",
        )
        try:
            if not self._migrated:
                with connection.transaction():
                    session = _Session(connection)
                    session.run("SELECT pg_advisory_xact_lock(?)", (_LOCK,))
                    migrate(session)
            self._migrated = True
        except BaseException:
            connection.close()
            raise
        return connection

    @contextmanager
    def _errors(self) -> Generator[None]:
        try:
            yield
        except psycopg.Error as error:
            self._migrated = False  # the tables may be gone
            raise StoreError(f"PostgreSQL: {self._safe(str(error))}") from None

    def _safe(self, message: str) -> str:
        """The first line of `message` without the password."""
        words = message.partition("\n")[0] or "the connection failed"
        password = urlsplit(self._dsn).password
        for secret in (self._dsn, password, unquote(password or "")):
            words = words.replace(secret, "…") if secret else words
        return words


def _marked(sql: str) -> bytes:
    return sql.replace("?", "%s").encode()
