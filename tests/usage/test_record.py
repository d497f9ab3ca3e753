"""Records, costs and ranges: what is derived from what."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mux.errors import InvalidRequest
from mux.ir import Usage
from mux.models import Catalog, Price
from mux.usage import Period, Tokens, TryRecord, cost_nano
from tests.usage.records import one


def price(**prices: float) -> Price:
    return Price(**{"input": 3.0, "output": 15.0, **prices})


def test_tokens_of_a_usage_report():
    usage = Usage(input_total=100, output_total=20, cache_read=30, cache_write=5, reasoning=7)
    assert Tokens.of(usage) == Tokens(100, 20, 30, 5, 7)
    assert Tokens.of(Usage()) == Tokens.of(None) == Tokens()
    assert Tokens.of(Usage(input_total=-5, output_total=1 << 70)) == Tokens(0, 1 << 40)


def test_a_request_is_the_sum_of_its_attempts():
    tries = (
        TryRecord("a", "x", "m1", tokens=Tokens(1, 2, 3, 4, 5), cost_nano=7),
        TryRecord("b", "y", "m2", tokens=Tokens(10, 20, 30, 40, 50)),
        TryRecord("c", "z", "m3", tokens=Tokens(0, 1), cost_nano=11),
    )
    record = one(1, tries=tries)
    assert record.tokens == Tokens(11, 23, 33, 44, 55)
    assert record.cost_nano == 18
    assert record.last is tries[2]
    assert one(1, tries=tries[1:2]).cost_nano is None
    assert one(1, tries=()).last is None


@pytest.mark.parametrize(
    ("changes", "failed"),
    [
        ({}, False),
        ({"status": 400}, True),
        ({"status": 200, "error": "upstream broke off"}, True),
        ({"status": 0, "cancelled": True, "error": "client gone"}, False),
    ],
)
def test_what_a_failure_is(changes: dict, failed: bool):
    assert one(1, **changes).failed is failed


def test_costs_are_whole_billionths_of_a_dollar():
    assert cost_nano(price(), Tokens(1_000_000, 1_000_000)) == 18_000_000_000
    assert cost_nano(price(), Tokens(1, 0)) == 3000
    assert cost_nano(None, Tokens(1, 1)) is None
    assert cost_nano(price(), Tokens()) == 0


def test_reasoning_is_output_and_costs_once():
    assert cost_nano(price(), Tokens(0, 10, reasoning=9)) == 150_000


def test_the_cache_has_prices_of_its_own():
    tokens = Tokens(100, 0, cached=60, cache_write=30)
    assert cost_nano(price(cache_read=0.3, cache_write=3.75), tokens) == 30_000 + 18_000 + 112_500
    assert cost_nano(price(), tokens) == 300_000  # without them it costs what the rest does
    assert cost_nano(price(cache_read=0.3), Tokens(10, 0, cached=60)) == 18_000  # never below


def test_a_model_of_the_catalogue_has_a_cost():
    known = Catalog().price("anthropic", "claude-sonnet-4-20250514")
    assert known is not None
    assert cost_nano(known, Tokens(1_000_000, 0)) == round(known.input * 1e9)


# -- ranges -----------------------------------------------------------------------------------

NOW = datetime(2026, 11, 23, 10, 30, tzinfo=UTC).timestamp()
DAY_MS = 86_400_000


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def test_thirty_days_up_to_now_unless_asked_otherwise():
    assert Period.of(NOW) == (Period.of(NOW).to_ms - 30 * DAY_MS, round(NOW * 1000) + 1)
    assert Period.of(NOW, days="1").from_ms == round(NOW * 1000) + 1 - DAY_MS


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2026-11-20", "2026-11-20T00:00+00:00", "2026-11-21T00:00+00:00"),
        ("20261120", "2026-11-20T00:00+00:00", "2026-11-21T00:00+00:00"),
        ("2026-11-20T06:30:00Z", "2026-11-20T06:30+00:00", "2026-11-20T06:30+00:00"),
        ("2026-11-20T06:30:00", "2026-11-20T06:30+00:00", "2026-11-20T06:30+00:00"),
        ("2026-11-20 06:30", "2026-11-20T06:30+00:00", "2026-11-20T06:30+00:00"),
        ("2026-11-20T06:30:00+02:00", "2026-11-20T04:30+00:00", "2026-11-20T04:30+00:00"),
        ("2026-11-20T06:30:00 02:00", "2026-11-20T04:30+00:00", "2026-11-20T04:30+00:00"),
        ("1763620200", "2025-11-20T06:30+00:00", "2025-11-20T06:30+00:00"),
    ],
)
def test_moments_as_people_write_them(text: str, start: str, end: str):
    assert Period.of(NOW, start=text).from_ms == ms(start)
    assert Period.of(NOW, end=text, days="2") == (ms(end) - 2 * DAY_MS, ms(end))


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"days": "0"}, "days"),
        ({"days": "-1"}, "days"),
        ({"days": "1.5"}, "days"),
        ({"days": "1000000000000000"}, "days"),
        ({"days": "٣"}, "days"),
        ({"start": "soon"}, "from"),
        ({"end": "2026-13-01"}, "to"),
        ({"end": "9" * 20}, "to"),
        ({"start": "2026-11-22", "end": "2026-11-20"}, "from"),
        ({"start": "2026-11-22", "days": "3"}, "days"),
        ({"end": "9999-12-31"}, "to"),
    ],
)
def test_ranges_that_are_none(asked: dict[str, str], param: str):
    with pytest.raises(InvalidRequest) as caught:
        Period.of(NOW, **asked)
    assert caught.value.param == param
