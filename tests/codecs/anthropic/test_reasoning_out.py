"""Thinking and effort as each generation of models takes them (translation spec section 9)."""

from __future__ import annotations

from typing import Any

import pytest

from mux.ir import (
    Abilities,
    ChoiceMode,
    Effort,
    Message,
    Reasoning,
    ReasoningForm,
    ReasoningMode,
    ReasoningState,
    Role,
    Signature,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Visibility,
)
from tests.codecs.anthropic.asking import asked, assistant, native, sent, user

ON, OFF, UNSET = ReasoningState.ON, ReasoningState.OFF, ReasoningState.UNSET
ALL = (Effort.LOW, Effort.MEDIUM, Effort.HIGH, Effort.XHIGH, Effort.MAX)

OPUS_3 = Abilities(max_output=4096, reasoning=ReasoningMode.NONE)
SONNET_4 = Abilities(
    max_output=64000,
    reasoning=ReasoningMode.OPT_IN,
    form=ReasoningForm.BUDGET,
    forced_with_thinking=False,
)
OPUS_4_5 = Abilities(
    max_output=64000,
    reasoning=ReasoningMode.OPT_IN,
    form=ReasoningForm.BUDGET_AND_EFFORT,
    efforts=ALL[:3],
)
OPUS_4_6 = Abilities(
    max_output=128000,
    reasoning=ReasoningMode.OPT_IN,
    form=ReasoningForm.ADAPTIVE,
    efforts=(*ALL[:3], Effort.MAX),
    budget_range=(1024, 127999),
)
OPUS_5 = Abilities(
    max_output=128000,
    reasoning=ReasoningMode.DEFAULT,
    form=ReasoningForm.ADAPTIVE,
    efforts=ALL,
    effort_off=True,
)
FABLE_5 = Abilities(
    max_output=128000,
    reasoning=ReasoningMode.ALWAYS,
    form=ReasoningForm.ADAPTIVE,
    efforts=ALL,
)
SONNET_5_5 = Abilities(
    max_output=128000,
    reasoning=ReasoningMode.ALWAYS,
    form=ReasoningForm.ADAPTIVE,
    efforts=ALL,
    between_tools=True,
)
UNKNOWN = Abilities()


def thought(reasoning: Reasoning, abilities: Abilities, **fields: Any) -> tuple[Any, Any, Any]:
    found, losses = sent(asked(reasoning=reasoning, **fields), abilities)
    return found.get("thinking"), found.get("output_config", {}).get("effort"), losses


ADAPTIVE = {"type": "adaptive", "display": "summarized"}


def budget(tokens: int) -> dict[str, Any]:
    return {"type": "enabled", "budget_tokens": tokens}


@pytest.mark.parametrize(
    ("abilities", "reasoning", "thinking", "effort"),
    [
        (SONNET_4, Reasoning(), None, None),
        (SONNET_4, Reasoning(OFF), None, None),
        (SONNET_4, Reasoning(ON), budget(8192), None),
        (SONNET_4, Reasoning(ON, Effort.MINIMAL), budget(1024), None),
        (SONNET_4, Reasoning(ON, Effort.HIGH), budget(24576), None),
        (SONNET_4, Reasoning(ON, budget=5000), budget(5000), None),
        (SONNET_4, Reasoning(ON, budget=-1), budget(8192), None),
        (OPUS_4_5, Reasoning(OFF), None, None),
        (OPUS_4_5, Reasoning(ON), budget(8192), None),
        (OPUS_4_5, Reasoning(ON, Effort.XHIGH), budget(32768), "high"),
        (OPUS_4_5, Reasoning(ON, budget=5000), budget(5000), None),
        (OPUS_4_6, Reasoning(OFF), None, None),
        (OPUS_4_6, Reasoning(ON), ADAPTIVE, None),
        (OPUS_4_6, Reasoning(ON, Effort.XHIGH), ADAPTIVE, "max"),
        (OPUS_4_6, Reasoning(ON, Effort.MINIMAL), ADAPTIVE, "low"),
        (OPUS_4_6, Reasoning(ON, budget=20000), ADAPTIVE, "high"),
        (OPUS_5, Reasoning(), None, None),
        (OPUS_5, Reasoning(OFF), {"type": "disabled"}, None),
        (OPUS_5, Reasoning(ON, Effort.MAX), ADAPTIVE, "max"),
        (OPUS_5, Reasoning(ON, budget=5000), ADAPTIVE, "medium"),
        (OPUS_5, Reasoning(visible=Visibility.SUMMARY), ADAPTIVE, None),
        (UNKNOWN, Reasoning(ON, Effort.LOW), budget(2048), None),
        (UNKNOWN, Reasoning(OFF), None, None),
    ],
)
def test_what_other_dialects_ask_for(abilities, reasoning, thinking, effort):
    assert thought(reasoning, abilities) == (thinking, effort, [])


