"""``thinkingConfig``, both ways: a budget, or on newer models a level (translation spec 9)."""

from __future__ import annotations

from typing import Final

from mux.codecs import _thinking
from mux.codecs.gemini._wire import DIALECT
from mux.codecs.gemini.numbers import get_integer
from mux.codecs.gemini.parts_in import own
from mux.ir import (
    Abilities,
    Effort,
    Loss,
    LossKind,
    Object,
    Reasoning,
    ReasoningForm,
    ReasoningMode,
    ReasoningState,
    Request,
    Visibility,
)
from mux.wire import Doc

_DYNAMIC: Final = -1
_LEVELS: Final = (Effort.LOW, Effort.MEDIUM, Effort.HIGH)
"""What a model with levels takes if the catalogue does not say."""


def decode_thinking(doc: Doc | None) -> Reasoning:
    """What a client asks for; thoughts are hidden unless it asks to see them."""
    if doc is None:
        return Reasoning(visible=Visibility.HIDDEN)
    budget, level = get_integer(doc, "thinkingBudget"), doc.get_str("thinkingLevel")
    shown = doc.get_bool("includeThoughts")
    rest = doc.rest()
    if shown is False:
        rest["includeThoughts"] = False
    effort = _thinking.parse_effort(level)
    if level and effort is None:
        rest["thinkingLevel"] = level
    state = ReasoningState.UNSET
    if budget is not None or effort is not None:
        state = ReasoningState.OFF if budget == 0 else ReasoningState.ON
    return Reasoning(
        state,
        effort,
        None if budget == 0 else budget,
        Visibility.SUMMARY if shown else Visibility.HIDDEN,
        ext=own(rest),
    )


def encode_thinking(request: Request, abilities: Abilities, losses: list[Loss]) -> Object:
    """``thinkingConfig``; empty if nothing has to be said."""
    reasoning = request.reasoning
    native = request.origin == DIALECT
    if not native and abilities.reasoning is ReasoningMode.NONE:
        if reasoning.state is ReasoningState.ON:
            losses.append(Loss(LossKind.DROP, "reasoning"))
        return {}
    out: Object = {}
    if reasoning.visible is not Visibility.HIDDEN and (native or _thinks(reasoning, abilities)):
        out["includeThoughts"] = True
    match abilities.form:
        case ReasoningForm.BUDGET:
            out |= _budget(reasoning, abilities, losses)
        case ReasoningForm.LEVEL:
            out |= _level(reasoning, abilities, losses)
        case _ if native:
            out |= _as_asked(reasoning)
        case _:
            # Budgets are what every model that thinks takes.
            out |= _budget(reasoning, abilities, losses)
    return {**out, **((reasoning.ext or {}).get(DIALECT, {}) if native else {})}


def _thinks(reasoning: Reasoning, abilities: Abilities) -> bool:
    """Whether the answer may hold thoughts."""
    if reasoning.state is not ReasoningState.UNSET or reasoning.effort is not None:
        return reasoning.state is not ReasoningState.OFF
    return abilities.reasoning in (ReasoningMode.DEFAULT, ReasoningMode.ALWAYS)


def _as_asked(reasoning: Reasoning) -> Object:
    out: Object = {}
    if reasoning.state is ReasoningState.OFF:
        out["thinkingBudget"] = 0
    if reasoning.budget is not None:
        out["thinkingBudget"] = reasoning.budget
    if reasoning.effort is not None:
        out["thinkingLevel"] = reasoning.effort.upper()
    return out


def _budget(reasoning: Reasoning, abilities: Abilities, losses: list[Loss]) -> Object:
    if reasoning.state is ReasoningState.OFF:
        if abilities.effort_off or abilities.budget_range is None:
            return {"thinkingBudget": 0}
        losses.append(Loss(LossKind.DEGRADE, "reasoning"))
        return {"thinkingBudget": abilities.budget_range[0]}
    wanted = _thinking.wanted_budget(reasoning)
    if wanted is None:
        return {"thinkingBudget": _DYNAMIC} if reasoning.state is ReasoningState.ON else {}
    if wanted >= 0 and abilities.budget_range is not None:
        low, high = abilities.budget_range
        wanted = min(max(wanted, low), high)
    return {"thinkingBudget": wanted}


def _level(reasoning: Reasoning, abilities: Abilities, losses: list[Loss]) -> Object:
    # MAX is no level of this dialect, whatever the catalogue says of the model elsewhere.
    accepted = [effort for effort in abilities.efforts if effort is not Effort.MAX] or [*_LEVELS]
    if reasoning.state is ReasoningState.OFF:
        losses.append(Loss(LossKind.DEGRADE, "reasoning"))
        return {"thinkingLevel": _thinking.clamp(Effort.MINIMAL, accepted).upper()}
    effort = _thinking.wanted_effort(reasoning)
    return {"thinkingLevel": _thinking.clamp(effort, accepted).upper()} if effort else {}
