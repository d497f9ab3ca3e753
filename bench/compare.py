"""This checkout against another commit of it, in one run; and a run against the committed baseline.

Absolute figures of two runs cannot be compared, the machine is never the same twice. So the other
commit is measured in turns with this one, and of the baseline only ratios within its run are used.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from statistics import median
from typing import Final

import msgspec

from bench.plan import MAIN, brief, take_turns
from bench.processes import ROOT, Rig, rig, scratch
from bench.report import table
from bench.results import Figure, Results
from bench.scenarios import Measure
from bench.targets import DIRECT, MUX, llm_mux

ALLOWED: Final = 1.10
"""how much more than before is still noise"""
_CODEC_RUNS: Final = 3
_COSTS: Final = {
    Measure.WHOLE: ("cpu_us_per_request",),
    Measure.AGENT: ("cpu_us_per_request",),
    Measure.BURST: ("cpu_us_per_event",),
    Measure.FIRST: ("p50_us",),
    Measure.PACED: ("cpu_us_per_event", "p50_us"),
}
"""what is compared: all of it better the smaller it is"""
_REFERENCES: Final = ("hypercorn", DIRECT, "nginx", "litellm")

Codec = dict[str, dict[str, dict[str, float]]]


class Change(msgspec.Struct, frozen=True):
    """A figure now as a multiple of what it was. Above `ALLOWED` it is a regression."""

    name: str
    ratio: float

    @property
    def regressed(self) -> bool:
        return self.ratio > ALLOWED


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
        changes = codec_changes(tree, tell)
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
    changes: list[Change] = []
    with (
        llm_mux(running.mock_port, folder) as new,
        llm_mux(running.mock_port, folder, tree=tree, name="before") as old,
    ):
        for what in brief(MAIN):
            now, before = take_turns(running, [new, old], what, rounds, seconds)
            changes += paired(now, before)
            tell(f"{what}: {', '.join(f'{c.ratio:.2f}x' for c in paired(now, before))}")
    return changes


def paired(now: Figure, before: Figure) -> list[Change]:
    """The medians of the ratios of rounds that took turns."""
    changes: list[Change] = []
    for metric in _COSTS[now.scenario.measure]:
        ratios = [
            new[metric] / old[metric]
            for new, old in zip(now.rounds, before.rounds, strict=True)
            if metric in new and old.get(metric)
        ]
        if ratios:
            changes.append(Change(f"{now.scenario}, {metric}", median(ratios)))
    return changes


def codec_changes(tree: Path, tell: Callable[[str], None]) -> list[Change]:
    """The codecs of this checkout against those in `tree`, each the best of runs in turns."""
    now: list[Codec] = []
    before: list[Codec] = []
    for _ in range(_CODEC_RUNS):
        now.append(_codec(ROOT))
        before.append(_codec(tree))
    changes = codec_ratios(_best(now), _best(before))
    tell(f"codecs: {median([change.ratio for change in changes]):.2f}x in the middle")
    return changes


def _codec(tree: Path) -> Codec:
    command = [sys.executable, "-m", "bench.codec", "--quick", "--json"]
    ran = subprocess.run(command, cwd=tree, capture_output=True, check=True)
    return msgspec.json.decode(ran.stdout, type=Codec)


def _flat(codec: Codec) -> dict[str, float]:
    """A figure a pair: its three read sizes together, so that noise counts less."""
    events = {f"codec event {pair}": sum(row.values()) for pair, row in codec["events"].items()}
    requests = {
        f"codec {kind} {name}": value
        for kind, row in codec["requests"].items()
        for name, value in row.items()
    }
    return events | requests


def _best(runs: list[Codec]) -> dict[str, float]:
    flat = [_flat(run) for run in runs]
    return {name: min(run[name] for run in flat) for name in flat[0]}


def codec_ratios(now: Mapping[str, float], before: Mapping[str, float]) -> list[Change]:
    """What both have, new by old."""
    return [Change(name, now[name] / before[name]) for name in now if before.get(name)]


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
                    changes.append(Change(name, now / before))
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
        [change.name, f"{change.ratio:.2f}x", "regression" if change.regressed else ""]
        for change in moved
    ]
    same = f"{len(changes) - len(moved)} of {len(changes)} figures within {ALLOWED - 1:.0%}."
    return f"{table(['Figure', 'now / before', ''], rows)}\n\n{same}" if rows else same
