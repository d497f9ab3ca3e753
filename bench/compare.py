"""This checkout against another commit of it, in one run; and a run against the committed baseline.

Absolute figures of two runs cannot be compared, the machine is never the same twice. So the other
commit is measured in turns with this one, and of the baseline only ratios within its run are used.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from io import BytesIO
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Final

import msgspec

from bench import codec
from bench.plan import MAIN, brief, take_turns
from bench.processes import ROOT, Rig, cores, program, rig, scratch
from bench.report import table
from bench.results import Figure, Results
from bench.scenarios import Measure, Scenario
from bench.targets import DIRECT, MUX, llm_mux

ALLOWED: Final = 1.10
"""how much more than before is still noise"""
_COSTS: Final = {
    Measure.WHOLE: ("cpu_us_per_request",),
    Measure.AGENT: ("cpu_us_per_request",),
    Measure.BURST: ("cpu_us_per_event",),
    Measure.FIRST: ("p50_us",),
    Measure.PACED: ("cpu_us_per_event", "p50_us"),
}
"""what is compared: all of it better the smaller it is"""
_REFERENCES: Final = ("hypercorn", DIRECT, "nginx", "litellm")


class Change(msgspec.Struct, frozen=True):
    """A figure now as a multiple of what it was: the median and the least of paired rounds.

    It regressed if it got worse by more than `ALLOWED`, and in every round.
    """

    name: str
    ratio: float
    least: float

    @property
    def regressed(self) -> bool:
        return self.ratio > ALLOWED and self.least > 1

    @staticmethod
    def of(name: str, ratios: list[float]) -> Change:
        """The change that paired rounds amount to."""
        return Change(name, median(ratios), min(ratios))


@contextmanager
def tree_of(reference: str) -> Generator[Path]:
    """A copy of the files of a commit. Raises `CalledProcessError` if there is none."""
    command = ["git", "archive", "--format=tar", reference, "mux"]
    packed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    with scratch() as folder:
        with tarfile.open(fileobj=BytesIO(packed)) as archive:
            archive.extractall(folder, filter="data")
        # The benchmark itself is this checkout's on both sides.
        (folder / "bench").symlink_to(ROOT / "bench")
        yield folder


def against(
    reference: str, rounds: int, seconds: float, tell: Callable[[str], None]
) -> list[Change]:
    """Every figure of this checkout as a multiple of that of the commit `reference`."""
    with tree_of(reference) as tree:
        changes = codec_changes(tree, rounds, tell)
        with rig() as running, scratch() as folder:
            changes += _gateway_changes(running, folder, tree, rounds, seconds, tell)
    return changes


def _gateway_changes(
    running: Rig,
    folder: Path,
    tree: Path,
    rounds: int,
    seconds: float,
    tell: Callable[[str], None],
) -> list[Change]:
    """Each round has processes of its own: two of the same code differ by up to 8 %, as long as
    they live."""
    rounds_of: dict[Scenario, list[list[Figure]]] = {}
    for number in range(rounds):
        with (
            llm_mux(running.mock_port, folder) as new,
            llm_mux(running.mock_port, folder, tree=tree, name="before") as old,
        ):
            turns = [new, old] if number % 2 else [old, new]
            for what in brief(MAIN):
                found = {each.target: each for each in take_turns(running, turns, what, 1, seconds)}
                rounds_of.setdefault(what, []).append([found[new.name], found[old.name]])
        tell(f"round {number + 1} of {rounds}")
    changes: list[Change] = []
    for figures in rounds_of.values():
        now, before = (_joined(of_one) for of_one in zip(*figures, strict=True))
        changes += paired(now, before)
    return changes


def _joined(figures: Sequence[Figure]) -> Figure:
    """Figures of one scenario and target as one with all of their rounds."""
    rounds = tuple(chain.from_iterable([figure.rounds for figure in figures]))
    return msgspec.structs.replace(figures[0], rounds=rounds)


def paired(now: Figure, before: Figure) -> list[Change]:
    """The medians of the ratios of rounds that took turns."""
    changes: list[Change] = []
    for metric in _COSTS[now.scenario.measure]:
        ratios = [
            new[metric] / old[metric]
            for new, old in zip(now.rounds, before.rounds, strict=False)
            if metric in new and old.get(metric)
        ]
        if ratios:
            changes.append(Change.of(f"{now.scenario}, {metric}", ratios))
    return changes


def codec_changes(tree: Path, rounds: int, tell: Callable[[str], None]) -> list[Change]:
    """The codecs of this checkout against those in `tree`, one piece of work in turns."""
    core, _ = cores()
    command = [sys.executable, "-m", "bench.codec", "--quick", "--serve"]
    changes: list[Change] = []
    with (
        program(command, on=core, pipes=True) as new,
        program(command, on=core, folder=tree, pipes=True) as old,
    ):
        for name in codec.names():
            ratios = [_codec_us(new, name) / _codec_us(old, name) for _ in range(rounds)]
            changes.append(Change.of(f"codec {name}", ratios))
    tell(f"codecs: {median([change.ratio for change in changes]):.2f}x in the middle")
    return changes


def _codec_us(process: subprocess.Popen[bytes], name: str) -> float:
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the pipes are missing")
    process.stdin.write(f"{name}\n".encode())
    process.stdin.flush()
    return float(process.stdout.readline())


def drift(results: Results, baseline: Results) -> list[Change]:
    """How the ratios of llm-mux to a reference in the same run moved since the baseline."""
    changes: list[Change] = []
    for figure in results.figures:
        if figure.target != MUX:
            continue
        for metric in _COSTS[figure.scenario.measure]:
            for reference in _REFERENCES:
                now = _share(results, figure, metric, reference)
                before = _share(baseline, figure, metric, reference)
                if now and before:
                    name = f"{figure.scenario}, {metric} by that of {reference}"
                    changes.append(Change.of(name, [now / before]))
                    break
    return changes


def _share(results: Results, figure: Figure, metric: str, reference: str) -> float | None:
    own = results.value(figure.scenario, MUX, metric)
    other = results.value(figure.scenario, reference, metric)
    return own / other if own and other else None


def text(changes: list[Change]) -> str:
    """A table of what regressed and what became better, the rest as a count."""
    moved = [c for c in changes if c.regressed or c.ratio < 1 / ALLOWED]
    moved.sort(key=lambda change: -change.ratio)
    rows = [
        [change.name, f"{change.ratio:.2f}x", "regression" if change.regressed else "better"]
        for change in moved
    ]
    same = (
        f"{len(changes) - len(moved)} of {len(changes)} figures within {ALLOWED - 1:.0%}, or noise."
    )
    return f"{table(['Figure', 'now / before', 'Verdict'], rows)}\n\n{same}" if rows else same
