"""How long a model may think, in the words of OpenAI and of hosts with their own (spec 9)."""

from __future__ import annotations

from typing import Final

from mux.codecs import _thinking
from mux.codecs.openai_chat._wire import DIALECT
from mux.codecs.openai_chat.parts_in import own
from mux.ir import (
    JSON,
    Abilities,
    Effort,
    Loss,
    LossKind,
    Object,
    Reasoning,
    ReasoningMode,
    ReasoningState,
    Request,
    Visibility,
)
from mux.wire import Doc

_NONE: Final = "none"
_THINKING: Final = "thinking"
_FIELDS: Final = frozenset({"reasoning_effort", _THINKING, "enable_thinking", "reasoning"})
_BY_DEFAULT: Final = (ReasoningMode.DEFAULT, ReasoningMode.ALWAYS)


def decode_reasoning(doc: Doc) -> Reasoning:
    """What a client asks for. Switches of single hosts are understood, and kept as they came."""
    if not doc.holds(_FIELDS):
        return Reasoning()
    effort = doc.get_str("reasoning_effort")
    found = Reasoning()
    kept: Object = {}
    if (thinking := doc.get(_THINKING)) is not None:
        kept[_THINKING] = thinking.value
        found = _thinking_switch(thinking, found)
    if (switch := doc.get("enable_thinking")) is not None:
        kept["enable_thinking"] = switch.value
        found = _state(found, switch.value is not False)
    if (options := doc.get("reasoning")) is not None:
        kept["reasoning"] = options.value
        found = _options(options, found)
    if effort:
        if kept or _word(effort) is None:
            kept["reasoning_effort"] = effort
        found = _with_effort(found, effort)
    return Reasoning(found.state, found.effort, found.budget, found.visible, own(kept))


def _thinking_switch(doc: Doc, found: Reasoning) -> Reasoning:
    """quirk(zai): ``thinking: {"type": "enabled"}``; so it is at DeepSeek and Kimi."""
    if not isinstance(doc.value, dict):
        return found
    return _state(found, doc.get_str("type") != "disabled")


def _options(doc: Doc, found: Reasoning) -> Reasoning:
    """quirk(openrouter): ``reasoning`` with effort or a budget, a switch, and whether to show."""
    if not isinstance(doc.value, dict):
        return found
    effort, budget = doc.get_str("effort"), doc.get_int("max_tokens")
    enabled, hidden = doc.get_bool("enabled"), doc.get_bool("exclude")
    if enabled is not None:
        found = _state(found, enabled)
    if effort:
        found = _with_effort(found, effort)
    if budget is not None:
        found = Reasoning(ReasoningState.ON, found.effort, budget)
    return Reasoning(
        found.state,
        found.effort,
        found.budget,
        Visibility.HIDDEN if hidden else Visibility.UNSET,
    )


def _with_effort(found: Reasoning, word: str) -> Reasoning:
    if word == _NONE:
        return Reasoning(ReasoningState.OFF, visible=found.visible)
    effort = _thinking.parse_effort(word) or found.effort
    return Reasoning(ReasoningState.ON, effort, found.budget, found.visible)


def _state(found: Reasoning, on: bool) -> Reasoning:
    state = ReasoningState.ON if on else ReasoningState.OFF
    return Reasoning(state, found.effort, found.budget, found.visible)


def _word(effort: str) -> str | None:
    """`effort`, if it is a word that everybody knows."""
    return effort if effort == _NONE or _thinking.parse_effort(effort) is not None else None


def encode_reasoning(request: Request, abilities: Abilities, losses: list[Loss]) -> Object:
    """``reasoning_effort``, and whatever switches a client of this dialect used."""
    wanted = request.reasoning
    kept: Object = {}
    if request.origin == DIALECT:
        kept = dict((wanted.ext or {}).get(DIALECT, {}))
        given = kept.pop("reasoning_effort", None)
        if isinstance(given, str) and _word(given) is None:
            return {"reasoning_effort": given, **kept}  # quirk(groq): "default"
        if kept and given is None:
            return kept
    if abilities.thinking_field and wanted.state is not ReasoningState.UNSET:
        return _switched(wanted, abilities) | kept
    effort = _effort(request, abilities, losses)
    return {"reasoning_effort": effort, **kept} if effort else kept


def _switched(wanted: Reasoning, abilities: Abilities) -> Object:
    """A host's own switch, and the effort where the catalogue says that it takes one."""
    on = wanted.state is ReasoningState.ON
    name = abilities.thinking_field
    out: Object = {name: {"type": "enabled" if on else "disabled"} if name == _THINKING else on}
    effort = _thinking.wanted_effort(wanted)
    if on and effort is not None and abilities.efforts:
        out["reasoning_effort"] = str(_thinking.clamp(effort, abilities.efforts))
    return out


def reasons(abilities: Abilities, effort: JSON) -> bool:
    """Whether the model will think, now that `effort` is what it is told."""
    if effort is not None:
        return effort != _NONE
    return abilities.reasoning in _BY_DEFAULT


def _effort(request: Request, abilities: Abilities, losses: list[Loss]) -> str:
    """The word to send, empty for none."""
    wanted = request.reasoning
    if abilities.reasoning is ReasoningMode.NONE:
        if wanted.state is ReasoningState.ON:
            losses.append(Loss(LossKind.DROP, "reasoning"))
        return ""
    if wanted.state is ReasoningState.OFF:
        return _off(request, abilities, losses)
    effort = _thinking.wanted_effort(wanted)
    if effort is None:
        asked = wanted.state is ReasoningState.ON
        opts_in = asked and abilities.reasoning is ReasoningMode.OPT_IN
        return _thinking.clamp(Effort.MEDIUM, abilities.efforts) if opts_in else ""
    clamped = _thinking.clamp(effort, _accepted(abilities))
    if clamped is not effort:
        losses.append(Loss(LossKind.DEGRADE, "reasoning_effort", f"{effort} → {clamped}"))
    return str(clamped)


def _accepted(abilities: Abilities) -> list[Effort]:
    """The efforts this endpoint takes of those the model knows."""
    known = abilities.efforts or _thinking.LADDER
    if abilities.openai_extras:  # quirk(openai): ``max`` is for the Responses API only
        return [effort for effort in known if effort is not Effort.MAX]
    return [*known]


def _off(request: Request, abilities: Abilities, losses: list[Loss]) -> str:
    """``none`` where it is accepted, else as little as there is."""
    if abilities.effort_off:
        return _NONE
    if abilities.reasoning in _BY_DEFAULT:
        losses.append(Loss(LossKind.DEGRADE, "reasoning"))
        return str(_thinking.clamp(Effort.MINIMAL, abilities.efforts))
    if abilities.reasoning is ReasoningMode.UNKNOWN:
        if request.origin == DIALECT:
            return _NONE
        losses.append(Loss(LossKind.DROP, "reasoning"))
    return ""
