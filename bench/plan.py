"""Which scenarios a run has, how long each takes, and which targets take part in it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bench.load import Job
from bench.mock import Kind, Shape
from bench.processes import Rig
from bench.requests import speaks
from bench.results import Figure
from bench.samples import measure, sample
from bench.scenarios import Measure, Scenario, scenario
from bench.targets import DIRECT, MUX, Pair, Target
from mux.codecs import CODECS

PASSED: Final = "openai_chat>openai_chat"
TRANSLATED: Final = "anthropic>openai_chat"
MAIN: Final = (PASSED, TRANSLATED)
"""the pairs that all targets are asked for"""
COMPARED: Final = (*MAIN, "anthropic>anthropic", "openai_chat>anthropic")
CONCURRENCIES: Final = (1, 16, 64, 256)
_COMPARED_AT: Final = 64
_WARM: Final = 20
_LONG_S: Final = 10.0
"""Who takes longer for a sample gives no other in the same scenario."""
_IN_STEP: Final = 0.9
"""Who sends a smaller share of the events in time is not asked for more streams."""
_OVERHEAD_S: Final = 1.3
"""what a sample takes beside what is measured, about; slow targets take more"""
_OPENED_A_S: Final = 400
PACES: Final = ((100, 50.0), (500, 10.0), (1000, 5.0), (2000, 2.5), (5000, 1.0))
"""streams, and events a second of each: always 5,000 events a second in all"""
MOST_STREAMS: Final = PACES[-1]
EASY_PACE: Final = (100, 10.0)
"""a pace that all of them keep: who falls behind reads many events at once, and each costs less"""


@dataclass(frozen=True, slots=True)
class Step:
    """A scenario that every target takes part in, for `rounds` rounds of `seconds`; or, with `own`,
    only llm-mux and the mock."""

    scenario: Scenario
    rounds: int
    seconds: float
    own: bool = False

    def takes(self, target: Target) -> bool:
        """Whether `target` takes part."""
        if self.own and target.name not in (MUX, DIRECT):
            return False
        return target.serves(self.scenario.pair)

    def expected_s(self, targets: list[Target]) -> float:
        """How long it takes, about."""
        sample_s = self.seconds + _OVERHEAD_S
        if self.scenario.paced:
            sample_s += self.scenario.load / _OPENED_A_S
        return self.rounds * sample_s * sum(map(self.takes, targets))


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run does. `streams` are open at once when memory is measured."""

    steps: tuple[Step, ...]
    streams: int


def quick() -> Plan:
    """A run of some minutes: one sample of the main figures."""
    return Plan(tuple(Step(what, 1, 1.0) for what in brief(MAIN)), streams=200)


def full() -> Plan:
    """All figures, in some half an hour."""
    in_turns = [
        *(scenario(Measure.WHOLE, pair, load) for pair in MAIN for load in CONCURRENCIES),
        *(scenario(Measure.WHOLE, pair, _COMPARED_AT) for pair in COMPARED[len(MAIN) :]),
        *(scenario(Measure.AGENT, pair, 16) for pair in COMPARED),
        *(scenario(Measure.BURST, pair, 16) for pair in COMPARED),
        *(scenario(Measure.FIRST, pair, 16) for pair in COMPARED),
        *(scenario(Measure.FIRST, pair, 1) for pair in MAIN),
        *(scenario(Measure.PACED, pair, *EASY_PACE) for pair in MAIN),
        *(scenario(Measure.PACED, pair, *PACES[0]) for pair in MAIN),
    ]
    compared = [scenario(Measure.WHOLE, pair, _COMPARED_AT) for pair in COMPARED]
    many_streams = [scenario(Measure.PACED, pair, *pace) for pair in MAIN for pace in PACES[1:]]
    every = [
        f"{client}>{upstream}"
        for client in CODECS
        for upstream in CODECS
        if speaks(client, upstream)
    ]
    own = [
        *(scenario(Measure.WHOLE, pair, load) for pair in every for load in CONCURRENCIES),
        *(scenario(Measure.BURST, pair, 16) for pair in every),
        *(scenario(Measure.FIRST, pair, 16) for pair in every),
    ]
    steps = [
        *(Step(what, 5 if what in compared else 3, 1.0) for what in in_turns),
        *(Step(what, 1, 4.0) for what in many_streams),
        *(Step(what, 1, 0.7, own=True) for what in own if what not in in_turns),
    ]
    return Plan(tuple(steps), streams=1000)


