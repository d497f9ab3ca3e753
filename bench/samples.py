"""One measurement: a job, and what it took of the processes meanwhile."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from bench.load import Job, Outcome
from bench.mock import Shape
from bench.processes import Rig, tell
from bench.scenarios import Measure, Scenario
from bench.targets import Target

_QUIET_SHARE: Final = 0.05
_QUIET_S: Final = 0.2
_LEAVE_S: Final = 4.0
_CUT_S: Final = 2.0
_SETTLE_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class Sample:
    """`gateway_cpu_s` is 0 where the mock itself was asked."""

    outcome: Outcome
    gateway_cpu_s: float
    mock_cpu_s: float

    @property
    def cpu_us_per_request(self) -> float:
        return self.gateway_cpu_s / max(1, self.outcome.requests) * 1e6

    @property
    def cpu_us_per_event(self) -> float:
        return self.gateway_cpu_s / max(1, self.outcome.tokens) * 1e6

    def metrics(self, scenario: Scenario) -> dict[str, float]:
        """The figures that mean something for `scenario`, times in microseconds.

        `mock_share` and `load_share` are of the one core that both have together.
        """
        outcome = self.outcome
        seconds = outcome.seconds
        figures = {
            "gateway_share": self.gateway_cpu_s / seconds,
            "mock_share": self.mock_cpu_s / seconds,
            "load_share": outcome.cpu_s / seconds,
            "errors": outcome.errors,
            "ready": outcome.ready,
        }
        match scenario.measure:
            case Measure.WHOLE | Measure.AGENT:
                times = outcome.latency
                figures["requests_per_s"] = outcome.requests_per_s
                if outcome.requests:
                    figures["cpu_us_per_request"] = self.cpu_us_per_request
            case Measure.FIRST:
                times = outcome.first
            case Measure.BURST | Measure.PACED:
                times = outcome.delay
                figures["events_per_s"] = outcome.tokens_per_s
                if outcome.tokens:
                    figures["cpu_us_per_event"] = self.cpu_us_per_event
        if times.count:
            figures |= {"p50_us": times.p50, "p90_us": times.p90, "p99_us": times.p99}
        return {name: round(value, 3) for name, value in figures.items()}


def sample(rig: Rig, target: Target, shape: Shape, job: Job) -> Sample:
    """Do `job` while the mock answers in `shape`, and wait until the target is at rest again."""
    shape_all(rig, target, shape)
    rig.begin(job)
    gateway_s, mock_s = _cpu_s(target), rig.mock.cpu_s()
    outcome = rig.finish()
    taken = Sample(outcome, _cpu_s(target) - gateway_s, rig.mock.cpu_s() - mock_s)
    settle(rig, target)
    return taken


def shape_all(rig: Rig, target: Target, shape: Shape) -> None:
    """Have the mock, and `target` if it answers itself, answer like this from now on, once `target`
    is at rest if it had been stopped."""
    if target.watched and target.watched.go_on():
        _rests(target, _SETTLE_S)
    tell(rig.mock_port, shape)
    if target.answers_itself:
        tell(target.port, shape)


def settle(rig: Rig, target: Target) -> None:
    """Wait until `target` has done with what its clients left behind, for a while.

    Some read on from the mock for clients that are gone, and would do so while others are measured:
    those are cut off, and who then is not at rest is stopped until its next turn. Not at once, or
    who is about to hear of both would take the mock for broken.
    """
    if target.watched and not _rests(target, _LEAVE_S):
        tell(rig.mock_port, Shape())
        if not _rests(target, _CUT_S):
            target.watched.stop()


def _rests(target: Target, patience_s: float) -> bool:
    """Whether `target` does nothing any more before `patience_s` are over."""
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        before = _cpu_s(target)
        time.sleep(_QUIET_S)
        if _cpu_s(target) - before <= _QUIET_SHARE * _QUIET_S:
            return True
    return False


def measure(rig: Rig, target: Target, scenario: Scenario, seconds: float) -> Sample:
    """One sample of a scenario."""
    return sample(rig, target, scenario.shape(seconds), scenario.job(target, seconds))


def _cpu_s(target: Target) -> float:
    return target.watched.cpu_s() if target.watched else 0.0
