"""What more workers gain: the same gateway with one and with two, on both cores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bench.plan import PASSED, TRANSLATED, Step, take_turns, warm
from bench.processes import Rig, cores, scratch
from bench.results import Figure
from bench.scenarios import Measure, Scenario, scenario
from bench.targets import llm_mux

ONE: Final = "1 worker"
TWO: Final = "2 workers"
STEPS: Final = (
    Step(scenario(Measure.WHOLE, PASSED, 64), 5, 2.0),
    Step(scenario(Measure.BURST, TRANSLATED, 64), 5, 2.0),
)
_RATES: Final = {Measure.WHOLE: "requests_per_s", Measure.BURST: "events_per_s"}
"""what should grow with the workers"""
_SHARES: Final = ("gateway_share", "mock_share", "load_share")
_CORES: Final = 2


@dataclass(frozen=True, slots=True)
class Row:
    """What one and two workers reach a second, and how many cores each of the two keeps busy.

    `busy` is how many cores one worker keeps busy together with the mock and the load generator.
    """

    scenario: Scenario
    one: float
    two: float
    busy_one: float
    busy_two: float
    busy: float

    @property
    def gain(self) -> float:
        """How many times as much two reach."""
        return self.two / self.one

    @property
    def room(self) -> float:
        """How many times as much there are cores for: more requests take more of the mock and of
        the load generator, too."""
        return _CORES / max(self.busy, 1.0)


def rows(found: Sequence[Figure]) -> list[Row]:
    """The figures beside each other."""
    of = {(figure.scenario, figure.target): figure for figure in found}
    paired: list[Row] = []
    for what in dict.fromkeys(figure.scenario for figure in found):
        one, two = of[what, ONE], of[what, TWO]
        values = [
            figure.value(metric) or 0
            for metric in (_RATES[what.measure], "gateway_share")
            for figure in (one, two)
        ]
        busy = sum([one.value(metric) or 0 for metric in _SHARES])
        paired.append(Row(what, *values, busy))
    return paired


def figures(rig: Rig) -> tuple[Figure, ...]:
    """Both in turns; nothing where there is one core only.

    The mock and the load generator stay on one of the two cores, so a ratio of 2 cannot be reached.
    """
    gateway_core, other = cores()
    both = gateway_core | other
    if len(both) < 2:
        return ()
    found: list[Figure] = []
    with (
        scratch() as folder,
        llm_mux(rig.mock_port, folder, name=ONE, on=both) as one,
        llm_mux(rig.mock_port, folder, name=TWO, on=both, workers=2) as two,
    ):
        for step in STEPS:
            for target in (one, two):
                warm(rig, target, step.scenario.pair)
            found += take_turns(rig, [one, two], step.scenario, step.rounds, step.seconds)
    return tuple(found)
