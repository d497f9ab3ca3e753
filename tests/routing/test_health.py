"""Cool-downs, breakers and load, on a clock that is a number."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mux.config import ProviderSettings, ProviderType, Secret, Settings
from mux.config.provider import ModelSettings
from mux.config.settings import RoutingSettings
from mux.errors import (
    NoProvider,
    Offline,
    Overloaded,
    QuotaExceeded,
    RateLimited,
    UpstreamAuthFailed,
    UpstreamFailed,
    UpstreamTimeout,
)
from mux.models import Catalog
from mux.providers import from_settings
from mux.routing import Candidate, Health, Router, Sessions, select
from mux.routing.health import FAILURES, OPEN_MAX_S, OPEN_S, RATE_LIMIT_MAX_S, REFUSED_S


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def health(clock: Clock) -> Health:
    return Health(clock)


def candidates(*keys: str, priorities: dict[str, int] | None = None) -> list[Candidate]:
    """One provider ``p0``, ``p1`` … for each of `keys`; several keys are joined by a plus."""
    settings = Settings(
        providers=tuple(
            ProviderSettings(
                ProviderType.ANTHROPIC,
                name=f"p{number}",
                api_keys=tuple(_key(key) for key in joined.split("+")),
                models=(ModelSettings("m"), ModelSettings("n")),
            )
            for number, joined in enumerate(keys)
        ),
        routing=RoutingSettings(provider_priority=priorities or {}),
    )
    return Router(from_settings(settings), settings, Catalog()).candidates("m")


def _key(key: str) -> Any:
    from mux.config.provider import KeySettings

    return KeySettings(Secret(key))


def places(found: list[Candidate]) -> list[str]:
    return [f"{one.provider.name}/{one.key.key.reveal()}" for one in found]


def chosen(found: list[Candidate], health: Health, session: str = "") -> list[str]:
    return places(select(found, health, Sessions(health.now_s), session))


def test_a_rate_limit_rests_one_model_at_one_key(clock: Clock, health: Health):
    one, two = candidates("a+b")
    health.failed(one, RateLimited("slow down", retry_after_s=7))
    assert chosen([one, two], health) == ["p0/b"]
    assert health.rest(replace(one, model="n")) is None
    clock.now_s += 7
    assert chosen([one, two], health) == ["p0/a", "p0/b"]


def test_without_a_time_a_rate_limit_lasts_a_minute_and_never_over_an_hour(
    clock: Clock, health: Health
):
    (one,) = candidates("a")
    health.failed(one, RateLimited("slow down"))
    rest = health.rest(one)
    assert rest is not None
    assert rest.until_s == clock.now_s + 60
    health.failed(one, RateLimited("slow down", retry_after_s=1e9))
    rest = health.rest(one)
    assert rest is not None
    assert rest.until_s == clock.now_s + RATE_LIMIT_MAX_S


def test_cooling_can_be_switched_off(health: Health):
    (one,) = candidates("a")
    health.failed(one, RateLimited("slow down"), cooling=False)
    assert health.rest(one) is None


def test_all_resting_is_the_smallest_wait(clock: Clock, health: Health):
    found = candidates("a+b")
    health.failed(found[0], RateLimited("slow down", retry_after_s=30))
    health.failed(found[1], RateLimited("slow down", retry_after_s=20))
    clock.now_s += 5
    with pytest.raises(RateLimited) as caught:
        select(found, health, Sessions(clock), "")
    assert caught.value.retry_after_s == 15


@pytest.mark.parametrize("error", [UpstreamAuthFailed("no"), QuotaExceeded("empty")])
def test_a_refused_key_rests_with_all_its_models_and_is_asked_if_there_is_no_other(
    clock: Clock, health: Health, error
):
    one, two = candidates("a+b")
    health.failed(one, error)
    assert health.rest(replace(one, model="n")) is not None
    assert chosen([one, two], health) == ["p0/b"]
    assert chosen([one], health) == ["p0/a"]
    clock.now_s += REFUSED_S
    assert chosen([one, two], health) == ["p0/a", "p0/b"]


def test_the_breaker_opens_after_failures_in_a_row_and_is_probed(clock: Clock, health: Health):
    one, two = candidates("a", "b")
    for _ in range(FAILURES - 1):
        health.failed(one, UpstreamFailed("500"))
    health.succeeded(one)
    for _ in range(FAILURES - 1):
        health.failed(one, UpstreamTimeout("silent"))
    assert health.rest(one) is None
    health.failed(one, UpstreamFailed("500"))
    assert chosen([one, two], health) == ["p1/b"]
    with pytest.raises(Overloaded) as caught:
        select([one], health, Sessions(clock), "")
    assert caught.value.retry_after_s == OPEN_S

    clock.now_s += OPEN_S
    assert chosen([one, two], health)[0] == "p0/a"
    with health.asking(one):
        assert chosen([one, two], health) == ["p1/b"], "one probe at a time"
    health.succeeded(one)
    with health.asking(one):
        assert health.rest(one) is None


def test_a_failed_probe_doubles_the_time_up_to_a_limit(clock: Clock, health: Health):
    (one,) = candidates("a")
    for _ in range(FAILURES):
        health.failed(one, UpstreamFailed("500"))
    waits = []
    for _ in range(6):
        rest = health.rest(one)
        assert rest is not None
        waits.append(rest.until_s - clock.now_s)
        clock.now_s = rest.until_s
        with health.asking(one):
            health.failed(one, UpstreamFailed("500"))
    assert waits == [30, 60, 120, 240, 300, 300]
    assert max(waits) == OPEN_MAX_S


def test_others_need_not_wait_for_the_end_of_a_probe_that_has_begun_to_answer(
    clock: Clock, health: Health
):
    (one,) = candidates("a")
    for _ in range(FAILURES):
        health.failed(one, UpstreamFailed("500"))
    clock.now_s += OPEN_S
    with health.asking(one):
        assert health.rest(one) is not None
        health.begun(one)
        assert chosen([one], health) == ["p0/a"]
        with health.asking(one):
            assert chosen([one], health) == ["p0/a"], "nor is the second one a probe"
        health.failed(one, UpstreamFailed("cut"))
    rest = health.rest(one)
    assert rest is not None
    assert rest.until_s == clock.now_s + 2 * OPEN_S, "it is not trusted for long"
    clock.now_s += 2 * OPEN_S
    with health.asking(one):
        assert health.rest(one) is not None, "and is probed again"


def test_a_beginning_closes_no_breaker(health: Health):
    (one,) = candidates("a")
    for _ in range(FAILURES):
        health.begun(one)
        health.failed(one, UpstreamFailed("cut"))
    assert health.rest(one) is not None


def test_a_machine_without_network_blames_nobody(clock: Clock, health: Health):
    (one,) = candidates("a")
    for _ in range(FAILURES * 2):
        health.failed(one, Offline("no network"))
    assert health.rest(one) is None
    for _ in range(FAILURES):
        health.failed(one, UpstreamFailed("500"))
    clock.now_s += OPEN_S
    with health.asking(one):
        health.failed(one, Offline("no network"))
    assert health.rest(one) is None, "it is asked again at once"


def test_an_upstream_may_be_away_for_months(clock: Clock, health: Health):
    (one,) = candidates("a")
    for _ in range(3000):
        health.failed(one, UpstreamFailed("500"))
    rest = health.rest(one)
    assert rest is not None
    assert rest.until_s == clock.now_s + OPEN_MAX_S


def test_names_that_clients_make_up_are_not_remembered_for_ever(health: Health):
    (one,) = candidates("a")
    for number in range(5000):
        health.failed(replace(one, model=f"made-up-{number}"), RateLimited("slow down"))
    assert health.states()[0].resting <= 1000
    assert health.rest(replace(one, model="made-up-4999")) is not None


def test_a_client_that_leaves_counts_for_nothing(health: Health):
    (one,) = candidates("a")
    for _ in range(FAILURES * 2):
        asking = health.asking(one)
        asking.__enter__()
        assert health.load(one) == 1
        assert not asking.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert health.load(one) == 0
    assert health.rest(one) is None


def test_among_equals_the_least_load_comes_first_then_the_order_of_the_file(health: Health):
    found = candidates("a+b", "c")
    assert chosen(found, health) == ["p0/a", "p0/b", "p1/c"]
    with health.asking(found[0]):
        assert chosen(found, health) == ["p0/b", "p1/c", "p0/a"]


def test_priority_counts_more_than_load(health: Health):
    found = candidates("a", "b", priorities={"p0": 2, "p1": 1})
    with health.asking(next(one for one in found if one.provider.name == "p1")):
        assert chosen(found, health) == ["p1/b", "p0/a"]


def test_a_session_stays_with_its_key_as_long_as_that_can_be_asked(clock: Clock, health: Health):
    found = candidates("a+b")
    sessions = Sessions(clock)
    sessions.remember("s", found[1])
    with health.asking(found[1]):
        assert places(select(found, health, sessions, "s")) == ["p0/b", "p0/a"]
        assert places(select(found, health, sessions, "other")) == ["p0/a", "p0/b"]
    health.failed(found[1], RateLimited("slow down"))
    assert places(select(found, health, sessions, "s")) == ["p0/a"]
    clock.now_s += 3600
    assert places(select(found, health, sessions, "s")) == ["p0/a", "p0/b"], "forgotten by now"


def test_nobody_at_all_is_said_so(health: Health):
    with pytest.raises(NoProvider):
        select([], health, Sessions(health.now_s), "")
