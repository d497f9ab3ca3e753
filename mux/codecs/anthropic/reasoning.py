"""Thinking and effort, both ways (translation spec section 9).

Which form a model takes is data: `BUDGET` models think up to a number of tokens, `ADAPTIVE` ones
decide themselves, guided by an effort, and take budgets too if they state a range for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mux.codecs import _thinking
from mux.codecs.anthropic._own import DIALECT, extras, own
from mux.ir import (
    JSON,
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

_EFFORTS: Final = (Effort.LOW, Effort.MEDIUM, Effort.HIGH, Effort.XHIGH, Effort.MAX)
_DISPLAYS: Final = {"omitted": Visibility.HIDDEN, "summarized": Visibility.SUMMARY}
_MIN_BUDGET: Final = 1024
_ON: Final = frozenset({"enabled", "adaptive"})
_LOST: Final = Loss(LossKind.DROP, "thinking")


def decode_reasoning(thinking: Doc | None, effort: str) -> Reasoning:
    """What ``thinking`` and ``output_config.effort`` ask for."""
    wanted = _thinking.parse_effort(effort)
    if thinking is None:
        return Reasoning(effort=wanted)
    form = thinking.need("type").string()
    budget = thinking.get_int("budget_tokens")
    display = thinking.get_str("display")
    rest = thinking.rest()
    if form not in ("enabled", "adaptive", "disabled"):
        rest["type"] = form
    if display and display not in _DISPLAYS:
        rest["display"] = display
    off = form in ("disabled", "between_tools")
    return Reasoning(
        ReasoningState.OFF if off else ReasoningState.ON,
        effort=wanted,
        budget=budget,
        visible=_DISPLAYS.get(display, Visibility.UNSET),
        ext=own(rest),
    )


@dataclass(frozen=True, slots=True)
class Plan:
    """The ``thinking`` to send, if any, the ``effort``, and whether the model will think."""

    thinking: Object | None
    effort: Effort | None
    thinks: bool


def plan(
    request: Request,
    abilities: Abilities,
    losses: list[Loss],
    *,
    max_tokens: int,
    forced: bool,
    messages: Sequence[Object],
) -> Plan:
    """How to ask for the reasoning `request` wants. `forced`: a tool call is demanded.

    A demanded call, a budget that leaves no room and a tool loop that began without thinking each
    rule ``enabled`` thinking out; then it is not sent.
    """
    reasoning = request.reasoning
    if abilities.reasoning is ReasoningMode.NONE:
        if reasoning.state is ReasoningState.ON:
            losses.append(_LOST)
        return Plan(None, None, False)
    native = request.origin == DIALECT
    config = _config(reasoning, abilities, native, losses)
    if config is not None and config.get("type") in _ON:
        enabled = config["type"] == "enabled"
        impossible = forced and (enabled or not abilities.forced_with_thinking)
        unthought = enabled and _in_unthought_loop(messages)
        exact = native and reasoning.budget is not None
        if impossible or unthought or not (exact or _fits(config, abilities, max_tokens)):
            losses.append(_LOST)
            config = None
    by_default = abilities.reasoning in (ReasoningMode.DEFAULT, ReasoningMode.ALWAYS)
    thinks = by_default if config is None else config.get("type") in _ON
    return Plan(config, _effort(reasoning, abilities, config, native, losses), thinks)


def _config(
    reasoning: Reasoning, abilities: Abilities, native: bool, losses: list[Loss]
) -> Object | None:
    match reasoning.state:
        case ReasoningState.ON:
            return _on(reasoning, abilities, native)
        case ReasoningState.OFF:
            return _off(reasoning, abilities, native, losses)
        case ReasoningState.UNSET:
            shown = reasoning.visible in (Visibility.SUMMARY, Visibility.FULL)
            default = abilities.reasoning in (ReasoningMode.DEFAULT, ReasoningMode.ALWAYS)
            if shown and default and abilities.form is ReasoningForm.ADAPTIVE:
                return {"type": "adaptive", "display": "summarized"}
            return None


def _on(reasoning: Reasoning, abilities: Abilities, native: bool) -> Object:
    extra = extras(reasoning.ext) if native else {}
    budget = reasoning.budget
    if native and "type" in extra:
        return {**extra, **_display(reasoning, abilities, native)}
    if _adapts(budget, abilities, native):
        return {"type": "adaptive", **_display(reasoning, abilities, native), **extra}
    if budget is None or budget < 0:
        budget = _thinking.BUDGETS[reasoning.effort or Effort.MEDIUM]
    return {
        "type": "enabled",
        "budget_tokens": budget,
        **_display(reasoning, abilities, native),
        **extra,
    }


def _adapts(budget: int | None, abilities: Abilities, native: bool) -> bool:
    """Whether ``adaptive`` is the form to send."""
    if abilities.form is ReasoningForm.ADAPTIVE:
        return not (native and budget is not None and abilities.budget_range is not None)
    return abilities.form is None and native and budget is None


def _display(reasoning: Reasoning, abilities: Abilities, native: bool) -> Object:
    """Newer models omit the text unless asked; others have no such field."""
    if native:
        words = [word for word, visible in _DISPLAYS.items() if visible is reasoning.visible]
        return {"display": words[0]} if words else {}
    if abilities.form is not ReasoningForm.ADAPTIVE:
        return {}
    hidden = reasoning.visible is Visibility.HIDDEN
    return {"display": "omitted" if hidden else "summarized"}


def _off(
    reasoning: Reasoning, abilities: Abilities, native: bool, losses: list[Loss]
) -> Object | None:
    extra = extras(reasoning.ext) if native else {}
    if "type" in extra:
        return extra
    mode = abilities.reasoning
    always = mode is ReasoningMode.ALWAYS
    if always or (mode is ReasoningMode.DEFAULT and not abilities.effort_off):
        losses.append(Loss(LossKind.DEGRADE, "thinking", "this model cannot be kept from thinking"))
        return {"type": "adaptive", "display": "omitted"}
    if native or mode is ReasoningMode.DEFAULT:
        return {"type": "disabled", **extra}
    return None


def _fits(config: Object, abilities: Abilities, max_tokens: int) -> bool:
    """Make the budget leave a quarter of `max_tokens` for the answer; False if none is left.

    Not for a budget in this dialect's own words: interleaved thinking may go beyond `max_tokens`.
    """
    budget = config.get("budget_tokens")
    if not isinstance(budget, int):
        return True
    lowest, highest = abilities.budget_range or (_MIN_BUDGET, budget)
    budget = min(max(budget, lowest), max(highest, lowest))
    budget = min(max(budget, _MIN_BUDGET), max_tokens - max(_MIN_BUDGET, max_tokens // 4))
    config["budget_tokens"] = budget
    return budget >= _MIN_BUDGET


def _effort(
    reasoning: Reasoning,
    abilities: Abilities,
    config: Object | None,
    native: bool,
    losses: list[Loss],
) -> Effort | None:
    form = abilities.form
    kind = config.get("type") if config is not None else None
    wanted = _thinking.wanted_effort(reasoning) if kind == "adaptive" else reasoning.effort
    accepted = [effort for effort in abilities.efforts or _EFFORTS if effort in _EFFORTS]
    if reasoning.state is ReasoningState.OFF and kind == "adaptive":
        return accepted[0]
    if wanted is None:
        return None
    if form is ReasoningForm.BUDGET:
        if native:
            losses.append(Loss(LossKind.DROP, "effort"))
        return None
    if form is None and not native:
        return None
    if kind == "disabled" or (kind == "between_tools" and native):
        # quirk(anthropic): efforts above high are refused where thinking is off.
        accepted = [effort for effort in accepted if effort not in _EFFORTS[3:]] or accepted
    return _thinking.clamp(wanted, accepted)


def _in_unthought_loop(messages: Sequence[Object]) -> bool:
    """Whether tool results come last and the turn they answer does not begin with thinking."""
    firsts = [_first_block(message) for message in messages if message.get("role") != "system"]
    if len(firsts) < 2 or firsts[-1] != "tool_result":
        return False
    return firsts[-2] not in ("thinking", "redacted_thinking")


def _first_block(message: Object) -> JSON:
    content = message.get("content")
    block = content[0] if isinstance(content, list) and content else None
    return block.get("type") if isinstance(block, dict) else None
