"""Stores to test: every test of the suite runs against each kind of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from mux.usage import Store, open_store
from tests.usage import postgres

_NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    if postgres.programs() is None:
        pytest.skip("PostgreSQL's initdb and pg_ctl are not installed")
    with postgres.server() as dsn:
        yield dsn


@pytest.fixture(params=["sqlite", "postgres"])
def dsn(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store nobody has used yet."""
    if request.param == "sqlite":
        return f"sqlite://{tmp_path / 'usage.db'}"
    server: str = request.getfixturevalue("postgres_server")
    return postgres.fresh_database(server, f"usage{next(_NUMBERS)}")


@pytest.fixture
def store(dsn: str) -> Iterator[Store]:
    store = open_store(dsn)
    yield store
    store.close()
