"""A server with the demo model, shared by the tests that try to break it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.processes import llm_mux


@pytest.fixture(scope="session")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "log"


@pytest.fixture(scope="session")
def url(log: Path) -> Iterator[str]:
    with llm_mux("demo", log_to=log) as address:
        yield address
        assert "Traceback" not in log.read_text(errors="replace")
