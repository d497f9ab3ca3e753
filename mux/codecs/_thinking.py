"""Effort and budget, the two ways to say how long a model may think (translation spec 9)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mux.ir import Effort, Reasoning

LADDER: Final = tuple(Effort)
"""All efforts, lowest first."""

BUDGETS: Final[dict[Effort, int]] = {
    Effort.MINIMAL: 512,
    Effort.LOW: 2048,
    Effort.MEDIUM: 8192,
    Effort.HIGH: 24576,
    Effort.XHIGH: 32768,
    Effort.MAX: 65536,
}
"""Tokens an effort stands for where only a budget can be sent."""

_CEILINGS: Final = (
    (1024, Effort.MINIMAL),
    (4096, Effort.LOW),
    (14336, Effort.MEDIUM),
    (28672, Effort.HIGH),
    (46080, Effort.XHIGH),
)
_EFFORTS: Final = {effort.value: effort for effort in Effort}


def effort_of(budget: int) -> Effort:
    """The effort a positive budget in tokens stands for."""
    for ceiling, effort in _CEILINGS:
        if budget < ceiling:
            return effort
    return Effort.MAX


def parse_effort(word: str) -> Effort | None:
    """The effort spelled `word` in any case, None for any other word."""
    return _EFFORTS.get(word.lower())


def clamp(effort: Effort, accepted: Sequence[Effort]) -> Effort:
    """The lowest accepted effort at or above `effort`, else the highest accepted one."""
    if not accepted:
        return effort
    wanted = LADDER.index(effort)
    ranked = sorted(accepted, key=LADDER.index)
    return next((known for known in ranked if LADDER.index(known) >= wanted), ranked[-1])


def wanted_effort(reasoning: Reasoning) -> Effort | None:
    """The effort asked for, directly or as a positive budget; None if neither was given."""
    if reasoning.effort is not None:
        return reasoning.effort
    if reasoning.budget is not None and reasoning.budget > 0:
        return effort_of(reasoning.budget)
    return None


def wanted_budget(reasoning: Reasoning) -> int | None:
    """The budget asked for, directly or as an effort; None if neither, -1 if the model decides."""
    if reasoning.budget is not None:
        return reasoning.budget
    return BUDGETS[reasoning.effort] if reasoning.effort is not None else None
