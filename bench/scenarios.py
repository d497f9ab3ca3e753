"""What is measured: five kinds of load, for a pair of dialects and a number of connections."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from bench.load import Job
from bench.mock import Kind, Shape
from bench.targets import Pair, Target

_BURST_TOKENS: Final = 300
_FIRST_TOKENS: Final = 10
_FIRST_INTERVAL_US: Final = 5_000
_RAMP_S: Final = 90
"""for how long a paced stream goes on beyond the time it is measured"""
_CONNECT_S: Final = 10.0
_STREAMS_A_S: Final = 75
"""what is waited for, where there are many streams, before the measuring begins"""
_AT_LEAST: Final = 20
"""requests that are waited for, however slow"""
_AT_LEAST_EACH: Final = 4
"""Who answers all connections in a wave is measured over some of them."""
_AT_LEAST_TOKENS: Final = 600


class Measure(StrEnum):
    """What is asked of a gateway."""

    WHOLE = "whole"
    """short requests, whole answers"""
    AGENT = "agent"
    """requests of 130 KB, whole answers"""
    BURST = "burst"
    """streams as fast as they are read"""
    FIRST = "first"
    """short paced streams, for the time to the first event"""
    PACED = "paced"
    """long streams with a pause after each event, for the delay of each"""


class Scenario(msgspec.Struct, frozen=True):
    """`load` is the number of connections; `rate` the events a second of each paced stream."""

    measure: Measure
    client: str
    upstream: str
    load: int
    rate: float = 0.0

    @property
    def pair(self) -> Pair:
        return Pair(self.client, self.upstream)

    @property
    def streamed(self) -> bool:
        return self.measure not in (Measure.WHOLE, Measure.AGENT)

    @property
    def paced(self) -> bool:
        return self.measure is Measure.PACED

    def __str__(self) -> str:
        rate = f" x {self.rate:g}/s" if self.paced else ""
        return f"{self.measure} {self.pair} {self.load}{rate}"

    def shape(self, seconds: float) -> Shape:
        """How the mock answers."""
        match self.measure:
            case Measure.BURST:
                return Shape(Kind.BURST, _BURST_TOKENS)
            case Measure.FIRST:
                return Shape(Kind.PACED, _FIRST_TOKENS, _FIRST_INTERVAL_US)
            case Measure.PACED:
                tokens = int(self.rate * (seconds + _RAMP_S))
                return Shape(Kind.PACED, tokens, int(1e6 / self.rate))
            case _:
                return Shape()

    def job(self, target: Target, seconds: float) -> Job:
        """What the load generator does."""
        request = target.request(
            self.pair, stream=self.streamed, agent=self.measure is Measure.AGENT
        )
        tokens = self.shape(seconds).tokens
        return Job(
            target.port,
            request,
            self.load,
            seconds,
            warm_s=1.0 if self.paced else 0.3,
            tokens=tokens,
            stamped=self.measure in (Measure.FIRST, Measure.PACED),
            at_least=self._at_least,
            ramp_s=max(_CONNECT_S, self.load / _STREAMS_A_S if self.paced else 0),
        )

    @property
    def _at_least(self) -> int:
        match self.measure:
            case Measure.WHOLE | Measure.AGENT:
                return max(_AT_LEAST, _AT_LEAST_EACH * self.load)
            case Measure.BURST | Measure.FIRST:
                return _AT_LEAST_TOKENS
            case Measure.PACED:
                return 0


def scenario(measure: Measure, pair: str, load: int, rate: float = 0.0) -> Scenario:
    """A scenario for the pair written as ``client>upstream``."""
    parsed = Pair.parse(pair)
    return Scenario(measure, parsed.client, parsed.upstream, load, rate)