def brief(pairs: tuple[str, ...]) -> tuple[Scenario, ...]:
    """One scenario of each kind for each pair."""
    return tuple(
        what
        for pair in pairs
        for what in (
            scenario(Measure.WHOLE, pair, 64),
            scenario(Measure.AGENT, pair, 16),
            scenario(Measure.BURST, pair, 16),
            scenario(Measure.FIRST, pair, 16),
            scenario(Measure.PACED, pair, 100, 50.0),
        )
    )


def figures(plan: Plan, rig: Rig, targets: list[Target]) -> Iterator[tuple[Step, list[Figure]]]:
    """Measure everything step by step, the targets taking turns within each."""
    warmed: set[tuple[str, Pair]] = set()
    late: set[tuple[str, Pair]] = set()
    for step in plan.steps:
        pair = step.scenario.pair
        asked = list(filter(step.takes, targets))
        if step.scenario.paced:
            asked = [target for target in asked if (target.name, pair) not in late]
        for target in asked:
            if (target.name, pair) not in warmed:
                warmed.add((target.name, pair))
                warm(rig, target, pair)
        found = take_turns(rig, asked, step.scenario, step.rounds, step.seconds)
        late |= {(figure.target, pair) for figure in found if falls_behind(figure)}
        yield step, found


def falls_behind(figure: Figure) -> bool:
    """Whether a peer sent too little of what the paced streams said: at more of them, it is the
    length of its queue that would be measured."""
    what = figure.scenario
    sent = figure.value("events_per_s") or 0
    return what.paced and figure.target != MUX and sent < _IN_STEP * what.load * what.rate


def warm(rig: Rig, target: Target, pair: Pair) -> None:
    """Let a target answer some requests one by one: many of them load what they need only then."""
    for shape in (Shape(), Shape(Kind.BURST, _WARM)):
        request = target.request(pair, stream=bool(shape.tokens))
        job = Job(target.port, request, 1, 0.0, tokens=shape.tokens, at_least=_WARM)
        sample(rig, target, shape, job)


def take_turns(
    rig: Rig, targets: list[Target], what: Scenario, rounds: int, seconds: float
) -> list[Figure]:
    """One scenario at each target that serves it; every round begins with another one."""
    serving = [target for target in targets if target.serves(what.pair)]
    found: dict[str, list[dict[str, float]]] = {target.name: [] for target in serving}
    slow: set[str] = set()
    for number in range(rounds):
        place = number % max(1, len(serving))
        for target in serving[place:] + serving[:place]:
            if target.name in slow:
                continue
            began = time.monotonic()
            found[target.name].append(measure(rig, target, what, seconds).metrics(what))
            if time.monotonic() - began > seconds + _LONG_S and target.name != MUX:
                slow.add(target.name)
    return [Figure(what, name, tuple(metrics)) for name, metrics in found.items()]


def summary(found: list[Figure]) -> str:
    """The main figure of each target in one line."""
    what = found[0].scenario
    metric = {
        Measure.WHOLE: "requests_per_s",
        Measure.AGENT: "requests_per_s",
        Measure.BURST: "events_per_s",
        Measure.FIRST: "p50_us",
        Measure.PACED: "p50_us",
    }[what.measure]
    cells = [f"{figure.target} {figure.value(metric) or 0:,.0f}" for figure in found]
    return f"{what}, {metric}: {', '.join(cells)}"