@pytest.mark.parametrize(
    ("visible", "display"),
    [
        (Visibility.HIDDEN, "omitted"),
        (Visibility.UNSET, "summarized"),
        (Visibility.SUMMARY, "summarized"),
        (Visibility.FULL, "summarized"),
    ],
)
def test_whether_the_text_is_shown(visible, display):
    found, _, _ = thought(Reasoning(ON, visible=visible), OPUS_5)
    assert found == {"type": "adaptive", "display": display}


def test_models_that_do_not_think():
    assert thought(Reasoning(ON, Effort.LOW), OPUS_3) == (None, None, ["drop:thinking"])
    assert thought(Reasoning(OFF), OPUS_3) == (None, None, [])


@pytest.mark.parametrize("wanted", [Reasoning(OFF), Reasoning(OFF, Effort.HIGH)])
def test_P106_models_that_cannot_stop_thinking_think_little(wanted):
    expected = {"type": "adaptive", "display": "omitted"}
    assert thought(wanted, FABLE_5) == (expected, "low", ["degrade:thinking"])


@pytest.mark.parametrize(
    ("wanted", "effort"),
    [
        (Reasoning(OFF), None),
        (Reasoning(OFF, Effort.LOW), "low"),
        (Reasoning(OFF, Effort.MAX), "high"),
    ],
)
def test_P106_a_model_that_thinks_between_tools_at_least_is_held_to_that(wanted, effort):
    assert thought(wanted, SONNET_5_5) == ({"type": "between_tools"}, effort, [])


@pytest.mark.parametrize("form", ["disabled", "between_tools"])
@pytest.mark.parametrize(
    ("abilities", "expected"),
    [
        (SONNET_5_5, {"type": "between_tools"}),
        (OPUS_5, {"type": "disabled"}),
        (FABLE_5, {"type": "adaptive", "display": "omitted"}),
        (SONNET_4, {"type": "disabled"}),
    ],
)
def test_P106_a_client_of_this_dialect_gets_the_least_the_model_can_do(form, abilities, expected):
    found, _ = sent(native(thinking={"type": form}), abilities)
    assert found["thinking"] == expected


def test_what_the_client_is_not_shown_is_not_asked_for():
    """It could not send the text back, and a signature must fit its text."""
    hidden = Reasoning(ON, visible=Visibility.HIDDEN)
    assert thought(hidden, SONNET_4)[0] == {**budget(8192), "display": "omitted"}


@pytest.mark.parametrize(
    ("limit", "wanted", "expected", "losses"),
    [
        (None, 60000, budget(48000), []),
        (8000, 24576, budget(6000), []),
        (3000, 2000, budget(1976), []),
        (2048, 1500, budget(1024), []),
        (2047, 1500, None, ["drop:thinking"]),
        (100, 1500, None, ["drop:thinking"]),
        (8000, 500, budget(1024), []),
    ],
)
def test_F32_P104_the_budget_leaves_room_for_the_answer(limit, wanted, expected, losses):
    found, _, lost = thought(Reasoning(ON, budget=wanted), SONNET_4, max_output=limit)
    assert (found, lost) == (expected, losses)


def test_a_model_may_bound_its_budget():
    bounded = Abilities(max_output=64000, form=ReasoningForm.BUDGET, budget_range=(2000, 16000))
    assert thought(Reasoning(ON, budget=1500), bounded)[0] == budget(2000)
    assert thought(Reasoning(ON, budget=30000), bounded)[0] == budget(16000)


