"""Sums over records, and the object that ``GET /v1/management/usage`` answers with."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

import msgspec

from mux.ir.jsontypes import JSON, Object
from mux.usage.cost import DOLLAR
from mux.usage.period import Period, day_of

NOBODY: Final = "none"
"""What requests are summed under that reached no provider, or came without a key."""


class By(StrEnum):
    """What sums are kept by. An account and a model are named with their provider before them."""

    ALL = "all"
    PROVIDER = "provider"
    ACCOUNT = "account"
    MODEL = "model"
    CLIENT = "client"


class Sums(msgspec.Struct, gc=False):
    """Counts of requests and tokens, and their cost."""

    requests: int = 0
    failures: int = 0
    input: int = 0
    output: int = 0
    cached: int = 0
    cache_write: int = 0
    reasoning: int = 0
    cost_nano: int = 0

    @property
    def tokens(self) -> int:
        """Everything read and written."""
        return self.input + self.output

    def add(self, other: Sums) -> None:
        """Count `other` as well."""
        self.requests += other.requests
        self.failures += other.failures
        self.input += other.input
        self.output += other.output
        self.cached += other.cached
        self.cache_write += other.cache_write
        self.reasoning += other.reasoning
        self.cost_nano += other.cost_nano


COLUMNS: Final = Sums.__struct_fields__


class Totals(msgspec.Struct):
    """Sums over a range: by everything in `By`, by day, and by hour of the day."""

    by: dict[By, dict[str, Sums]] = msgspec.field(default_factory=lambda: {kind: {} for kind in By})
    days: dict[int, Sums] = msgspec.field(default_factory=dict[int, Sums])
    """by day since the epoch, UTC"""
    hours: dict[int, Sums] = msgspec.field(default_factory=dict[int, Sums])

    @property
    def models(self) -> dict[str, Sums]:
        """By model alone, whoever had it."""
        found: dict[str, Sums] = {}
        for name, sums in self.by[By.MODEL].items():
            found.setdefault(_split(name)[1] or NOBODY, Sums()).add(sums)
        return found

    def add(self, kind: By, name: str, sums: Sums) -> None:
        """Count `sums` under `name`."""
        self.by[kind].setdefault(name, Sums()).add(sums)

    def add_day(self, day: int, sums: Sums) -> None:
        """Count `sums` on `day`."""
        self.days.setdefault(day, Sums()).add(sums)

    def add_hour(self, hour: int, sums: Sums) -> None:
        """Count `sums` in `hour` of the day."""
        self.hours.setdefault(hour, Sums()).add(sums)


def names(provider: str, account: str, model: str, client: str) -> Sequence[tuple[By, str]]:
    """What a request counts under."""
    return (
        (By.ALL, ""),
        (By.PROVIDER, provider or NOBODY),
        (By.ACCOUNT, f"{provider}:{account}" if provider else NOBODY),
        (By.MODEL, f"{provider}:{model}" if provider else NOBODY),
        (By.CLIENT, client or NOBODY),
    )


def busiest(rows: Mapping[str, Sums]) -> list[tuple[str, Sums]]:
    """The busiest first."""
    return sorted(rows.items(), key=lambda row: (-row[1].requests, row[0]))


def summary(totals: Totals, period: Period, retention_days: int) -> Object:
    """`totals` as the management API shows them. Costs are in US dollars, days in UTC."""
    whole = totals.by[By.ALL].get("", Sums())
    return {
        "summary": {
            "total_requests": whole.requests,
            "success_count": whole.requests - whole.failures,
            "failure_count": whole.failures,
            "tokens": _tokens(whole),
            "cost": _dollars(whole),
        },
        "by_provider": _by_provider(totals),
        "by_account": _by_account(totals),
        "by_model": _by_model(totals),
        "by_client": _table(totals.by[By.CLIENT]),
        "timeline": {
            "by_day": [
                {"day": day_of(day), "requests": sums.requests, "tokens": sums.tokens}
                for day, sums in sorted(totals.days.items())
            ],
            "by_hour": [
                {"hour": hour, "requests": sums.requests, "tokens": sums.tokens}
                for hour, sums in sorted(totals.hours.items())
            ],
        },
        "period": {
            "from": period.from_text,
            "to": period.to_text,
            "retention_days": retention_days,
        },
    }


def _by_provider(totals: Totals) -> Object:
    accounts = Counter(_split(name)[0] for name in totals.by[By.ACCOUNT] if name != NOBODY)
    models: defaultdict[str, list[JSON]] = defaultdict(list)
    for name, _ in busiest(totals.by[By.MODEL]):
        provider, model = _split(name)
        if model:
            models[provider].append(model)
    return {
        name: {**_row(sums), "accounts": accounts[name], "models": models[name]}
        for name, sums in busiest(totals.by[By.PROVIDER])
    }


def _by_account(totals: Totals) -> Object:
    told: Object = {}
    for name, sums in busiest(totals.by[By.ACCOUNT]):
        provider, account = _split(name)
        told[name] = {**_row(sums), "provider": provider, "auth_id": account}
    return told


def _by_model(totals: Totals) -> Object:
    """Each with the provider that answered for it most often."""
    providers: dict[str, str] = {}
    for name, _ in busiest(totals.by[By.MODEL]):
        provider, model = _split(name)
        providers.setdefault(model or NOBODY, provider)
    return {
        name: {**_row(sums), "provider": providers[name]} for name, sums in busiest(totals.models)
    }


def _table(rows: Mapping[str, Sums]) -> Object:
    return {name: _row(sums) for name, sums in busiest(rows)}


def _split(name: str) -> tuple[str, str]:
    """The provider, and its account or model; names of providers hold no colon."""
    provider, _, other = name.partition(":")
    return provider, other


def _row(sums: Sums) -> Object:
    return {
        "requests": sums.requests,
        "success": sums.requests - sums.failures,
        "failure": sums.failures,
        "tokens": _tokens(sums),
        "cost": _dollars(sums),
    }


def _tokens(sums: Sums) -> Object:
    return {
        "total": sums.tokens,
        "input": sums.input,
        "output": sums.output,
        "reasoning": sums.reasoning,
        "cached": sums.cached,
        "cache_write": sums.cache_write,
    }


def _dollars(sums: Sums) -> float:
    return sums.cost_nano / DOLLAR
