"""The embedded store: an SQLite file beside the configuration."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, cast

from mux.usage._tables import TableStore
from mux.usage.schema import Row, Session, Value, migrate
from mux.usage.store import StoreError

_BUSY_S: Final = 5.0
"""How long another process may hold the file."""


class _Session:
    """An SQLite connection as a `Session`."""

    __slots__ = ("_connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def run(self, sql: str, values: Sequence[Value] = ()) -> Sequence[Row]:
        return cast("list[Row]", self._connection.execute(sql, values).fetchall())

    def run_many(self, sql: str, rows: Sequence[Sequence[Value]]) -> None:
        self._connection.executemany(sql, rows)


class SqliteStore(TableStore):
    """Records in the file at `path`, which is made if need be and is its owner's alone."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._migrated = False
        self._writer: sqlite3.Connection | None = None

    @contextmanager
    def _writing(self) -> Generator[Session]:
        with self._errors():
            try:
                if self._writer is None:
                    self._writer = self._connect()
                with _transaction(self._writer) as session:
                    yield session
            except sqlite3.Error:
                self._close()  # the next call finds out anew what is there
                raise

    @contextmanager
    def _reading(self) -> Generator[Session]:
        with self._errors(), closing(self._connect()) as connection:
            connection.execute("PRAGMA query_only = ON")
            connection.execute("BEGIN")
            yield _Session(connection)

    def close(self) -> None:
        with self._errors():
            self._close()

    def _close(self) -> None:
        if self._writer is not None:
            writer, self._writer = self._writer, None
            writer.close()

    def _connect(self) -> sqlite3.Connection:
        _make_private(self._path)
        # Calls come from whichever worker thread is free, one at a time.
        connection = sqlite3.connect(
            self._path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")  # a commit outlives a loss of power
            if not self._migrated:
                with _transaction(connection) as session:
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
        except (sqlite3.Error, OSError) as error:
            self._migrated = False  # the file may be gone
            reason = error.strerror if isinstance(error, OSError) else error
            raise StoreError(f"{self._path}: {reason}") from error


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Generator[Session]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield _Session(connection)
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _make_private(path: Path) -> None:
    """A file of mode 0600 at `path` unless there is one; SQLite gives its others the same mode."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
