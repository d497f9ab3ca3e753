"""Every fault of an upstream, for every dialect, streamed and not: what the client is told, who is
asked next, and how long the key rests. Real sockets to the upstream; silences are jumped over."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from typing import Final

import pytest
import trio
import trio.testing

from mux.codecs import CODECS
from mux.errors import ErrorKind, UpstreamFailed
from mux.routing.health import FAILURES, OPEN_S, RATE_LIMIT_S, REFUSED_S
from mux.upstream.transport import NetworkTransport
from tests import sdk
from tests.faults.gate import Gate, Got, Place, error_of
from tests.faults.upstream import EARLY, GOOD, LATE, Upstream, upstream
from tests.scenes.pieces import last_error

DIALECTS: Final = sorted(CODECS)
PAIRS: Final = [
    *((dialect, dialect) for dialect in DIALECTS),
    ("openai_chat", "anthropic"),
    ("openai_completions", "openai_chat"),
    ("openai_responses", "gemini"),
    ("anthropic", "openai_responses"),
    ("gemini", "ollama"),
    ("ollama", "openai_chat"),
]
"""Every client with an upstream of its own dialect, and with one that is translated for it; and so
every upstream."""

UNREACHED: Final = ("refused", "hanging", "tls-to-plain", "untrusted")
_PATIENCE: Final = {
    "max_response_size": 1_000_000,
    "first_byte_timeout": 30.0,
    "stream_timeout": 20.0,
    "request_timeout": 60.0,
}
_JUMP_S: Final = 0.01
"""How long nothing must happen before the clock jumps on: far more than loopback takes."""


@dataclass(frozen=True)
class Expected:
    """What a fault amounts to. `status`: what a translated answer has; `rest`: why and for how long
    the key rests after it, if four failures came before."""

    status: int
    rest: tuple[ErrorKind, float] | None
    next: bool
    """whether another provider is asked"""


_FAILED: Final = Expected(503, (ErrorKind.OVERLOADED, OPEN_S), next=True)
_WRONG: Final = Expected(400, None, next=False)
_REFUSED: Final = Expected(503, (ErrorKind.UPSTREAM_AUTH, REFUSED_S), next=True)
_BY_STATUS: Final = {
    400: _WRONG,
    401: _REFUSED,
    403: _REFUSED,
    404: Expected(404, None, next=False),
    409: _WRONG,
    413: _WRONG,
    422: _WRONG,
    429: Expected(429, (ErrorKind.RATE_LIMIT, RATE_LIMIT_S), next=True),
}
_OTHERS: Final = {"429-retry-after": Expected(429, (ErrorKind.RATE_LIMIT, 7.0), next=True)}


def expected(fault: str) -> Expected:
    if fault in _OTHERS:
        return _OTHERS[fault]
    if fault[:3].isdigit():
        return _BY_STATUS.get(int(fault[:3]), _FAILED)
    return _FAILED


@pytest.fixture
def clock() -> trio.testing.MockClock:
    return trio.testing.MockClock(autojump_threshold=_JUMP_S)


@pytest.fixture
async def host(clock) -> AsyncIterator[Upstream]:
    async with upstream() as running:
        yield running


@pytest.fixture
async def network(clock) -> AsyncIterator[NetworkTransport]:
    async with NetworkTransport(connect_timeout_s=3, limit_bytes=1_000_000) as transport:
        yield transport


everyone = pytest.mark.parametrize(("client", "speaks"), PAIRS)


def gate(network: NetworkTransport, *places: Place) -> Gate:
    """A gate for which four failures of its first upstream are known."""
    made = Gate(network, *places, **_PATIENCE)
    for _ in range(FAILURES - 1):
        made.memory.health.failed(made.first, UpstreamFailed("before"))
    return made


def address(host: Upstream, fault: str) -> str:
    if fault == "refused":
        return f"http://127.0.0.1:{_taken()}"
    if fault == "tls-to-plain":
        return host.url(GOOD).replace("http:", "https:")
    if fault == "untrusted":
        return f"https://127.0.0.1:{host.tls_port}/{GOOD}"
    if fault == "hanging":
        return f"http://127.0.0.1:{_full()}"
    return host.url(fault)


_KEPT: Final = ExitStack()


@pytest.fixture(scope="module", autouse=True)
def unreached() -> Iterator[None]:
    """Let go of the ports behind which nobody answers."""
    with _KEPT:
        yield
    _taken.cache_clear()
    _full.cache_clear()


@cache
def _taken() -> int:
    """A port that is ours, so that nobody else listens there, and we do not."""
    taken = _KEPT.enter_context(socket.socket())
    taken.bind(("127.0.0.1", 0))
    port: int = taken.getsockname()[1]
    return port


@cache
def _full() -> int:
    """The port of a listener that has no room for one more connection, and so says nothing."""
    full = _KEPT.enter_context(socket.socket())
    full.bind(("127.0.0.1", 0))
    full.listen(0)
    port: int = full.getsockname()[1]
    for _ in range(8):
        waiting = _KEPT.enter_context(socket.socket())
        waiting.setblocking(False)
        waiting.connect_ex(("127.0.0.1", port))
    return port


@everyone
@pytest.mark.parametrize("fault", [*UNREACHED, *EARLY])
async def test_T16_a_fault_before_content_is_a_status(clock, host, network, fault, client, speaks):
    wanted = expected(fault)
    own = _own(fault) if client == speaks else None
    for stream in (True, False):
        alone = gate(network, (speaks, address(host, fault)))
        began_s = trio.current_time()
        got = await alone.asked(client, stream=stream)
        if got.status == 200:  # the head was sent because the upstream kept the client waiting
            assert stream
            assert trio.current_time() - began_s >= 10
            assert last_error(client, got.body)
        else:
            assert got.status == (own or wanted.status)
            assert error_of(client, got.body)
            assert got.headers["content-type"].startswith("application/json")
        assert _rest(alone) == wanted.rest
    _all_closed(host)


@everyone
@pytest.mark.parametrize("fault", [*UNREACHED, *EARLY])
async def test_a_fault_before_content_leads_to_the_next_upstream_or_is_the_clients_own(
    clock, host, network, fault, client, speaks
):
    for stream in (True, False):
        host.asked.clear()
        two = gate(network, (speaks, address(host, fault)), (speaks, host.url(GOOD)))
        got = await two.asked(client, stream=stream)
        if expected(fault).next:
            assert _text(client, got, stream=stream) == "Hello"
            assert host.asked[-1].fault == GOOD
        else:
            assert got.status >= 400
            assert len(host.asked) == 1


async def test_a_connect_that_hangs_is_given_up_within_connect_timeout(clock, host, network):
    alone = gate(network, ("openai_chat", address(host, "hanging")))
    began_s = trio.current_time()
    got = await alone.asked("anthropic", stream=True)
    assert "no connection within 3 s" in error_of("anthropic", got.body)
    assert 3 <= trio.current_time() - began_s < 4


@everyone
@pytest.mark.parametrize("fault", LATE)
async def test_T22_a_fault_after_content_ends_in_the_error_form_of_the_dialect(
    clock, host, network, fault, client, speaks
):
    two = gate(network, (speaks, host.url(fault)), (speaks, host.url(GOOD)))
    got = await two.asked(client, stream=True)
    assert got.status == 200
    assert b"Hel" in got.body
    assert last_error(client, got.body)
    assert len(host.asked) == 1, "nobody else is asked"
    assert _rest(two) == _FAILED.rest
    _all_closed(host)


@everyone
@pytest.mark.parametrize("fault", LATE)
async def test_a_fault_in_a_whole_answer_is_a_status_or_leads_to_the_next_upstream(
    clock, host, network, fault, client, speaks
):
    alone = gate(network, (speaks, host.url(fault)))
    got = await alone.asked(client, stream=False)
    assert got.status == 503
    assert error_of(client, got.body)
    assert _rest(alone) == _FAILED.rest
    two = gate(network, (speaks, host.url(fault)), (speaks, host.url(GOOD)))
    assert _text(client, await two.asked(client, stream=False), stream=False) == "Hello"


@everyone
async def test_no_fault_no_error(clock, host, network, client, speaks):
    for stream in (True, False):
        alone = gate(network, (speaks, host.url(GOOD)))
        got = await alone.asked(client, stream=stream)
        assert _text(client, got, stream=stream) == "Hello"
        assert _rest(alone) is None


def _own(fault: str) -> int | None:
    """The status of an upstream's own error, where a client of its dialect gets that as it is."""
    status, _, form = fault.partition("-")
    passes = status.isdigit() and form in ("json", "retry-after") and status not in ("401", "403")
    return int(status) if passes else None


def _rest(gate: Gate) -> tuple[ErrorKind, float] | None:
    rest = gate.memory.health.rest(gate.first)
    return rest and (rest.kind, round(rest.until_s - trio.current_time(), 1))


def _all_closed(host: Upstream) -> None:
    """Every connection on which an answer was left unfinished is closed."""
    for asked in host.asked:
        assert asked.done or asked.closed.is_set()


def _text(client: str, got: Got, *, stream: bool) -> str:
    assert got.status == 200, got.body
    read = sdk.stream if stream else sdk.whole
    return read(client, got.body).text