FORCED = {"tools": (Tool("f"),), "tool_choice": ToolChoice(ChoiceMode.REQUIRED)}


def test_P103_a_demanded_call_goes_before_thinking():
    found, losses = sent(asked(reasoning=Reasoning(ON), **FORCED), SONNET_4)
    assert "thinking" not in found
    assert found["tool_choice"] == {"type": "any"}
    assert losses == ["drop:thinking"]
    found, losses = sent(asked(reasoning=Reasoning(ON), **FORCED), OPUS_4_6)
    assert (found["thinking"], losses) == (ADAPTIVE, [])


SIGNED = Thinking(("t",), signature=Signature("anthropic", "sig"))


@pytest.mark.parametrize(("first", "losses"), [((SIGNED,), []), ((), ["drop:thinking"])])
def test_F28_a_tool_loop_that_began_without_thinking_goes_on_without(first, losses):
    history = (
        user("x"),
        assistant(*first, ToolCall("t1", "f", "{}")),
        Message(Role.TOOL, (ToolResult("t1"),)),
    )
    request = asked(*history, reasoning=Reasoning(ON), tools=(Tool("f"),))
    found, lost = sent(request, SONNET_4)
    assert ("thinking" in found, lost) == (not losses, losses)
    found, lost = sent(request, OPUS_5)
    assert (found["thinking"], lost) == (ADAPTIVE, [])


@pytest.mark.parametrize(
    "thinking",
    [
        {"type": "enabled", "budget_tokens": 9000},
        {"type": "enabled", "budget_tokens": 2048, "display": "summarized"},
        {"type": "adaptive"},
        {"type": "adaptive", "display": "omitted"},
        {"type": "adaptive", "block_binding": {"prefix_mismatch_behavior": "drop_block"}},
        {"type": "disabled"},
        {"type": "between_tools"},
        {"type": "something_new", "x": 1},
    ],
)
def test_what_a_client_of_this_dialect_says_is_said_again(thinking):
    request = native(thinking=thinking, output_config={"effort": "high"})
    found, losses = sent(request, UNKNOWN)
    assert found["thinking"] == thinking
    assert found["output_config"] == {"effort": "high"}
    assert losses == []


@pytest.mark.parametrize(
    ("thinking", "effort", "abilities", "expected", "sent_effort", "losses"),
    [
        # newer models take no budgets
        ({"type": "enabled", "budget_tokens": 3000}, None, OPUS_5, "adaptive", "low", []),
        ({"type": "enabled", "budget_tokens": 3000}, "max", OPUS_5, "adaptive", "max", []),
        ({"type": "enabled", "budget_tokens": 3000}, None, OPUS_4_6, "enabled", None, []),
        # and older ones no adaptive thinking
        ({"type": "adaptive"}, None, SONNET_4, "enabled", None, []),
        ({"type": "adaptive"}, "low", SONNET_4, "enabled", None, ["drop:effort"]),
        ({"type": "adaptive"}, "max", OPUS_4_5, "enabled", "high", []),
        ({"type": "disabled"}, "max", OPUS_5, "disabled", "high", []),
        ({"type": "disabled"}, None, FABLE_5, "adaptive", "low", ["degrade:thinking"]),
        ({"type": "disabled"}, None, SONNET_4, "disabled", None, []),
        (None, "xhigh", OPUS_4_6, None, "max", []),
        ({"type": "adaptive"}, None, OPUS_3, None, None, ["drop:thinking"]),
    ],
)
def test_P105_what_a_client_of_this_dialect_says_to_a_model_that_takes_another_form(
    thinking, effort, abilities, expected, sent_effort, losses
):
    request = native(thinking=thinking, output_config={"effort": effort} if effort else None)
    found, lost = sent(request, abilities)
    assert found.get("thinking", {}).get("type") == expected
    assert found.get("output_config", {}).get("effort") == sent_effort
    assert [code for code in lost if code != "degrade:max_output"] == losses
