"""Histories settle into the order every upstream accepts."""

from __future__ import annotations

import pytest

from mux.codecs._messages import end_of_history, merge_roles, remind, settle
from mux.errors import Unsupported
from mux.ir import Abilities, Loss, Message, Request, Role, Text, ToolCall, ToolResult


def text(value: str) -> Text:
    return Text(value)


def said(role: Role, *parts) -> Message:
    return Message(role, parts)


def settled(*messages: Message) -> tuple[list[Message], list[str]]:
    losses: list[Loss] = []
    done = settle(Request("m", messages), losses)
    return list(done.messages), [loss.code for loss in losses]


CALL_A = ToolCall("a", "f", "{}")
CALL_B = ToolCall("b", "g", "{}")


def test_F17_all_results_of_a_turn_follow_in_one_message_in_call_order():
    messages, losses = settled(
        said(Role.ASSISTANT, CALL_A, CALL_B),
        said(Role.TOOL, ToolResult("b", (text("2"),))),
        said(Role.USER, text("go on")),
        said(Role.TOOL, ToolResult("a", (text("1"),))),
    )
    assert [message.role for message in messages] == [Role.ASSISTANT, Role.TOOL, Role.USER]
    assert [part.text for part in messages[1].parts] == ["1", "2"]
    assert [part.name for part in messages[1].parts] == ["f", "g"]
    assert losses == []


def test_F17_duplicate_results_last_wins():
    messages, _ = settled(
        said(Role.ASSISTANT, CALL_A),
        said(Role.TOOL, ToolResult("a", (text("1"),)), ToolResult("a", (text("2"),))),
    )
    assert [part.text for part in messages[1].parts] == ["2"]


def test_P100_a_call_without_result_gets_an_error_result():
    messages, losses = settled(said(Role.ASSISTANT, CALL_A, CALL_B), said(Role.USER, text("stop")))
    assert [(part.call_id, part.is_error) for part in messages[1].parts] == [
        ("a", True),
        ("b", True),
    ]
    assert losses == ["degrade:missing_tool_result"] * 2


def test_F17_a_result_without_call_becomes_text():
    messages, losses = settled(said(Role.TOOL, ToolResult("x", (text("left over"),))))
    assert messages[0].role is Role.USER
    assert "left over" in messages[0].parts[0].text
    assert losses == ["degrade:orphan_tool_result"]


def test_steps_of_a_loop_stay_apart():
    messages, _ = settled(
        said(Role.ASSISTANT, CALL_A),
        said(Role.TOOL, ToolResult("a", (text("1"),))),
        said(Role.ASSISTANT, CALL_B),
        said(Role.TOOL, ToolResult("b", (text("2"),))),
    )
    assert [message.role for message in messages] == [
        Role.ASSISTANT,
        Role.TOOL,
        Role.ASSISTANT,
        Role.TOOL,
    ]


def test_P171_ids_used_again_in_a_later_turn_are_renamed_with_their_results():
    messages, _ = settled(
        said(Role.ASSISTANT, ToolCall("call_0", "f")),
        said(Role.TOOL, ToolResult("call_0", (text("1"),))),
        said(Role.ASSISTANT, ToolCall("call_0", "f")),
        said(Role.TOOL, ToolResult("call_0", (text("2"),))),
    )
    first, second = messages[0].parts[0].id, messages[2].parts[0].id
    assert first != second
    assert (messages[1].parts[0].call_id, messages[3].parts[0].call_id) == (first, second)
    assert messages[3].parts[0].text == "2"


def test_P170_illegal_ids_are_replaced_the_same_way_each_time():
    history = (
        said(Role.ASSISTANT, ToolCall("a|b:c", "f")),
        said(Role.TOOL, ToolResult("a|b:c", (text("1"),))),
    )
    once, _ = settled(*history)
    again, _ = settled(*history, said(Role.USER, text("more")))
    assert once[0] == again[0]
    assert once[0].parts[0].id.startswith("call_")
    assert once[1].parts[0].call_id == once[0].parts[0].id


def test_F19_results_without_ids_pair_by_name_first_in_first_out():
    messages, _ = settled(
        said(Role.ASSISTANT, ToolCall("", "f", "1"), ToolCall("", "g"), ToolCall("", "f", "2")),
        said(
            Role.TOOL,
            ToolResult("", (text("f1"),), name="f"),
            ToolResult("", (text("f2"),), name="f"),
            ToolResult("", (text("g"),), name="g"),
        ),
    )
    calls = messages[0].parts
    assert len({call.id for call in calls}) == 3
    assert [part.text for part in messages[1].parts] == ["f1", "g", "f2"]


def test_F34_empty_parts_and_messages_vanish():
    messages, _ = settled(said(Role.USER, text("")), said(Role.USER, text("hi"), text("")))
    assert messages == [said(Role.USER, text("hi"))]


def test_merge_roles_joins_neighbours():
    merged = merge_roles([said(Role.USER, text("a")), said(Role.USER, text("b"))])
    assert merged == [said(Role.USER, text("a"), text("b"))]


def test_F33_later_system_text_becomes_a_reminder():
    losses: list[Loss] = []
    out = remind([said(Role.SYSTEM, text("be brief"))], losses)
    assert out[0].role is Role.USER
    assert out[0].parts[0].text == "<system-reminder>\nbe brief\n</system-reminder>"
    assert losses[0].code == "degrade:mid_system"


@pytest.mark.parametrize("origin", ["anthropic", "gemini", "ollama"])
def test_P102_a_short_prefill_is_dropped_and_a_long_one_refused(origin):
    losses: list[Loss] = []
    ask = said(Role.USER, text("q"))
    short = Request("m", (ask, said(Role.ASSISTANT, text("{"))), origin=origin)
    done = end_of_history(short, Abilities(), losses, user_last=True)
    assert done.messages == (ask,)
    assert losses[0].code == "degrade:prefill"
    long = Request("m", (ask, said(Role.ASSISTANT, text("x" * 17))), origin=origin)
    with pytest.raises(Unsupported):
        end_of_history(long, Abilities(), losses, user_last=True)


def test_P102_an_assistant_tail_of_a_chat_client_is_no_prefill():
    losses: list[Loss] = []
    history = (said(Role.USER, text("q")), said(Role.ASSISTANT, text("a")))
    request = Request("m", history, origin="openai_chat")
    done = end_of_history(request, Abilities(), losses, user_last=True)
    assert done.messages[-1] == said(Role.USER, text("Continue."))
    assert end_of_history(request, Abilities(), losses, user_last=False) is request
