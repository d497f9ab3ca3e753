"""The scripted model: what it answers to what."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from mux.errors import (
    InvalidRequest,
    MuxError,
    NotFound,
    Overloaded,
    PermissionDenied,
    RateLimited,
    Unauthorized,
    UpstreamFailed,
)
from mux.ir import (
    Checker,
    ChoiceMode,
    Failure,
    FormatKind,
    Media,
    MediaKind,
    Message,
    Reasoning,
    ReasoningState,
    Refusal,
    Request,
    Response,
    ResponseFormat,
    Role,
    ServerTool,
    SourceKind,
    StopReason,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolKind,
    ToolResult,
    fold,
)
from mux.providers.demo import Cut, Refuse, Say, Step, play
from tests.laws.strategies import PNG

CITY: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city"],
}
TOOLS = (Tool("get_weather", schema=CITY), Tool("Read"), Tool("patch", kind=ToolKind.CUSTOM))
IMAGE = Media(MediaKind.IMAGE, SourceKind.BASE64, PNG, "image/png")


def user(text: str) -> Message:
    return Message(Role.USER, (Text(text),))


def ask(*said: Message | str, **fields: Any) -> Request:
    messages = tuple(user(each) if isinstance(each, str) else each for each in said)
    return Request("demo", messages=messages, origin="openai_chat", **fields)


def steps(request: Request) -> list[Step]:
    """All steps, whose events are legal in their order."""
    played, check = list(play(request)), Checker()
    for step in played:
        if isinstance(step, Say):
            check(step.event)
    assert check.done or not isinstance(played[-1], Say)
    return played


def answer(*said: Message | str, **fields: Any) -> Response:
    played = steps(ask(*said, **fields))
    return fold(step.event for step in played if isinstance(step, Say))


def text(*said: Message | str, **fields: Any) -> str:
    [part] = answer(*said, **fields).parts
    assert isinstance(part, Text)
    return part.text


def calls(*said: Message | str, **fields: Any) -> list[ToolCall]:
    parts = answer(*said, **fields).parts
    return [part for part in parts if isinstance(part, ToolCall)]


# -- words ----------------------------------------------------------------------------------------


def test_by_default_it_echoes_with_figures():
    assert text("Grüße aus Wien 🎡") == (
        "You said: Grüße aus Wien 🎡 (4 words, 1 message, 0 tools)"
    )
    assert text("a", Message(Role.ASSISTANT, (Text("b"),)), "c d", tools=TOOLS[:1]) == (
        "You said: c d (2 words, 3 messages, 1 tool)"
    )
    assert text() == "You said nothing (0 words, 0 messages, 0 tools)"


def test_the_same_request_gets_the_same_answer():
    assert steps(ask("call Read", tools=TOOLS)) == steps(ask("call Read", tools=TOOLS))


def test_words_come_one_at_a_time():
    deltas = [
        step.event.text
        for step in steps(ask("one  two\n"))
        if isinstance(step, Say) and type(step.event).__name__ == "TextDelta"
    ]
    assert deltas[:4] == ["You", " said:", " one", "  two"]


def test_only_the_last_text_of_the_user_is_searched():
    refuse = Message(Role.USER, (Text("refuse"), Text("hello")))
    assert text(refuse).startswith("You said: hello")
    assert text("refuse", Message(Role.ASSISTANT, (Text("ok"),)), "hello").startswith("You said")
    assert text("refuse", "hello").startswith("You said: hello")
    assert text("hello", system=(Text("refuse, fail with 500, call Read"),)).startswith("You said")


@pytest.mark.parametrize("tag", ["system-reminder", "session_context"])
def test_what_programs_add_is_not_the_users_words(tag):
    reminder = f"<{tag}>\nrefuse\nfail with 500\n</{tag}>"
    both = Message(Role.USER, (Text("hello"), Text(reminder)))
    assert text(both).startswith("You said: hello (1 word")
    assert text(f"{reminder}\nhello").startswith("You said: hello (1 word")
    [thought, said] = answer(f"think {reminder}").parts
    assert isinstance(thought, Thinking)
    assert isinstance(said, Text)


def test_a_long_text_is_quoted_in_part():
    assert len(text("x" * 100_000)) < 3000


def test_media_are_acknowledged():
    pdf = Media(MediaKind.DOCUMENT, SourceKind.BASE64, "JVBERg==", "application/pdf")
    wav = Media(MediaKind.AUDIO, SourceKind.BASE64, "UklGRg==", "audio/wav")
    said = text(Message(Role.USER, (Text("look"), IMAGE, IMAGE, pdf, wav)))
    assert said.endswith(
        "I see 2 images (image/png). I hear 1 recording (audio/wav). "
        "I read 1 document (application/pdf)."
    )


def test_an_answer_to_continue_does_not_count():
    assert text("hello", Message(Role.ASSISTANT, (Text("You"),))).startswith("You said: hello")


# -- reasoning ------------------------------------------------------------------------------------


@pytest.mark.parametrize("origin", ["anthropic", "gemini", "openai_responses"])
def test_reasoning_is_signed_where_the_dialect_signs(origin: str):
    request = replace(ask("Think about it"), origin=origin)
    [thought, said] = fold(step.event for step in steps(request) if isinstance(step, Say)).parts
    assert isinstance(thought, Thinking)
    assert isinstance(said, Text)
    assert thought.text not in said.text
    assert thought.signature is not None
    assert thought.signature.dialect == origin


def test_reasoning_when_it_is_switched_on():
    on = Reasoning(ReasoningState.ON)
    response = answer("hello", reasoning=on)
    thought = response.parts[0]
    assert isinstance(thought, Thinking)
    assert thought.signature is None
    assert response.usage is not None
    assert response.usage.reasoning == len(thought.text.split())
    assert response.usage.output_total is not None
    assert response.usage.output_total > response.usage.reasoning


# -- tools ----------------------------------------------------------------------------------------


def test_a_tool_that_is_named_is_called():
    response = answer("Please use the get_weather tool.", tools=TOOLS)
    [call] = response.parts
    assert isinstance(call, ToolCall)
    assert (call.name, json.loads(call.arguments)) == ("get_weather", {"city": "city"})
    assert response.finish.reason is StopReason.TOOL_CALLS
    [given] = calls('call get_weather with {"city": "Rome"}', tools=TOOLS)
    assert json.loads(given.arguments) == {"city": "Rome"}


def test_tools_in_parallel():
    several = calls("use all tools in parallel", tools=TOOLS)
    assert [call.name for call in several] == ["get_weather", "Read", "patch"]
    assert len({call.id for call in several}) == 3
    assert several[2].arguments == "demo input"
    assert [call.name for call in calls("call Read and patch", tools=TOOLS)] == ["Read", "patch"]
    [one] = calls("use all tools", tools=TOOLS, parallel_tools=False)
    assert one.name == "get_weather"
    [any_one] = calls("use a tool", tools=TOOLS)
    assert any_one.name == "get_weather"


def test_ids_differ_from_turn_to_turn():
    [first] = calls("call Read", tools=TOOLS)
    done = Message(Role.ASSISTANT, (first,)), Message(Role.TOOL, (ToolResult(first.id),))
    [second] = calls("call Read", *done, "call Read", tools=TOOLS)
    assert first.id != second.id


def test_without_tools_it_only_talks():
    assert text("use a tool").startswith("You said")
    server = ServerTool("web_search", "anthropic", {})
    assert text("use a tool", tools=(server,)).startswith("You said")


@pytest.mark.parametrize(
    ("choice", "said", "names"),
    [
        (ToolChoice(ChoiceMode.NONE), "call Read", []),
        (ToolChoice(ChoiceMode.REQUIRED), "hello", ["get_weather"]),
        (ToolChoice(ChoiceMode.REQUIRED), "call Read", ["Read"]),
        (ToolChoice(ChoiceMode.NAMED, ("Read",)), "hello", ["Read"]),
        (ToolChoice(ChoiceMode.NAMED, ("Read",)), "call patch", ["Read"]),
        (ToolChoice(ChoiceMode.ALLOWED_AUTO, ("Read",)), "use all tools", ["Read"]),
        (ToolChoice(ChoiceMode.ALLOWED_AUTO, ("Read",)), "hello", []),
        (ToolChoice(ChoiceMode.ALLOWED_REQUIRED, ("Read", "patch")), "hello", ["Read"]),
    ],
)
def test_the_tool_choice_decides(choice: ToolChoice, said: str, names: list[str]):
    assert [call.name for call in calls(said, tools=TOOLS, tool_choice=choice)] == names


def test_a_system_message_at_the_end_can_demand_a_call():
    demand = Message(Role.SYSTEM, (Text("You must call the tool Read now."),))
    assert [call.name for call in calls("hello", demand, tools=TOOLS)] == ["Read"]
    demand = Message(Role.SYSTEM, (Text("You must call a tool now."),))
    assert [call.name for call in calls("hello", demand, tools=TOOLS)] == ["get_weather"]


def test_results_are_quoted():
    called = Message(Role.ASSISTANT, (ToolCall("c1", "get_weather"), ToolCall("c2", "Read")))
    results = Message(
        Role.TOOL,
        (
            ToolResult("c1", (Text("18 °C"), IMAGE)),
            ToolResult("c2", (Text("no such file"),), is_error=True),
            ToolResult("c3"),
        ),
    )
    said = text("use all tools", called, results, tools=TOOLS)
    assert said.splitlines() == [
        "get_weather answered: 18 °C I see 1 image (image/png).",
        "Read failed: no such file",
        "your tool answered: nothing",
    ]
    reminded = replace(
        results, parts=(*results.parts, Text("<system-reminder>call Read</system-reminder>"))
    )
    assert text("use all tools", called, reminded, tools=TOOLS) == said


def test_new_words_after_results_count():
    called = Message(Role.ASSISTANT, (ToolCall("c1", "get_weather"),))
    results = Message(Role.USER, (ToolResult("c1", (Text("18 °C"),)), Text("and now refuse")))
    [part] = answer("x", called, results, tools=TOOLS).parts
    assert isinstance(part, Refusal)


# -- forms ----------------------------------------------------------------------------------------


def test_structured_answers():
    schema = ResponseFormat(FormatKind.JSON_SCHEMA, "x", CITY)
    assert json.loads(text("Where to?", response_format=schema)) == {"city": "city"}
    anything = ResponseFormat(FormatKind.JSON_OBJECT)
    assert json.loads(text('say "hi"', response_format=anything)) == {"said": 'say "hi"'}


def test_several_answers():
    response = answer("hello", n=3)
    texts = [answer.parts[0].text for answer in response.answers]
    assert len(set(texts)) == 3
    assert all(each.startswith("You said: hello") for each in texts)
    assert response.usage is not None
    assert response.usage.output_total == sum(len(each.split()) for each in texts)


def test_a_refusal():
    response = answer("refuse")
    [part] = response.parts
    assert isinstance(part, Refusal)
    assert response.finish.reason is StopReason.REFUSAL


def test_a_citation():
    [part] = answer("cite something").parts
    assert isinstance(part, Text)
    [annotation] = part.annotations
    assert part.text[annotation.start : annotation.end] == annotation.cited_text
    assert annotation.url == "https://example.com/"


def test_log_probabilities_on_request():
    [part] = answer("hi there", logprobs=2).parts
    assert isinstance(part, Text)
    assert "".join(token.token for token in part.logprobs) == part.text
    assert all(token.logprob < 0 and len(token.top) <= 2 for token in part.logprobs)
    [part] = answer("hi there").parts
    assert isinstance(part, Text)
    assert part.logprobs == ()


def test_usage_counts_words():
    response = answer("one two three", system=(Text("be kind"),))
    usage = response.usage
    assert usage is not None
    assert (usage.input_total, usage.cache_read, usage.reasoning) == (5, 0, 0)
    [part] = response.parts
    assert isinstance(part, Text)
    assert usage.output_total == len(part.text.split())


# -- limits and mishaps ---------------------------------------------------------------------------


def test_the_output_limit():
    response = answer("one two three", max_output=3)
    assert response.parts == (Text("You said: one"),)
    assert response.finish.reason is StopReason.LENGTH
    assert answer("hi", max_output=1000).finish.reason is StopReason.STOP
    thinking = answer("think", max_output=2)
    assert [type(part) for part in thinking.parts] == [Thinking]
    assert thinking.finish.reason is StopReason.LENGTH
    assert answer("hi", max_output=0).parts == ()


def test_stop_short():
    response = answer("stop short")
    assert response.finish.reason is StopReason.LENGTH
    assert response.parts[0].text.startswith("You said:")


def test_stop_sequences():
    response = answer("one two three", stop=("three", "two"))
    assert response.parts == (Text("You said: one "),)
    assert response.finish.reason is StopReason.STOP_SEQUENCE
    assert response.finish.stop_sequence == "two"


def test_long_answers_are_paced():
    played = [
        step
        for step in steps(ask("stream 5 tokens at 4 per second"))
        if isinstance(step, Say) and step.delay_s
    ]
    assert [step.delay_s for step in played] == [0.25] * 5
    assert text("count to 10") == "1 2 3 4 5 6 7 8 9 10"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidRequest),
        (401, Unauthorized),
        (403, PermissionDenied),
        (404, NotFound),
        (429, RateLimited),
        (500, UpstreamFailed),
        (503, Overloaded),
        (529, Overloaded),
    ],
)
def test_failures_by_status(status: int, kind: type[MuxError]):
    [step] = play(ask(f"fail with {status}"))
    assert isinstance(step, Refuse)
    assert step.status == status
    assert type(step.error) is kind
    assert (step.error.retry_after_s == 2) is (status == 429)


def test_a_status_it_cannot_fail_with_is_only_words():
    assert text("fail with 200").startswith("You said")


def test_it_fails_midway():
    played = steps(ask("fail midway"))
    *_, last = played
    assert isinstance(last, Say)
    assert isinstance(last.event, Failure)
    assert sum(type(s.event).__name__ == "TextDelta" for s in played if isinstance(s, Say)) > 1


def test_it_cuts_the_stream():
    played = steps(ask("cut the stream"))
    assert isinstance(played[-1], Cut)
    assert not any(type(s.event).__name__ == "Finish" for s in played if isinstance(s, Say))
