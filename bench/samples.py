"""One measurement: a job, and what it took of the processes meanwhile."""

from __future__ import annotations

from dataclasses import dataclass

from bench.load import Job, Outcome
from bench.mock import Shape
from bench.processes import Rig
from bench.targets import Target


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
    def cpu_us_per_token(self) -> float:
        return self.gateway_cpu_s / max(1, self.outcome.tokens) * 1e6

    @property
    def gateway_share(self) -> float:
        """Of its core."""
        return self.gateway_cpu_s / self.outcome.seconds

    @property
    def mock_share(self) -> float:
        """Of its core, which it has together with the load generator."""
        return self.mock_cpu_s / self.outcome.seconds

    @property
    def load_share(self) -> float:
        """Of its core, which it has together with the mock."""
        return self.outcome.cpu_s / self.outcome.seconds


def sample(rig: Rig, target: Target, shape: Shape, job: Job) -> Sample:
    """Do `job` while the mock answers in `shape`."""
    rig.shape(shape)
    rig.begin(job)
    gateway_s, mock_s = _cpu_s(target), rig.mock.cpu_s()
    outcome = rig.finish()
    return Sample(outcome, _cpu_s(target) - gateway_s, rig.mock.cpu_s() - mock_s)


def _cpu_s(target: Target) -> float:
    return target.watched.cpu_s() if target.watched else 0.0
