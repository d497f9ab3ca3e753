"""A conversation written run by run, and with what was written before, is what it is as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from mux.codecs import CODECS, Encoded, _runs, _tools
from mux.errors import MuxError
from mux.ir import (
    Abilities,
    CacheHint,
    ChoiceMode,
    Message,
    Request,
    Role,
    ServerTool,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolKind,
    ToolResult,
)
from tests.laws.test_prefix import MODELS, REQUESTS, TURNS, conversations, hinted

ABILITIES = {
    **MODELS,
    "uncached": Abilities(cache_control=False, custom_tools=True, strict_tools=False),
    "auto": Abilities(auto_cache=True, prefill=True, mid_system=False),
}

TOOLS = (
    Tool("look", description="looks", schema={"type": "object"}),
    Tool("look", description="twice"),
    Tool("a.b", schema={"type": "string"}, cache=CacheHint("1h")),
    Tool("look", namespace="far", namespace_description="Far away.", deferred=True, strict=True),
    Tool("patch", ToolKind.CUSTOM, description="Patch."),
    ServerTool("web_search", "anthropic", {"type": "web_search_20250305", "name": "web_search"}),
    Tool("last", schema={"type": "object", "properties": {"x": {"type": "array"}}}),
)
CHOICES = st.none() | st.sampled_from(
    [
        ToolChoice(ChoiceMode.REQUIRED),
        ToolChoice(ChoiceMode.NAMED, ("look",)),
        ToolChoice(ChoiceMode.ALLOWED_AUTO, ("look", "last")),
    ]
)


@contextmanager
def limits(messages: int, tools: int) -> Iterator[None]:
    """From how many on they are remembered."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_runs, "_MANY_MESSAGES", messages)
        patch.setattr(_tools, "MANY", tools)
        yield


def encoded(upstream: str, request: Request, abilities: Abilities) -> Encoded | str:
    try:
        return CODECS[upstream].client.encode_request(request, abilities)
    except MuxError as error:
        return error.message


def told(result: Encoded | str) -> object:
    if isinstance(result, str):
        return result
    losses = sorted((loss.code, loss.detail) for loss in result.losses)
    return result.body, losses, result.tools, result.stops


def agree(upstream: str, request: Request, abilities: Abilities) -> None:
    with limits(1_000_000, 1_000_000):
        whole = told(encoded(upstream, request, abilities))
    with limits(0, 0):
        for _ in range(3):  # seen, written, remembered
            assert told(encoded(upstream, request, abilities)) == whole


@pytest.mark.parametrize("model", sorted(ABILITIES))
@pytest.mark.parametrize("upstream", sorted(TURNS))
@settings(max_examples=60, deadline=None)
@given(
    request=REQUESTS,
    conversation=conversations(),
    tools=st.sampled_from([TOOLS, TOOLS[:1], ()]),
    choice=CHOICES,
)
def test_every_request_of_a_conversation_is_written_as_if_it_were_the_first(
    upstream, model, request, conversation, tools, choice
):
    said: list[Message] = []
    for turn in conversation:
        said += turn
        asked = replace(request, tools=tools, tool_choice=choice if tools else None)
        for messages in (said, hinted(said)):
            agree(upstream, replace(asked, messages=tuple(messages)), ABILITIES[model])


PARTS = (
    st.builds(Text, st.sampled_from(["", " ", "words"]))
    | st.builds(Thinking, st.just(("thought",)))
    | st.builds(
        ToolCall,
        st.sampled_from(["", "1", "2", "odd:1"]),
        st.sampled_from(["look", "a.b", "a_b", "gone"]),
        st.just("{}"),
        namespace=st.sampled_from(["", "far"]),
    )
    | st.builds(
        ToolResult,
        st.sampled_from(["", "1", "2", "odd:1"]),
        st.just((Text("seen"),)),
        st.sampled_from(["", "look", "a.b", "gone"]),
    )
)
ANYTHING = st.lists(
    st.builds(Message, st.sampled_from(Role), st.lists(PARTS, min_size=1, max_size=3).map(tuple)),
    min_size=1,
    max_size=8,
)
ASK = Message(Role.USER, (Text("ask"),))


@pytest.mark.parametrize("upstream", sorted(TURNS))
@settings(max_examples=200, deadline=None)
@given(messages=ANYTHING, origin=st.sampled_from(sorted(TURNS)))
@example(
    [
        Message(Role.ASSISTANT, (Text("a"), ToolCall("1", "look"))),
        ASK,
        Message(Role.ASSISTANT, (Text("b"), ToolCall("2", "look"))),
        Message(Role.TOOL, (ToolResult("1", (Text("late"),)), ToolResult("2"))),
    ],
    "openai_chat",
)
@example(
    [
        Message(Role.ASSISTANT, (Thinking(("only",)),)),
        ASK,
        Message(Role.ASSISTANT, (Text("b"),)),
        ASK,
    ],
    "openai_chat",
)
@example(
    [
        Message(Role.ASSISTANT, (ToolCall("1", "a.b"),)),
        Message(Role.TOOL, (ToolResult("1"),)),
        Message(Role.ASSISTANT, (ToolCall("2", "a_b"),)),
        Message(Role.TOOL, (ToolResult("2"),)),
    ],
    "anthropic",
)
@example(
    [
        Message(Role.ASSISTANT, (ToolCall("1", "look"),)),
        Message(Role.TOOL, (ToolResult("1"),)),
        Message(Role.ASSISTANT, (ToolCall("", "look"),)),
        Message(Role.TOOL, (ToolResult("1", (Text("again"),)),)),
        Message(Role.ASSISTANT, (Text("a"),)),
        ASK,
    ],
    "gemini",
)
@example(
    [
        Message(Role.ASSISTANT, (Text("a"),)),
        Message(Role.USER, (Text(""),)),
        Message(Role.ASSISTANT, (Text("b"),)),
        ASK,
        Message(Role.ASSISTANT, (Text("c"),)),
        ASK,
    ],
    "openai_chat",
)
def test_whatever_order_a_conversation_is_in(upstream, messages, origin):
    request = Request("m", (ASK, *messages), tools=TOOLS[:2], max_output=9, origin=origin)
    agree(upstream, request, Abilities())


@pytest.mark.parametrize("upstream", sorted(TURNS))
def test_what_was_said_before_may_be_said_at_another_place(upstream):
    def step(number: int) -> list[Message]:
        call = ToolCall("", "look", f'{{"number":{number}}}')
        return [
            Message(Role.ASSISTANT, (call,)),
            Message(Role.TOOL, (ToolResult("", name="look"),)),
        ]

    first, second, third = map(step, range(3))
    for said in ([*first, *second, *third], [*second, *third], [*third, *first, *second]):
        agree(upstream, Request("m", (ASK, *said), max_output=9, origin="gemini"), Abilities())
