"""What vendors ask for tokens at their own hosts, as a shipped table.

Prices change, and long prompts may cost more than the base price that stands here: what is made of
it is an estimate. A name that is not in the table has no price, for a guess would be worse.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Final

import msgspec

_EDITION: Final = re.compile(r"-(\d{8}|\d{4}-\d{2}-\d{2}|\d{2}-\d{4}|\d{3}|latest)$")
"""What ends the name of one edition of a model."""


class Price(msgspec.Struct, frozen=True, rename="kebab", forbid_unknown_fields=True):
    """For a million tokens, in US dollars. None for the cache means: what other input costs."""

    input: float
    output: float
    cache_read: float | None = None
    cache_write: float | None = None


class _Row(Price, frozen=True, kw_only=True):
    """One line of the table: the price of `models` at providers of a `type`."""

    type: str
    models: tuple[str, ...]


class _Table(msgspec.Struct, frozen=True):
    source: str
    date: str
    prices: tuple[_Row, ...]


def price_of(provider_type: str, model: str) -> Price | None:
    """The price of `model`, the vendor's own name; of an edition without one, that of the model."""
    prices = _prices()
    found = prices.get((provider_type, model))
    return found or prices.get((provider_type, _EDITION.sub("", model)))


@cache
def _prices() -> Mapping[tuple[str, str], Price]:
    data = resources.files("mux.models").joinpath("prices.json").read_bytes()
    table = msgspec.json.decode(data, type=_Table)
    return {(row.type, model): row for row in table.prices for model in row.models}
