"""``think``: false, true or a level (translation spec section 9)."""

from __future__ import annotations

from typing import Final

from mux.codecs import _thinking
from mux.ir import (
    Abilities,
    Effort,
    Loss,
    LossKind,
    Reasoning,
    ReasoningForm,
    ReasoningMode,
    ReasoningState,
    Request,
    Visibility,
)
from mux.wire import Doc

_WORDS: Final = ("low", "medium", "high", "max")
_LEVELS: Final = {
    Effort.MINIMAL: "low",
    Effort.LOW: "low",
    Effort.MEDIUM: "medium",
    Effort.HIGH: "high",
    Effort.XHIGH: "max",
    Effort.MAX: "max",
}


def decode_think(doc: Doc | None) -> Reasoning:
    """What a client asks for; absent means the model decides."""
    if doc is None or doc.value == "":
        return Reasoning()
    if isinstance(doc.value, str):
        effort = Effort(doc.one_of(*_WORDS))
        return Reasoning(ReasoningState.ON, effort, visible=Visibility.FULL)
    if not doc.flag():
        return Reasoning(ReasoningState.OFF)
    return Reasoning(ReasoningState.ON, visible=Visibility.FULL)


def encode_think(request: Request, abilities: Abilities, losses: list[Loss]) -> bool | str | None:
    """The value of ``think``, None to leave it out. A model that cannot think refuses ``true``."""
    reasoning = request.reasoning
    if abilities.reasoning is ReasoningMode.NONE:
        if reasoning.state is ReasoningState.ON:
            losses.append(Loss(LossKind.DROP, "reasoning"))
        return None
    if reasoning.state is ReasoningState.UNSET:
        return None
    if reasoning.state is ReasoningState.OFF:
        return _off(abilities, losses)
    effort = _thinking.wanted_effort(reasoning)
    if effort is None or abilities.form is ReasoningForm.SWITCH:
        return True
    return _LEVELS[_thinking.clamp(effort, abilities.efforts)]


def _off(abilities: Abilities, losses: list[Loss]) -> bool | str:
    """False, or for a model that always thinks the least of it."""
    if abilities.reasoning is not ReasoningMode.ALWAYS:
        return False
    losses.append(Loss(LossKind.DEGRADE, "reasoning"))
    return _LEVELS[_thinking.clamp(Effort.MINIMAL, abilities.efforts)]
