"""What a run found out, as it is written to a file: figures by scenario and target."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import msgspec

from bench.processes import ROOT
from bench.scenarios import Measure, Scenario


class Figure(msgspec.Struct, frozen=True):
    """One scenario at one target: its metrics, a mapping for each round."""

    scenario: Scenario
    target: str
    rounds: tuple[dict[str, float], ...]

    def value(self, metric: str) -> float | None:
        """The median of the rounds; None if it was not measured."""
        values = [found[metric] for found in self.rounds if metric in found]
        return median(values) if values else None


class Memory(msgspec.Struct, frozen=True):
    """Resident memory a connection takes, above that of a process without clients."""

    target: str
    pair: str
    connections: int
    empty_bytes: int
    idle_connection_bytes: float
    idle_stream_bytes: float
    active_stream_bytes: float


class Soak(msgspec.Struct, frozen=True):
    """Resident memory over a long time of load, as (seconds, bytes)."""

    target: str
    resident: tuple[tuple[float, int], ...]
    requests: int
    errors: int

    @property
    def minutes(self) -> float:
        """How long it was."""
        return self.resident[-1][0] / 60

    @property
    def growth(self) -> float:
        """How much the last tenth holds above the second, as a share of that."""
        tenth = max(1, len(self.resident) // 10)
        sizes = [size for _, size in self.resident]
        before = median(sizes[tenth : 2 * tenth] or sizes)
        return median(sizes[-tenth:]) / before - 1


class Machine(msgspec.Struct, frozen=True):
    """Where it ran."""

    processor: str
    cores: int
    system: str
    python: str
    load_before: float

    @staticmethod
    def here() -> Machine:
        """This one, and how busy it already is."""
        return Machine(
            _processor(),
            os.cpu_count() or 1,
            f"{platform.system()} {platform.release()}",
            platform.python_version(),
            round(os.getloadavg()[0], 2),
        )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


class Results(msgspec.Struct, frozen=True):
    """A run. `skipped` says which targets could not be had, and why; `pending` what a run that was
    stopped, or is still under way, has not measured."""

    machine: Machine
    at: str
    commit: str
    quick: bool
    versions: dict[str, str]
    skipped: dict[str, str]
    figures: tuple[Figure, ...]
    memory: tuple[Memory, ...] = ()
    codec: dict[str, dict[str, dict[str, float]]] = {}
    soak: Soak | None = None
    scale: tuple[Figure, ...] = ()
    pending: tuple[str, ...] = ()

    @property
    def targets(self) -> list[str]:
        return list(dict.fromkeys(figure.target for figure in self.figures))

    @property
    def scenarios(self) -> list[Scenario]:
        return list(dict.fromkeys(figure.scenario for figure in self.figures))

    def of(self, measure: Measure) -> Iterator[Figure]:
        """The figures of one kind of load."""
        return (figure for figure in self.figures if figure.scenario.measure is measure)

    def value(self, scenario: Scenario, target: str, metric: str) -> float | None:
        """A median; None if it was not measured."""
        for figure in self.figures:
            if figure.scenario == scenario and figure.target == target:
                return figure.value(metric)
        return None


def now() -> str:
    """The time to write into results."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def commit(reference: str = "HEAD") -> str:
    """The short name of a commit of this checkout; empty outside of one, or without git."""
    if shutil.which("git") is None:
        return ""
    ran = subprocess.run(
        ["git", "rev-parse", "--short", reference],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return ran.stdout.strip()


def load(path: Path) -> Results:
    """The results in a file."""
    return msgspec.json.decode(path.read_bytes(), type=Results)


def save(results: Results, path: Path) -> None:
    """Write the results to a file, readable."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1) + b"\n")
