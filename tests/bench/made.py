"""Results made up for the tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.results import Figure, Machine, Memory, Results, Soak
from bench.scenarios import Measure, Scenario, scenario

needs_linux = pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="processes are pinned and watched as Linux does it"
)
PASSED = "openai_chat>openai_chat"
TRANSLATED = "anthropic>openai_chat"
WHOLE = scenario(Measure.WHOLE, PASSED, 64)
PACED = scenario(Measure.PACED, PASSED, 100, 50.0)


def figure(what: Scenario, target: str, *rounds: dict[str, float]) -> Figure:
    return Figure(what, target, rounds)


def results(*figures: Figure, soak: Soak | None = None) -> Results:
    return Results(
        Machine("A processor", 2, "Linux", "3.11", 0.1),
        "2026-11-23T00:00:00+00:00",
        "abc1234",
        True,
        {"llm-mux": "0.1.0"},
        {"nginx": "is not installed"},
        figures,
        (Memory("llm-mux", PASSED, 100, 40_000_000, 10_000.0, 50_000.0, 55_000.0),),
        soak=soak,
    )


def whole(target: str, rate: float, cpu_us: float) -> Figure:
    metrics = {"requests_per_s": rate, "cpu_us_per_request": cpu_us, "p50_us": 900.0}
    return figure(WHOLE, target, metrics | {"p90_us": 1000.0, "p99_us": 2000.0})
