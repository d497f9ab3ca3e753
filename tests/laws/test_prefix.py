"""One more turn never changes the bytes before it: every provider's prompt cache lives on that.

Translation spec section 13. What is compared is all the model reads: the tools, the system texts
and the list of turns, whose bytes up to the new turn must be those of the request before.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from mux.codecs import CODECS
from mux.ir import (
    Abilities,
    CacheHint,
    Message,
    Reasoning,
    ReasoningForm,
    ReasoningMode,
    ReasoningState,
    Request,
    Role,
    Signature,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
)
from tests.laws import strategies as make

TURNS = {
    "anthropic": "messages",
    "gemini": "contents",
    "ollama": "messages",
    "openai_chat": "messages",
    "openai_responses": "input",
}
"""The field that holds the turns. Completions has none: it takes a single prompt."""

MODELS = {
    "plain": Abilities(),
    "strict": Abilities(
        reasoning=ReasoningMode.DEFAULT,
        form=ReasoningForm.ADAPTIVE,
        mid_system=False,
        tool_media=False,
        signature_required=True,
        echo_reasoning="reasoning_content",
        auto_cache=True,
        cache_breakpoints=True,
        forced_tool_choice=False,
    ),
}

SIGNATURES = st.builds(
    Signature,
    dialect=st.sampled_from(["anthropic", "gemini", "openai_responses", "openai_chat"]),
    value=st.just("c2lnbmF0dXJl"),
    kind=st.sampled_from(["sig", "enc", "redacted"]),
    id=st.sampled_from(["", "rs_1"]),
)
THOUGHTS = st.builds(
    Thinking,
    texts=st.lists(make.visible, max_size=2).map(tuple),
    signature=st.none() | SIGNATURES,
)
SAID = st.builds(Text, text=make.visible, signature=st.none() | SIGNATURES)
USERS = st.lists(st.builds(Text, text=make.visible) | make.images, min_size=1, max_size=2).map(
    lambda parts: Message(Role.USER, tuple(parts))
)
LATER = st.builds(Text, text=make.visible).map(lambda text: Message(Role.SYSTEM, (text,)))


@st.composite
def steps(draw: st.DrawFn, number: int) -> list[Message]:
    """The assistant calls tools, after thoughts and words, and all or most calls are answered."""
    head = draw(st.lists(THOUGHTS | SAID, max_size=3))
    called = [
        ToolCall(
            # Some hosts begin anew with every turn, and some send no id at all.
            draw(st.sampled_from(["call_0", f"call_{number}", "", "call:odd|1"])) + str(place),
            "look",
            draw(make.arguments),
            signature=draw(st.none() | SIGNATURES),
        )
        for place in range(draw(st.integers(1, 2)))
    ]
    content = draw(st.lists(st.builds(Text, text=make.words) | make.images, max_size=2))
    results = [
        ToolResult(call.id, tuple(content), name="look", is_error=draw(st.booleans()))
        for call in called
        if draw(st.integers(0, 5))
    ]
    out = [Message(Role.ASSISTANT, (*head, *called))]
    return [*out, Message(Role.TOOL, tuple(results))] if results else [*out, draw(USERS)]


@st.composite
def answers(draw: st.DrawFn, number: int) -> list[Message]:
    """The assistant says something, and the user goes on."""
    head = draw(st.lists(THOUGHTS | SAID, max_size=2))
    later = draw(st.just([]) | LATER.map(lambda message: [message]))
    return [Message(Role.ASSISTANT, (*head, draw(SAID))), draw(USERS), *later]


@st.composite
def conversations(draw: st.DrawFn) -> list[list[Message]]:
    """Turns, the first of which is the user's."""
    count = draw(st.integers(1, 4))
    turns = [draw(steps(number) | answers(number)) for number in range(count)]
    return [[draw(USERS)], *turns]


REQUESTS = st.builds(
    Request,
    model=st.just("m"),
    system=st.lists(st.builds(Text, text=make.visible), max_size=2).map(tuple),
    tools=st.just((Tool("look", description="looks", schema={"type": "object"}),)),
    max_output=st.just(9000),
    reasoning=st.sampled_from([Reasoning(), Reasoning(ReasoningState.ON)]),
    origin=st.sampled_from(sorted(TURNS)),
)


@pytest.mark.parametrize("model", sorted(MODELS))
@pytest.mark.parametrize("upstream", sorted(TURNS))
@settings(max_examples=60, deadline=None)
@given(request=REQUESTS, conversation=conversations())
def test_one_more_turn_keeps_every_byte_before_it(upstream, model, request, conversation):
    before = [message for turn in conversation[:-1] for message in turn]
    after = [*before, *conversation[-1]]
    first, second = (
        sent(upstream, replace(request, messages=tuple(hinted(messages))), MODELS[model])
        for messages in (before, after)
    )
    field = TURNS[upstream]
    turns, longer = (json.dumps(body.pop(field), ensure_ascii=False) for body in (first, second))
    assert longer.startswith(turns.removesuffix("]"))
    for body in (first, second):
        # Budgets must be left out in a tool loop that began without thinking, or be refused.
        body.pop("thinking", None)
    assert json.dumps(first) == json.dumps(second), "nothing else depends on the turns"


def hinted(messages: list[Message]) -> list[Message]:
    """`messages` with a breakpoint at their end, as Claude Code sets it anew for every request."""
    *others, last = messages
    part = last.parts[-1]
    if isinstance(part, Text | ToolResult):
        part = replace(part, cache=CacheHint("5m"))
    return [*others, replace(last, parts=(*last.parts[:-1], part))]


def sent(upstream: str, request: Request, abilities: Abilities) -> dict[str, Any]:
    """The upstream's request without breakpoints, which are no part of what is cached.

    Nor is it whether a single text, as it must be to carry one, is in a list.
    """
    body = CODECS[upstream].client.encode_request(request, abilities).body
    return json.loads(body, object_hook=_unmarked)


def _unmarked(fields: dict[str, Any]) -> dict[str, Any]:
    marks = ("cache_control", "prompt_cache_breakpoint")
    kept = {key: value for key, value in fields.items() if key not in marks}
    match kept.get("content"):
        case [{"type": "text", "text": text}]:
            kept["content"] = text
    return kept
