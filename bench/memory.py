"""Resident memory: what a connection takes, and whether a long time of load makes it grow."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bench.load import Job
from bench.mock import Kind, Shape
from bench.peers import PEERS, Start, claude_code_router, hypercorn, litellm
from bench.plan import PASSED, TRANSLATED, warm
from bench.processes import Rig, scratch
from bench.results import Memory, Soak
from bench.samples import measure, shape_all
from bench.scenarios import Measure, scenario
from bench.targets import MUX, Pair, Target, llm_mux

_HOLD_S: Final = 4.0
_NEVER_US: Final = 1_000_000_000_000
_STATES: Final = (Shape(), Shape(Kind.PACED, 2, _NEVER_US), Shape(Kind.PACED, 1000, 200_000))
"""connections without a stream, with an idle one, and with an active one"""
_TURN_S: Final = 5.0
_START_S: Final = 4.0
_OPENED_A_S: Final = 200
_FEW: Final = 5
"""so many times fewer streams where a thousand would take minutes"""


@dataclass(frozen=True, slots=True)
class Held:
    """A target whose memory is measured while it holds `connections`."""

    name: str
    start: Start
    pair: str
    connections: int

    @property
    def expected_s(self) -> float:
        """How long it takes, about."""
        return len(_STATES) * (_START_S + _HOLD_S + self.connections / _OPENED_A_S)

    def __str__(self) -> str:
        return f"memory {self.name}, {self.pair}"


def held(connections: int) -> list[Held]:
    """All that can be measured."""
    return [
        Held(MUX, llm_mux, PASSED, connections),
        Held(MUX, llm_mux, TRANSLATED, connections),
        Held(hypercorn.NAME, PEERS[hypercorn.NAME], PASSED, connections),
        Held(litellm.NAME, PEERS[litellm.NAME], TRANSLATED, connections // _FEW),
        Held(claude_code_router.NAME, PEERS[claude_code_router.NAME], TRANSLATED, connections),
    ]


def per_connection(rig: Rig, start: Start, pair: str, connections: int) -> Memory:
    """What a connection takes in each of three states.

    Each state is measured in a process of its own: memory that was used once is seldom given back.
    """
    empty: list[int] = []
    each: list[float] = []
    for shape in _STATES:
        with scratch() as folder, start(rig.mock_port, folder) as target:
            name = target.name
            before, added = _held(rig, target, Pair.parse(pair), shape, connections)
        empty.append(before)
        each.append(round(added, 1))
    return Memory(name, pair, connections, min(empty), *each)


def _held(
    rig: Rig, target: Target, pair: Pair, shape: Shape, connections: int
) -> tuple[int, float]:
    """Resident bytes before, and what each connection adds while so many are held."""
    if target.watched is None:
        raise ValueError("the mock has no memory to measure")
    warm(rig, target, pair)
    before = target.watched.resident_bytes()
    shape_all(rig, target, shape)
    request = target.request(pair, stream=shape.kind is not Kind.WHOLE)
    rig.begin(Job(target.port, request, connections, _HOLD_S, tokens=shape.tokens, once=True))
    time.sleep(_HOLD_S * 0.8)
    during = target.watched.resident_bytes()
    return before, (during - before) / max(1, rig.finish().ready)


def soak(rig: Rig, target: Target, minutes: float, say: Callable[[str], None]) -> Soak:
    """Load of three kinds in turn, and the resident memory after each."""
    if target.watched is None:
        raise ValueError("the mock has no memory to measure")
    kinds = (
        scenario(Measure.WHOLE, TRANSLATED, 64),
        scenario(Measure.BURST, TRANSLATED, 16),
        scenario(Measure.PACED, TRANSLATED, 100, 20.0),
    )
    resident: list[tuple[float, int]] = []
    requests = errors = 0
    began = time.monotonic()
    while time.monotonic() - began < minutes * 60:
        for kind in kinds:
            outcome = measure(rig, target, kind, _TURN_S).outcome
            requests += outcome.requests
            errors += outcome.errors
        spent_s, taken = round(time.monotonic() - began, 1), target.watched.resident_bytes()
        resident.append((spent_s, taken))
        say(f"{spent_s / 60:5.1f} min  {taken / 1e6:6.1f} MB  {requests:,} requests")
    return Soak(target.name, tuple(resident), requests, errors)
