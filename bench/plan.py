"""Which scenarios a run has, how long each takes, and which targets take part in it."""

from __future__ import annotations

from collections.abc import Callable
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
_WARM: Final = 20
PACES: Final = ((100, 50.0), (500, 10.0), (1000, 5.0), (2000, 2.5), (5000, 1.0))
"""streams, and events a second of each: always 5,000 events a second in all"""
MOST_STREAMS: Final = PACES[-1]


@dataclass(frozen=True, slots=True)
class Step:
    """A scenario that every target takes part in, for `rounds` rounds of `seconds`; or, with `own`,
    only llm-mux and the mock."""

    scenario: Scenario
    rounds: int
    seconds: float
    own: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run does. `streams` are open at once when memory is measured."""

    steps: tuple[Step, ...]
    streams: int


def quick() -> Plan:
    """A run of some minutes: one sample of the main figures."""
    return Plan(tuple(Step(what, 1, 1.0) for what in brief(MAIN)), streams=200)


def full() -> Plan:
    """All figures, in some forty minutes."""
    in_turns = [
        *(scenario(Measure.WHOLE, pair, load) for pair in COMPARED for load in CONCURRENCIES),
        *(scenario(Measure.AGENT, pair, 16) for pair in COMPARED),
        *(scenario(Measure.BURST, pair, 16) for pair in COMPARED),
        *(scenario(Measure.FIRST, pair, load) for pair in COMPARED for load in (1, 16)),
        *(scenario(Measure.PACED, pair, *PACES[0]) for pair in MAIN),
    ]
    many_streams = [scenario(Measure.PACED, pair, *pace) for pair in MAIN for pace in PACES[1:]]
    others = [
        f"{client}>{upstream}"
        for client in CODECS
        for upstream in CODECS
        if speaks(client, upstream) and f"{client}>{upstream}" not in COMPARED
    ]
    own = [
        *(scenario(Measure.WHOLE, pair, load) for pair in others for load in CONCURRENCIES),
        *(scenario(Measure.BURST, pair, 16) for pair in others),
        *(scenario(Measure.FIRST, pair, 16) for pair in others),
    ]
    steps = [
        *(Step(what, 3, 1.0) for what in in_turns),
        *(Step(what, 1, 4.0) for what in many_streams),
        *(Step(what, 1, 0.7, own=True) for what in own),
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


def figures(
    plan: Plan, rig: Rig, targets: list[Target], tell: Callable[[str], None]
) -> list[Figure]:
    """Measure everything, the targets taking turns within a scenario. `tell` hears of progress."""
    own = [target for target in targets if target.name in (MUX, DIRECT)]
    warmed: set[tuple[str, Pair]] = set()
    found: list[Figure] = []
    for step in plan.steps:
        what = step.scenario
        asked = own if step.own else targets
        for target in asked:
            if target.serves(what.pair) and (target.name, what.pair) not in warmed:
                warmed.add((target.name, what.pair))
                warm(rig, target, what.pair)
        found += take_turns(rig, asked, what, step.rounds, step.seconds)
        tell(_progress(what, found))
    return found


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
    for number in range(rounds):
        place = number % max(1, len(serving))
        for target in serving[place:] + serving[:place]:
            taken = measure(rig, target, what, seconds)
            found[target.name].append(taken.metrics(what))
    return [Figure(what, name, tuple(metrics)) for name, metrics in found.items()]


def _progress(what: Scenario, found: list[Figure]) -> str:
    metric = {
        Measure.WHOLE: "requests_per_s",
        Measure.AGENT: "requests_per_s",
        Measure.BURST: "events_per_s",
        Measure.FIRST: "p50_us",
        Measure.PACED: "p50_us",
    }[what.measure]
    cells = [
        f"{figure.target} {figure.value(metric) or 0:,.0f}"
        for figure in found
        if figure.scenario == what
    ]
    return f"{what}, {metric}: {', '.join(cells)}"
