"""Fixtures of the upstream tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from mux.upstream.h1 import H1Transport


@pytest.fixture
async def transport() -> AsyncIterator[H1Transport]:
    transport = H1Transport()
    yield transport
    transport.close()
