"""Hypothesis strategies for what the IR can say: event streams, responses, requests."""

from __future__ import annotations

import json
from base64 import b64encode

from hypothesis import strategies as st

from mux.errors import ErrorKind
from mux.ir import (
    Annotation,
    Answer,
    ChoiceMode,
    Effort,
    Event,
    Failure,
    Finish,
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
    Sampling,
    SearchHit,
    ServerCall,
    ServerResult,
    Signature,
    SourceKind,
    StopReason,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Usage,
    unfold,
)

PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)

words = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=24
)
"""Any text: quotes, line ends, U+2028, astral characters. Never empty, no lone surrogates."""

visible = words.filter(lambda text: text.strip() == text)
names = st.from_regex(r"[a-z][a-z0-9_]{0,12}", fullmatch=True)
call_ids = st.from_regex(r"call_[a-z0-9]{4,16}", fullmatch=True)
numbers = st.integers(0, 100_000)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)
arguments = st.dictionaries(words, json_values, max_size=3).map(
    lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":"))
)

signatures = st.builds(
    Signature,
    dialect=st.sampled_from(["anthropic", "gemini", "openai_responses"]),
    value=st.binary(min_size=6, max_size=30).map(lambda raw: b64encode(raw).decode()),
)

texts = st.builds(Text, text=words)
refusals = st.builds(Refusal, text=words)
thoughts = st.builds(
    Thinking,
    texts=st.lists(words, min_size=1, max_size=2).map(tuple),
    summary=st.booleans(),
    signature=st.none() | signatures,
)
calls = st.builds(ToolCall, id=call_ids, name=names, arguments=arguments)
images = st.just(Media(MediaKind.IMAGE, SourceKind.BASE64, PNG, "image/png"))
cited = st.builds(
    Text,
    text=words,
    annotations=st.just(
        (Annotation(url="https://example.com/a", title="A", start=0, end=1, cited_text="x"),)
    ),
)

hits = st.builds(SearchHit, url=st.just("https://example.com/b"), title=words)
kinds = st.sampled_from(["web_search", "web_fetch", "code_execution", "file_search"])
searches = st.builds(
    ServerCall,
    kind=kinds,
    id=call_ids,
    arguments=words.map(lambda text: json.dumps({"query": text, "code": text})),
    dialect=st.just("elsewhere"),
)
found = st.builds(
    ServerResult,
    kind=kinds,
    call_id=call_ids,
    dialect=st.just("elsewhere"),
    hits=st.lists(hits, max_size=2).map(tuple),
    output=words,
    is_error=st.booleans(),
)

parts = texts | texts | thoughts | calls | cited | searches | found

usages = st.builds(
    Usage,
    input_total=st.integers(100, 10_000),
    output_total=st.integers(100, 10_000),
    cache_read=st.none() | st.integers(0, 50),
    cache_write=st.none() | st.integers(0, 50),
    reasoning=st.none() | st.integers(0, 100),
)

_PLAIN = [StopReason.STOP, StopReason.LENGTH, StopReason.CONTENT_FILTER, StopReason.STOP_SEQUENCE]


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    if draw(st.integers(0, 9)) == 0:
        return Answer((draw(refusals),), Finish(StopReason.REFUSAL))
    content = draw(st.lists(parts, max_size=4))
    unique = {part.id: part for part in content if isinstance(part, ToolCall)}
    content = [
        part for part in content if not isinstance(part, ToolCall) or unique[part.id] is part
    ]
    reason = draw(st.sampled_from(_PLAIN))
    if unique and reason in (StopReason.STOP, StopReason.STOP_SEQUENCE):
        reason = StopReason.TOOL_CALLS
    return Answer(tuple(content), Finish(reason))


responses = st.builds(
    Response,
    id=st.from_regex(r"[a-z]{4}_[a-z0-9]{12}", fullmatch=True),
    model=st.just("m-1"),
    created=st.integers(1_700_000_000, 1_800_000_000),
    answers=answers().map(lambda answer: (answer,)),
    usage=st.none() | usages,
)

failures = st.builds(
    Failure, kind=st.sampled_from([*list(ErrorKind)[:5], ErrorKind.SERVER]), message=visible
)


@st.composite
def streams(draw: st.DrawFn) -> list[Event]:
    """A legal stream; one in eight breaks off in a `Failure`."""
    events = unfold(draw(responses))
    if draw(st.integers(0, 7)) == 0:
        cut = draw(st.integers(0, len(events) - 1))
        return [*events[:cut], draw(failures)]
    return events


tools = st.builds(
    Tool,
    name=names,
    description=visible,
    schema=st.just(
        {
            "type": "object",
            "properties": {"q": {"type": "string", "description": "what"}},
            "required": ["q"],
        }
    ),
)


@st.composite
def histories(draw: st.DrawFn) -> tuple[Message, ...]:
    """Whole turns in canonical order, ending with the user or a tool result."""
    out: list[Message] = []
    for _ in range(draw(st.integers(0, 2))):
        out.append(Message(Role.USER, (draw(st.builds(Text, text=visible)),)))
        step = draw(st.lists(calls, min_size=1, max_size=2, unique_by=lambda call: call.id))
        used = {part.id for message in out for part in message.parts if isinstance(part, ToolCall)}
        step = [call for call in step if call.id not in used]
        if step and draw(st.booleans()):
            out.append(Message(Role.ASSISTANT, tuple(step)))
            results = tuple(
                ToolResult(call.id, (Text(draw(visible)),), name=call.name) for call in step
            )
            out.append(Message(Role.TOOL, results))
        out.append(Message(Role.ASSISTANT, (draw(st.builds(Text, text=visible)),)))
    content: tuple[Text | Media, ...] = (Text(draw(visible)),)
    if draw(st.booleans()):
        content += (draw(images),)
    out.append(Message(Role.USER, content))
    return tuple(out)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """What all chat dialects can say."""
    declared = tuple(draw(st.lists(tools, max_size=3, unique_by=lambda tool: tool.name)))
    choice = None
    if declared:
        choice = draw(
            st.none()
            | st.just(ToolChoice(ChoiceMode.AUTO))
            | st.just(ToolChoice(ChoiceMode.REQUIRED))
            | st.just(ToolChoice(ChoiceMode.NAMED, (declared[0].name,)))
        )
    schema = {
        "type": "object",
        "properties": {"a": {"type": "integer"}},
        "required": ["a"],
        "additionalProperties": False,
    }
    return Request(
        model="m-1",
        messages=draw(histories()),
        system=tuple(Text(text) for text in draw(st.lists(visible, max_size=2))),
        tools=declared,
        tool_choice=choice,
        sampling=Sampling(temperature=draw(st.none() | st.sampled_from([0.0, 0.5, 1.0]))),
        max_output=draw(st.none() | st.integers(2048, 4096)),
        stop=tuple(draw(st.lists(visible, max_size=2, unique=True))),
        stream=draw(st.booleans()),
        reasoning=draw(
            st.just(Reasoning())
            | st.just(Reasoning(ReasoningState.ON, Effort.LOW))
            | st.just(Reasoning(ReasoningState.ON, Effort.HIGH))
        ),
        response_format=draw(
            st.just(ResponseFormat())
            | st.just(ResponseFormat(FormatKind.JSON_SCHEMA, "answer", schema))
        ),
    )
