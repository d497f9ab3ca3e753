"""Budgets: pure decisions, and what clients are told."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mux.codecs import CODECS
from mux.config import ClientKey, Limits, Secret
from mux.errors import BudgetSpent, RateLimited
from mux.gateway.headers import of_error
from mux.server import limits as limit_headers
from mux.usage import Budgets, RequestRecord, Tokens
from mux.usage.store import ClientDay, Spent
from tests.usage.records import one

NOW = datetime(2026, 10, 20, 12, 0, tzinfo=UTC).timestamp()
DAY = int(NOW // 86_400)
END_OF_DAY = datetime(2026, 10, 21, tzinfo=UTC).timestamp()
END_OF_MONTH = datetime(2026, 11, 1, tzinfo=UTC).timestamp()


def client(**limits: float) -> ClientKey:
    return ClientKey(Secret("a-key-of-a-client"), "ci", Limits(**limits))


def spent(key: ClientKey, number: int, time_s: float, tokens: int, cost: int = 0) -> RequestRecord:
    return one(number, time_s, client=key.id, tokens=Tokens(tokens, 0), cost_nano=cost)


def refused(budgets: Budgets, key: ClientKey, now_s: float) -> BudgetSpent:
    with pytest.raises(BudgetSpent) as caught:
        budgets.admit(key.id, now_s)
    return caught.value


def test_a_key_without_limits_has_none():
    key = client()
    budgets = Budgets([key])
    for number in range(1000):
        budgets.admit(key.id, NOW)
        budgets.admit("", NOW)
        budgets.spend(spent(key, number, NOW, 1 << 40, 1 << 40))


def test_requests_per_minute_are_those_of_the_last_sixty_seconds():
    key = client(requests_per_minute=3)
    budgets = Budgets([key])
    for second in (0, 10, 20):
        budgets.admit(key.id, NOW + second)
    error = refused(budgets, key, NOW + 30)
    assert (error.status, error.what, error.limit) == (429, "requests", 3)
    assert (error.reset_s, error.retry_after_s) == (NOW + 60, 30)
    refused(budgets, key, NOW + 59.9)  # being refused does not count
    budgets.admit(key.id, NOW + 60)
    assert refused(budgets, key, NOW + 60).reset_s == NOW + 70


@pytest.mark.parametrize("jump_s", [86_400, -86_400])
def test_a_clock_that_is_set_locks_nobody_out(jump_s):
    key = client(requests_per_minute=2)
    budgets = Budgets([key])
    for _ in range(2):
        for second in (0, 1):
            budgets.admit(key.id, NOW + jump_s + second)
        assert refused(budgets, key, NOW + jump_s + 2).retry_after_s == 58
        jump_s = 0


def test_requests_before_a_restart_count():
    key = client(requests_per_minute=2)
    budgets = Budgets([key])
    budgets.remember([(key.id, round((NOW - 50) * 1000)), (key.id, round((NOW - 1) * 1000))])
    assert refused(budgets, key, NOW).retry_after_s == 10
    budgets.admit(key.id, NOW + 10)


def test_a_limit_that_was_lowered():
    key = client(requests_per_minute=5)
    budgets = Budgets([key])
    for second in range(5):
        budgets.admit(key.id, NOW + second)
    budgets.limits = {key.id: Limits(requests_per_minute=2)}
    assert refused(budgets, key, NOW + 5).reset_s == NOW + 63  # when all but one are a minute old
    budgets.admit(key.id, NOW + 63)


def test_tokens_per_day_come_back_at_midnight():
    key = client(tokens_per_day=100)
    budgets = Budgets([key])
    budgets.spend(spent(key, 1, NOW - 86_400, 1000))  # yesterday's
    budgets.admit(key.id, NOW)
    budgets.spend(spent(key, 2, NOW, 99))
    budgets.admit(key.id, NOW)
    budgets.spend(spent(key, 3, NOW, 1))
    error = refused(budgets, key, NOW)
    assert (error.what, error.limit, error.reset_s) == ("tokens", 100, END_OF_DAY)
    refused(budgets, key, END_OF_DAY - 0.001)
    budgets.admit(key.id, END_OF_DAY)


def test_cost_per_month_comes_back_on_the_first():
    key = client(cost_per_month=0.5)
    budgets = Budgets([key])
    first = datetime(2026, 10, 1, tzinfo=UTC).timestamp()
    budgets.spend(spent(key, 1, first - 1, 0, 9_000_000_000))  # last month's
    budgets.spend(spent(key, 2, first, 0, 300_000_000))
    budgets.admit(key.id, NOW)
    budgets.spend(spent(key, 3, NOW, 0, 200_000_000))
    error = refused(budgets, key, NOW)
    assert (error.what, error.limit, error.reset_s) == ("cost", 0.5, END_OF_MONTH)
    budgets.admit(key.id, END_OF_MONTH)


def test_the_limit_that_lasts_longest_is_told():
    key = client(requests_per_minute=1, tokens_per_day=1, cost_per_month=0.001)
    budgets = Budgets([key])
    budgets.admit(key.id, NOW)
    budgets.spend(spent(key, 1, NOW, 5, 10**9))
    assert refused(budgets, key, NOW).what == "cost"


def test_december_ends_in_january():
    key = client(cost_per_month=1)
    budgets = Budgets([key])
    now = datetime(2026, 12, 31, 23, 59, tzinfo=UTC).timestamp()
    budgets.spend(spent(key, 1, now, 0, 10**10))
    assert refused(budgets, key, now).reset_s == datetime(2027, 1, 1, tzinfo=UTC).timestamp()


def test_what_was_stored_counts_once():
    key = client(tokens_per_day=100)
    budgets = Budgets([key])
    first, second = spent(key, 1, NOW, 40), spent(key, 2, NOW, 40)
    budgets.spend(first)
    budgets.spend(second)
    budgets.settle([first], None)
    budgets.admit(key.id, NOW)
    budgets.settle([second], {ClientDay(key.id, DAY): Spent(80)})
    budgets.admit(key.id, NOW)
    budgets.settle([], {ClientDay(key.id, DAY): Spent(100)})  # another process spent 20
    refused(budgets, key, NOW)


def test_what_others_spent_is_seen_before_our_own_is_stored():
    key = client(tokens_per_day=100)
    budgets = Budgets([key])
    budgets.spend(spent(key, 1, NOW, 50))
    budgets.settle([], {ClientDay(key.id, DAY): Spent(50)})
    refused(budgets, key, NOW)


# -- what clients are told --------------------------------------------------------------------


def head(error: BudgetSpent, dialect: str) -> dict[str, str]:
    return dict([*of_error(error, dialect), *limit_headers.headers(error, dialect)])


@pytest.fixture
def busy() -> BudgetSpent:
    key = client(requests_per_minute=1)
    budgets = Budgets([key])
    budgets.admit(key.id, NOW)
    return refused(budgets, key, NOW + 30)


@pytest.fixture
def used_up() -> BudgetSpent:
    key = client(tokens_per_day=10)
    budgets = Budgets([key])
    budgets.spend(spent(key, 1, NOW, 10))
    return refused(budgets, key, NOW)


@pytest.mark.parametrize("dialect", CODECS)
def test_every_dialect_says_429_and_when(dialect: str, busy: BudgetSpent, used_up: BudgetSpent):
    for error, wait_s in ((busy, 30), (used_up, 12 * 3600)):
        headers = head(error, dialect)
        assert headers["retry-after"] == str(wait_s)
        body = CODECS[dialect].server.encode_error(error)
        told = CODECS[dialect].client.decode_error(429, body, headers)
        assert isinstance(told, RateLimited)
        assert "This API key has used up its" in told.message
        assert told.retry_after_s == pytest.approx(wait_s, abs=1)
    assert "2026-10-21 00:00:00 UTC" in used_up.message


def test_the_headers_of_anthropic(used_up: BudgetSpent):
    headers = head(used_up, "anthropic")
    assert headers["anthropic-ratelimit-tokens-limit"] == "10"
    assert headers["anthropic-ratelimit-tokens-remaining"] == "0"
    assert headers["anthropic-ratelimit-tokens-reset"] == "2026-10-21T00:00:00Z"


@pytest.mark.parametrize("dialect", ["openai_chat", "openai_completions", "openai_responses"])
def test_the_headers_of_openai(dialect: str, busy: BudgetSpent, used_up: BudgetSpent):
    assert head(busy, dialect)["x-ratelimit-limit-requests"] == "1"
    assert head(busy, dialect)["x-ratelimit-reset-requests"] == "30s"
    assert head(used_up, dialect)["x-ratelimit-remaining-tokens"] == "0"
    assert head(used_up, dialect)["x-ratelimit-reset-tokens"] == "12h0m0s"


def test_clients_do_not_try_again_for_hours(busy: BudgetSpent, used_up: BudgetSpent):
    assert "x-should-retry" not in head(busy, "openai_chat")
    assert head(used_up, "openai_chat")["x-should-retry"] == "false"
