"""Budgets of client keys: who may ask now, by what was spent before.

The counters are those of the store, with what is on its way there added. What a request uses is
known when it ends, so requests that run at the same time can go over a budget together.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from mux.config import ClientKey, Limits
from mux.errors import BudgetSpent
from mux.usage.cost import DOLLAR
from mux.usage.period import day_index, day_of
from mux.usage.record import RequestRecord
from mux.usage.store import ClientDay, Spent

MINUTE_S: Final = 60.0
_DAY_S: Final = 86_400
_NOTHING: Final = Spent()


class Budgets:
    """Counters of one process. `limits` may be replaced at any time; the counters stay."""

    def __init__(self, keys: Iterable[ClientKey] = ()) -> None:
        self.limits = limits_of(keys)
        self._stored: dict[ClientDay, Spent] = {}
        self._waiting: dict[ClientDay, Spent] = {}
        """used, and not yet known to be stored"""
        self._minutes: dict[str, deque[float]] = {}

    def admit(self, client: str, now_s: float) -> None:
        """Count a request of `client`. Raises `BudgetSpent` if it may not ask now."""
        limits = self.limits.get(client)
        if limits is None:
            return
        minute = self._minutes.setdefault(client, deque())
        while minute and not now_s - MINUTE_S < minute[0] <= now_s:  # later: the clock was set back
            minute.popleft()
        today = day_index(now_s)
        check(
            limits,
            now_s,
            minute=minute,
            tokens=self._used(client, today, today).tokens,
            cost_nano=self._used(client, month_start(now_s), today).cost_nano,
        )
        if limits.requests_per_minute:
            minute.append(now_s)

    def spend(self, record: RequestRecord) -> None:
        """Count what a request used."""
        if record.client in self.limits:
            _add(self._waiting, _key(record), _used(record))

    def settle(
        self, records: Iterable[RequestRecord], stored: Mapping[ClientDay, Spent] | None
    ) -> None:
        """`records` are in the store now, and `stored` is what it says, if it was asked."""
        for record in records if self._waiting else ():  # of most clients nothing waits
            key = _key(record)
            if key in self._waiting:
                used = _used(record)
                left = _sum(self._waiting[key], Spent(-used.tokens, -used.cost_nano))
                self._waiting[key] = left
                if left == _NOTHING:
                    del self._waiting[key]
                _add(self._stored, key, used)
        if stored is not None:
            self._stored = dict(stored)

    def remember(self, admitted: Iterable[tuple[str, int]]) -> None:
        """Requests of the last minute, before this process began: who, and when in ms."""
        for client, time_ms in admitted:
            self._minutes.setdefault(client, deque()).append(time_ms / 1000)

    def _used(self, client: str, first: int, last: int) -> Spent:
        used = _NOTHING
        for day in range(first, last + 1):
            key = ClientDay(client, day)
            for counters in (self._stored, self._waiting):
                used = _sum(used, counters.get(key, _NOTHING))
        return used


def limits_of(keys: Iterable[ClientKey]) -> Mapping[str, Limits]:
    """The limits of each client that has any."""
    return {client.id: client.limits for client in keys if client.limits}


def check(
    limits: Limits, now_s: float, *, minute: Sequence[float], tokens: int, cost_nano: int
) -> None:
    """Raise `BudgetSpent` if nothing is left of one of `limits`, the one that lasts longest first.

    `minute` is when the requests of the last minute came, the oldest first; `tokens` are today's,
    `cost_nano` this month's.
    """
    if 0 < limits.cost_per_month * DOLLAR <= cost_nano:
        text = f"its budget of ${limits.cost_per_month:g} a month"
        raise _refusal("cost", text, limits.cost_per_month, next_month_s(now_s), now_s)
    if 0 < limits.tokens_per_day <= tokens:
        text = f"its {limits.tokens_per_day:,} tokens a day"
        tomorrow_s = (day_index(now_s) + 1) * _DAY_S
        raise _refusal("tokens", text, limits.tokens_per_day, tomorrow_s, now_s)
    if 0 < limits.requests_per_minute <= len(minute):
        text = f"its {limits.requests_per_minute:,} requests a minute"
        # Where there are too many, as after a limit was lowered, more than the oldest must go.
        last_s = minute[-limits.requests_per_minute] + MINUTE_S
        raise _refusal("requests", text, limits.requests_per_minute, last_s, now_s)


def month_start(now_s: float) -> int:
    """The first day of the month, as a day since the epoch."""
    return day_index(now_s) - datetime.fromtimestamp(now_s, UTC).day + 1


def next_month_s(now_s: float) -> float:
    """When the next month begins."""
    now = datetime.fromtimestamp(now_s, UTC)
    year, month = divmod(now.year * 12 + now.month, 12)
    return datetime(year, month + 1, 1, tzinfo=UTC).timestamp()


def _refusal(what: str, text: str, limit: float, reset_s: float, now_s: float) -> BudgetSpent:
    moment = datetime.fromtimestamp(reset_s, UTC)
    when = f"{day_of(day_index(reset_s))} {moment:%H:%M:%S} UTC"
    return BudgetSpent(
        f"This API key has used up {text}. Try again after {when}, or ask the operator of this "
        "llm-mux for more.",
        what=what,
        limit=limit,
        reset_s=reset_s,
        retry_after_s=max(reset_s - now_s, 0.001),
    )


def _key(record: RequestRecord) -> ClientDay:
    return ClientDay(record.client, day_index(record.time_s))


def _used(record: RequestRecord) -> Spent:
    return Spent(record.tokens.total, record.cost_nano or 0)


def _sum(one: Spent, other: Spent) -> Spent:
    return Spent(one.tokens + other.tokens, one.cost_nano + other.cost_nano)


def _add(counters: dict[ClientDay, Spent], key: ClientDay, used: Spent) -> None:
    counters[key] = _sum(counters.get(key, _NOTHING), used)
