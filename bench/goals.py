"""The goals, each a figure of llm-mux held against another of the same run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bench import scale
from bench.plan import EASY_PACE, MAIN, MOST_STREAMS, TRANSLATED
from bench.results import Results
from bench.scenarios import Measure, Scenario, scenario
from bench.targets import DIRECT, MUX, Pair

LITELLM: Final = "litellm"
ROUTER: Final = "claude-code-router"
_SOAK_MINUTES: Final = 30


@dataclass(frozen=True, slots=True)
class Goal:
    """`reached` gives the figure, None where something of it was not measured."""

    text: str
    limit: float
    at_least: bool
    unit: str
    reached: Callable[[Results], float | None]

    def met(self, value: float) -> bool:
        """Whether `value` is good enough."""
        return value >= self.limit if self.at_least else value <= self.limit


def ratio(results: Results, what: Scenario, metric: str, peer: str) -> float | None:
    """A figure of llm-mux as a multiple of the peer's."""
    own, other = results.value(what, MUX, metric), results.value(what, peer, metric)
    return own / other if own is not None and other else None


def added_ms(results: Results, what: Scenario, metric: str) -> float | None:
    """How much later than straight from the mock, in milliseconds.

    The mock asked directly has no translation: it is asked in the upstream's dialect.
    """
    straight = scenario(what.measure, f"{what.upstream}>{what.upstream}", what.load, what.rate)
    own = results.value(what, MUX, metric)
    reference = results.value(straight, DIRECT, metric)
    return (own - reference) / 1000 if own is not None and reference is not None else None


def _worst(figures: list[float | None], *, at_least: bool) -> float | None:
    known = [figure for figure in figures if figure is not None]
    if len(known) < len(figures):
        return None
    return min(known) if at_least else max(known)


def _ratio(
    measure: Measure,
    load: int,
    metric: str,
    peer: str,
    limit: float,
    text: str,
    pairs: tuple[str, ...] = MAIN,
    rate: float = 0.0,
) -> Goal:
    at_least = limit > 1

    def reached(results: Results) -> float | None:
        found = [
            ratio(results, scenario(measure, pair, load, rate), metric, peer) for pair in pairs
        ]
        return _worst(found, at_least=at_least)

    return Goal(text, limit, at_least, "x", reached)


def _added(
    measure: Measure, load: int, metric: str, limit: float, text: str, rate: float = 0.0
) -> Goal:
    def reached(results: Results) -> float | None:
        found = [added_ms(results, scenario(measure, pair, load, rate), metric) for pair in MAIN]
        return _worst(found, at_least=False)

    return Goal(text, limit, False, "ms", reached)


def _unserved(results: Results) -> float | None:
    """Of the most streams at once: those that did not begin, and the errors."""
    load, rate = MOST_STREAMS
    found: list[float | None] = []
    for pair in MAIN:
        what = scenario(Measure.PACED, pair, load, rate)
        ready = results.value(what, MUX, "ready")
        errors = results.value(what, MUX, "errors")
        found.append(None if ready is None or errors is None else load - ready + errors)
    return _worst(found, at_least=False)


def _resident_kb(results: Results) -> float | None:
    own = [entry.active_stream_bytes / 1000 for entry in results.memory if entry.target == MUX]
    return max(own) if own else None


def _growth(results: Results) -> float | None:
    soak = results.soak
    return soak.growth * 100 if soak and soak.minutes > _SOAK_MINUTES - 1 else None


def _gain(results: Results) -> float | None:
    """What two workers gain, of what the cores have room for."""
    rows = scale.rows(results.scale)
    return _worst([row.gain / row.room for row in rows] or [None], at_least=True)


def _translation_ms(results: Results) -> float | None:
    """Of all pairs that are translated: a request decoded, and encoded for the upstream."""
    if not (requests := results.codec.get("requests")):
        return None
    decode, encode = requests["decode"], requests["encode"]
    pairs = map(Pair.parse, encode)
    return max((decode[pair.client] + encode[str(pair)]) / 1000 for pair in pairs if not pair.same)


GOALS: Final = (
    _ratio(
        Measure.WHOLE,
        64,
        "requests_per_s",
        LITELLM,
        40,
        "requests/s at concurrency 64, translated and passed through, against LiteLLM",
    ),
    _ratio(
        Measure.WHOLE,
        64,
        "requests_per_s",
        ROUTER,
        4,
        "requests/s at concurrency 64, translated and passed through, against claude-code-router",
        pairs=(TRANSLATED, "anthropic>anthropic"),
    ),
    _ratio(
        Measure.AGENT,
        16,
        "requests_per_s",
        LITELLM,
        25,
        "requests/s of 130 KB requests against LiteLLM",
    ),
    _ratio(
        Measure.BURST,
        16,
        "cpu_us_per_event",
        LITELLM,
        1 / 20,
        "CPU per streamed event at full speed against LiteLLM",
    ),
    _ratio(
        Measure.PACED,
        EASY_PACE[0],
        "cpu_us_per_event",
        LITELLM,
        1 / 2,
        "CPU per streamed event at 100 paced streams, none late, against LiteLLM",
        rate=EASY_PACE[1],
    ),
    _added(
        Measure.PACED,
        100,
        "p50_us",
        0.5,
        "delay added to an event, p50, at 100 streams of 50 events/s",
        rate=50.0,
    ),
    _added(
        Measure.PACED,
        1000,
        "p99_us",
        10,
        "delay added to an event, p99, at 1,000 streams of 5 events/s",
        rate=5.0,
    ),
    _added(
        Measure.FIRST,
        16,
        "p50_us",
        2,
        "time to first content added, p50, at concurrency 16",
    ),
    Goal("of 5,000 streams at once, failed or not begun", 0, False, "streams", _unserved),
    Goal("resident memory of an active stream", 60, False, "KB", _resident_kb),
    Goal("growth of resident memory over 30 minutes of load", 3, False, "%", _growth),
    Goal("two workers against one, of what two cores have room for", 0.9, True, "x", _gain),
    Goal("a request of 130 KB decoded and encoded", 3, False, "ms", _translation_ms),
)
"""The worst of the pairs counts."""
