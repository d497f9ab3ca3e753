"""A run of everything: what is started, what is measured when, and what is kept as it goes."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final

from msgspec.structs import replace

from bench import codec, memory, scale
from bench.memory import Held, held
from bench.peers import PEERS
from bench.peers import versions as peer_versions
from bench.plan import Plan, figures, summary
from bench.processes import Rig, rig, scratch
from bench.results import Machine, Results, Soak, commit, now
from bench.targets import MUX, NotToBeHad, Target, direct, llm_mux, named
from mux import __version__

_CODECS: Final = "codecs"
_SCALE: Final = "workers"
_SOAK: Final = "soak"
_CODEC_S: Final = 8.0
_SCALE_S: Final = 70.0
_CODEC_ROUNDS: Final = {True: 2, False: 10}
_LIBRARIES: Final = ("trio", "hypercorn", "msgspec", "orjson")

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for on the command line. `others` are gateways given as ``NAME=URL``."""

    plan: Plan
    quick: bool
    peers: tuple[str, ...]
    others: tuple[str, ...] = ()
    mock_port: int = 0
    memory: bool = True
    soak_minutes: float = 0.0


class Run:
    """One run. `keep` gets the results so far after each part of it, `say` hears of progress."""

    def __init__(self, wanted: Wanted, keep: Callable[[Results], None], say: Say) -> None:
        self._wanted = wanted
        self._keep = keep
        self._say = say
        self._pending: dict[str, float] = {}
        """what is still to be measured, and how many seconds it should take"""
        self._began_s = time.monotonic()
        self._done_s = 0.0
        """what should have been taken by what is done"""
        self.results = Results(Machine.here(), now(), commit(), wanted.quick, {}, {}, ())

    def all(self) -> Results:
        """Measure everything."""
        wanted = self._wanted
        with rig(wanted.mock_port) as running:
            with ExitStack() as stack:
                targets = self._targets(stack, running)
                self._note_versions()
                remembering = self._remembering()
                self._expect(targets, remembering)
                codecs = codec.measure(_CODEC_ROUNDS[wanted.quick]).tables()
                self._add(_CODECS, replace(self.results, codec=codecs))
                for step, found in figures(wanted.plan, running, targets):
                    more = replace(self.results, figures=(*self.results.figures, *found))
                    self._add(str(step.scenario), more, summary(found))
            if not wanted.quick:
                self._add(_SCALE, replace(self.results, scale=scale.figures(running)))
            for entry in remembering:
                each = memory.per_connection(running, entry.start, entry.pair, entry.connections)
                text = f"{entry}: {each.active_stream_bytes / 1000:.1f} KB an active stream"
                more = replace(self.results, memory=(*self.results.memory, each))
                self._add(str(entry), more, text)
            if wanted.soak_minutes:
                added = soaked(running, wanted.soak_minutes, self._say)
                self._add(_SOAK, replace(self.results, soak=added))
        return self.results

    def _targets(self, stack: ExitStack, running: Rig) -> list[Target]:
        folder = stack.enter_context(scratch())
        port = running.mock_port
        targets = [stack.enter_context(llm_mux(port, folder)), direct(port)]
        for name in self._wanted.peers:
            self._say(f"starting {name}")
            try:
                targets.append(stack.enter_context(PEERS[name](port, folder)))
            except NotToBeHad as error:
                self._skip(name, error)
        pairs = list(dict.fromkeys(step.scenario.pair for step in self._wanted.plan.steps))
        for text in self._wanted.others:
            try:
                targets.append(named(text, pairs))
            except NotToBeHad as error:
                self._skip(text, error)
        return targets

    def _skip(self, name: str, error: NotToBeHad) -> None:
        self._say(f"left out: {error}")
        skipped = {**self.results.skipped, name: str(error)}
        self.results = replace(self.results, skipped=skipped)

    def _note_versions(self) -> None:
        found = {MUX: __version__, **{name: version(name) for name in _LIBRARIES}}
        found |= peer_versions(self._wanted.peers)
        there = {name: text for name, text in found.items() if name not in self.results.skipped}
        self.results = replace(self.results, versions=there)

    def _remembering(self) -> list[Held]:
        """Of whom the memory is measured."""
        if not self._wanted.memory:
            return []
        peers = () if self._wanted.quick else self._wanted.peers
        names = {MUX, *peers} - self.results.skipped.keys()
        return [entry for entry in held(self._wanted.plan.streams) if entry.name in names]

    def _expect(self, targets: list[Target], remembering: list[Held]) -> None:
        """Note what there is to do, and say how long it should take."""
        wanted = self._wanted
        steps = {str(step.scenario): step.expected_s(targets) for step in wanted.plan.steps}
        self._pending = {_CODECS: _CODEC_S, **steps}
        if not wanted.quick:
            self._pending[_SCALE] = _SCALE_S
        self._pending |= {str(entry): entry.expected_s for entry in remembering}
        if wanted.soak_minutes:
            self._pending[_SOAK] = wanted.soak_minutes * 60
        kinds: dict[str, float] = {}
        for part, seconds in self._pending.items():
            kind = part.partition(" ")[0]
            kinds[kind] = kinds.get(kind, 0) + seconds
        each = ", ".join(f"{kind} {seconds / 60:.0f}" for kind, seconds in kinds.items())
        minutes = sum(self._pending.values()) / 60
        self._say(f"{len(self._pending)} parts in some {minutes:.0f} minutes: {each}")
        self._began_s = time.monotonic()

    def _add(self, part: str, results: Results, text: str = "") -> None:
        """`part` was measured, `results` hold it."""
        self._done_s += self._pending.pop(part)
        self.results = replace(results, pending=tuple(self._pending))
        self._keep(self.results)
        spent_s = time.monotonic() - self._began_s
        left_s = sum(self._pending.values()) * max(1.0, spent_s / self._done_s)
        self._say(f"{spent_s / 60:5.1f} min, {left_s / 60:.0f} left  {text or part}")


def soaked(running: Rig, minutes: float, say: Say) -> Soak:
    """llm-mux under load for so long."""
    with scratch() as folder, llm_mux(running.mock_port, folder) as target:
        return memory.soak(running, target, minutes, say)
