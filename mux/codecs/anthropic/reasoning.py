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
from mux.codecs.anthropic.blocks_in import THOUGHTS
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
_ABOVE_HIGH: Final = (Effort.XHIGH, Effort.MAX)
_DISPLAYS: Final = {"omitted": Visibility.HIDDEN, "summarized": Visibility.SUMMARY}
_MIN_BUDGET: Final = 1024
BETWEEN_TOOLS: Final = "between_tools"
"""The form of thinking that is only a few words between calls of tools."""
_ON: Final = frozenset({"enabled", "adaptive"})
_LOST: Final = Loss(LossKind.DROP, "thinking")


def decode_reasoning(thinking: Doc | None, effort: str) -> Reasoning:
    """What ``thinking`` and ``output_config.effort`` ask for."""
    wanted = _thinking.parse_effort(effort)
    if thinking is None:
        return Reasoning(effort=wanted)
    form = thinking.need_str("type")
    budget = thinking.get_int("budget_tokens")
    display = thinking.get_str("display")
    rest = thinking.rest()
    if form not in ("enabled", "adaptive", "disabled"):
        rest["type"] = form
    if display and display not in _DISPLAYS:
        rest["display"] = display
    off = form in ("disabled", BETWEEN_TOOLS)
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
    planner = _Planner(request, abilities, losses)
    if abilities.reasoning is ReasoningMode.NONE:
        if request.reasoning.state is ReasoningState.ON:
            losses.append(_LOST)
        return Plan(None, None, False)
    config = planner.config()
    if config is not None and config.get("type") in _ON:
        enabled = config["type"] == "enabled"
        impossible = forced and (enabled or not abilities.forced_with_thinking)
        unthought = enabled and _in_unthought_loop(messages)
        if impossible or unthought or not planner.fits(config, max_tokens):
            losses.append(_LOST)
            config = None
    thinks = planner.by_default if config is None else config.get("type") in _ON
    return Plan(config, planner.effort(config), thinks)


class _Planner:
    """One request's reasoning and what the model can do about it."""

    def __init__(self, request: Request, abilities: Abilities, losses: list[Loss]) -> None:
        self._reasoning = request.reasoning
        self._native = request.origin == DIALECT
        self._own = extras(request.reasoning.ext) if self._native else {}
        self._abilities = abilities
        self._losses = losses
        self._adaptive = abilities.form is ReasoningForm.ADAPTIVE
        self.by_default = abilities.reasoning in (ReasoningMode.DEFAULT, ReasoningMode.ALWAYS)

    def config(self) -> Object | None:
        """``thinking`` before anything rules it out."""
        match self._reasoning.state:
            case ReasoningState.ON:
                return self._on()
            case ReasoningState.OFF:
                return self._off()
            case ReasoningState.UNSET:
                shown = self._reasoning.visible in (Visibility.SUMMARY, Visibility.FULL)
                if shown and self.by_default and self._adaptive:
                    return {"type": "adaptive", "display": "summarized"}
                return None

    def _on(self) -> Object:
        if "type" in self._own:
            return {**self._own, **self._display()}
        if self._adapts():
            return {"type": "adaptive", **self._display(), **self._own}
        budget = self._reasoning.budget
        if budget is None or budget < 0:
            budget = _thinking.BUDGETS[self._reasoning.effort or Effort.MEDIUM]
        return {"type": "enabled", "budget_tokens": budget, **self._display(), **self._own}

    def _adapts(self) -> bool:
        """Whether ``adaptive`` is the form to send."""
        budgeted = self._native and self._reasoning.budget is not None
        if self._adaptive:
            return not (budgeted and self._abilities.budget_range is not None)
        return self._abilities.form is None and self._native and not budgeted

    def _display(self) -> Object:
        """Newer models omit the text unless asked; others have no such field."""
        visible = self._reasoning.visible
        if self._native:
            words = [word for word, shown in _DISPLAYS.items() if shown is visible]
            return {"display": words[0]} if words else {}
        if visible is Visibility.HIDDEN:
            # What the client does not get it could not send back: the signature must do without.
            return {"display": "omitted"}
        return {"display": "summarized"} if self._adaptive else {}

    def _off(self) -> Object | None:
        known = self._abilities.form is not None
        if "type" in self._own and not (known and self._own["type"] == BETWEEN_TOOLS):
            return self._own
        if self._abilities.between_tools:
            return {"type": BETWEEN_TOOLS}
        mode = self._abilities.reasoning
        if mode is ReasoningMode.ALWAYS or (self.by_default and not self._abilities.effort_off):
            self._losses.append(Loss(LossKind.DEGRADE, "thinking", "this model always thinks"))
            return {"type": "adaptive", "display": "omitted"}
        if self._native or self.by_default:
            more = {key: value for key, value in self._own.items() if key != "type"}
            return {"type": "disabled", **more}
        return None

    def fits(self, config: Object, max_tokens: int) -> bool:
        """Make the budget leave a quarter of `max_tokens` for the answer; False if none is left.

        Not for a budget in this dialect's own words: interleaved thinking may go beyond that.
        """
        budget = config.get("budget_tokens")
        exact = self._native and self._reasoning.budget is not None
        if exact or not isinstance(budget, int):
            return True
        lowest, highest = self._abilities.budget_range or (_MIN_BUDGET, budget)
        budget = min(max(budget, lowest), max(highest, lowest))
        budget = min(max(budget, _MIN_BUDGET), max_tokens - max(_MIN_BUDGET, max_tokens // 4))
        config["budget_tokens"] = budget
        return budget >= _MIN_BUDGET

    def effort(self, config: Object | None) -> Effort | None:
        """``effort`` beside `config`, as far as the model takes one."""
        kind = config.get("type") if config is not None else None
        accepted = [effort for effort in self._abilities.efforts if effort in _EFFORTS]
        accepted = accepted or list(_EFFORTS)
        if self._reasoning.state is ReasoningState.OFF and kind == "adaptive":
            return accepted[0]
        wanted = self._reasoning.effort
        if kind == "adaptive":
            wanted = _thinking.wanted_effort(self._reasoning)
        if wanted is None:
            return None
        if self._abilities.form is ReasoningForm.BUDGET:
            self._losses += [Loss(LossKind.DROP, "effort")] if self._native else []
            return None
        if self._abilities.form is None and not self._native:
            return None
        if kind in ("disabled", BETWEEN_TOOLS):
            # quirk(anthropic): efforts above high are refused where thinking is off.
            accepted = [effort for effort in accepted if effort not in _ABOVE_HIGH] or accepted
        return _thinking.clamp(wanted, accepted)


def _in_unthought_loop(messages: Sequence[Object]) -> bool:
    """Whether tool results come last and the turn they answer does not begin with thinking."""
    firsts = [_first_block(message) for message in messages if message.get("role") != "system"]
    if len(firsts) < 2 or firsts[-1] != "tool_result":
        return False
    return firsts[-2] not in THOUGHTS


def _first_block(message: Object) -> JSON:
    content = message.get("content")
    block = content[0] if isinstance(content, list) and content else None
    return block.get("type") if isinstance(block, dict) else None
