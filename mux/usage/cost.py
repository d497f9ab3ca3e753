"""What tokens cost, in whole billionths of a dollar, so that sums are exact."""

from __future__ import annotations

from typing import Final

from mux.models import Price
from mux.usage.record import Tokens

DOLLAR: Final = 1_000_000_000
"""In the unit of all costs: a price of one dollar a million tokens is 1,000 of them a token."""

_PER_TOKEN: Final = DOLLAR // 1_000_000
_MOST: Final = 100_000 * DOLLAR
"""No request costs more, whatever counts an upstream makes up."""


def cost_nano(price: Price | None, tokens: Tokens) -> int | None:
    """What `tokens` cost at `price`; None where no price is known."""
    if price is None:
        return None
    read = price.input if price.cache_read is None else price.cache_read
    written = price.input if price.cache_write is None else price.cache_write
    plain = max(tokens.input - tokens.cached - tokens.cache_write, 0)
    dollars = (
        plain * price.input
        + tokens.cached * read
        + tokens.cache_write * written
        + tokens.output * price.output
    )
    return min(round(dollars * _PER_TOKEN), _MOST)
