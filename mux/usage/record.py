"""What is recorded: a `RequestRecord` for each request, a `TryRecord` for each attempt at it."""

from __future__ import annotations

from typing import Final

import msgspec

from mux.ir import Usage

_MOST: Final = 1 << 40
"""No count is larger: what an upstream made up must not break a sum over all requests."""


class Tokens(msgspec.Struct, frozen=True, gc=False):
    """Counts as translation spec section 14 has them; 0 for what nobody said.

    `input` is all that was read, `cached` and `cache_write` included; `output` is all that was
    written, `reasoning` included.
    """

    input: int = 0
    output: int = 0
    cached: int = 0
    cache_write: int = 0
    reasoning: int = 0

    @classmethod
    def of(cls, usage: Usage | None) -> Tokens:
        """The counts in what an upstream reported."""
        if usage is None:
            return NO_TOKENS
        return cls(
            _count(usage.input_total),
            _count(usage.output_total),
            _count(usage.cache_read),
            _count(usage.cache_write),
            _count(usage.reasoning),
        )

    @property
    def total(self) -> int:
        """Everything read and written."""
        return self.input + self.output

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(
            self.input + other.input,
            self.output + other.output,
            self.cached + other.cached,
            self.cache_write + other.cache_write,
            self.reasoning + other.reasoning,
        )


def _count(number: int | None) -> int:
    if not number or number < 0:
        return 0
    return min(number, _MOST)


NO_TOKENS: Final = Tokens()


class TryRecord(msgspec.Struct, frozen=True, gc=False):
    """One attempt: whom it asked, and what came of it.

    `account` tells the provider's keys apart without holding one; `status` is the upstream's, 0
    if it gave none; `cost_nano` is in billionths of a US dollar, None where no price is known.
    """

    provider: str
    account: str
    model: str
    status: int = 200
    error: str = ""
    duration_s: float = 0.0
    first_content_s: float | None = None
    tokens: Tokens = NO_TOKENS
    cost_nano: int | None = None
    estimated: bool = False
    """nobody said how many `tokens`, or not of all"""


class RequestRecord(msgspec.Struct, frozen=True, gc=False):
    """One request of a client, complete. What the attempts tell is not told twice.

    `id` is unique: a record added again is still stored once. `time_s` is when it arrived, in
    seconds since the epoch; `client` is `config.client_id` of its key, empty without one; `status`
    is what the client saw, 0 if it left before; `losses` are codes of `ir.Loss`.
    """

    id: str
    time_s: float
    client: str
    dialect: str
    model: str
    """as the client asked for it"""
    stream: bool
    status: int
    duration_s: float
    error: str = ""
    first_content_s: float | None = None
    cancelled: bool = False
    losses: tuple[str, ...] = ()
    tries: tuple[TryRecord, ...] = ()

    @property
    def last(self) -> TryRecord | None:
        """The attempt that counts; None for a request that reached nobody."""
        return self.tries[-1] if self.tries else None

    @property
    def tokens(self) -> Tokens:
        """Those of all attempts: the failed ones were read and written, too."""
        if len(self.tries) == 1:  # nearly always
            return self.tries[0].tokens
        return sum((attempt.tokens for attempt in self.tries), NO_TOKENS)

    @property
    def cost_nano(self) -> int | None:
        """What all attempts cost, as far as prices are known; None if none is."""
        known = [attempt.cost_nano for attempt in self.tries if attempt.cost_nano is not None]
        return sum(known) if known else None

    @property
    def failed(self) -> bool:
        """Whether the client did not get what it asked for. One that left is not a failure."""
        return not self.cancelled and (self.status >= 400 or bool(self.error))
