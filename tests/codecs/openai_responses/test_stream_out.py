"""Streams for clients of this dialect."""

from __future__ import annotations

import pytest

from mux.codecs import _envelope
from mux.codecs.openai_responses import CODEC
from mux.codecs.openai_responses._own import DIALECT
from mux.errors import ErrorKind
from mux.ir import (
    Annotation,
    AnnotationDelta,
    Answer,
    ArgsDelta,
    BlockStart,
    BlockStop,
    Event,
    Failure,
    Finish,
    Media,
    MediaKind,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Request,
    Response,
    ServerCall,
    ServerResult,
    ServerTool,
    Signature,
    SignatureDelta,
    SourceKind,
    Start,
    StopReason,
    Text,
    TextDelta,
    Thinking,
    TokenLogprob,
    ToolCall,
    ToolKind,
    Usage,
    UsageUpdate,
    Visibility,
    unfold,
)
from tests.codecs.openai_responses.telling import decoded, kinds, parsed, told

STOP = Finish(StopReason.STOP)
SHOWN = Request("m", origin=DIALECT, reasoning=Reasoning(visible=Visibility.SUMMARY))
HIDDEN = Request("m", origin=DIALECT, reasoning=Reasoning(visible=Visibility.HIDDEN))


def answer(*parts: Part, finish: Finish = STOP, usage: Usage | None = None) -> list[Event]:
    return unfold(Response("chatcmpl-1", "up", 7, (Answer(parts, finish),), usage))


def final(data: bytes) -> dict:
    return parsed(data)[-1]["response"]


def items(data: bytes) -> list[dict]:
    """The items of the final response; they must be those that were closed one by one."""
    events = parsed(data)
    closed = [event["item"] for event in events if event["type"].endswith("output_item.done")]
    assert events[-1]["response"]["output"] == closed
    places = [event["output_index"] for event in events if event["type"].endswith("item.done")]
    assert places == list(range(len(places)))
    return closed


def test_F07_the_order_of_events_for_text():
    events = [
        Start("chatcmpl-1", "up", 7),
        BlockStart(0, Text("")),
        TextDelta(0, "Hel"),
        TextDelta(0, "lo"),
        BlockStop(0),
        UsageUpdate(Usage(3, 2)),
        STOP,
    ]
    stream = told(events)
    assert kinds(stream) == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    out = parsed(stream)
    assert out[2]["item"] == {
        "id": out[2]["item"]["id"],
        "type": "message",
        "status": "in_progress",
        "role": "assistant",
        "content": [],
    }
    assert out[3]["part"] == {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
    assert out[4]["delta"] == "Hel"
    assert out[4]["logprobs"] == []
    assert out[6]["text"] == "Hello"
    [message] = items(stream)
    assert message["status"] == "completed"
    assert message["content"][0]["text"] == "Hello"
    ids = {event.get("item_id", message["id"]) for event in out}
    assert ids == {message["id"]}
    assert message["id"].startswith("msg_")


def test_the_response_object_echoes_the_request():
    tools = [{"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": False}]
    request = decoded(
        input="hi",
        instructions="be good",
        tools=tools,
        tool_choice="required",
        parallel_tool_calls=False,
        temperature=0.5,
        max_output_tokens=99,
        reasoning={"effort": "high", "summary": "auto"},
        text={"verbosity": "low"},
        metadata={"a": "b"},
        prompt_cache_key="k",
    )
    stream = told(answer(Text("x"), usage=Usage(3, 2, 1)), request)
    first, last = parsed(stream)[0]["response"], final(stream)
    assert (first["status"], first["output"], first["usage"]) == ("in_progress", [], None)
    assert {key: last[key] for key in last if key not in ("id", "output")} == {
        "object": "response",
        "created_at": 7,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "background": False,
        "instructions": "be good",
        "max_output_tokens": 99,
        "max_tool_calls": None,
        "parallel_tool_calls": False,
        "previous_response_id": None,
        "prompt_cache_key": "k",
        "reasoning": {"effort": "high", "summary": "auto"},
        "safety_identifier": None,
        "store": False,
        "temperature": 0.5,
        "text": {"format": {"type": "text"}, "verbosity": "low"},
        "tool_choice": "required",
        "tools": tools,
        "top_logprobs": 0,
        "top_p": 1.0,
        "truncation": "disabled",
        "user": None,
        "metadata": {"a": "b"},
        "model": "m",
        "usage": {
            "input_tokens": 3,
            "input_tokens_details": {"cached_tokens": 1, "cache_write_tokens": 0},
            "output_tokens": 2,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 5,
        },
    }
    assert last["id"] == first["id"]
    assert last["id"].startswith("resp_")


def test_F38_usage_is_numbers_even_if_nobody_counted():
    usage = final(told(answer(Text("x"))))["usage"]
    assert usage["input_tokens_details"] == {"cached_tokens": 0, "cache_write_tokens": 0}
    assert usage["total_tokens"] == 0


def test_P61_free_text_is_free_text():
    call = ToolCall("c1", "apply_patch", '*** "Begin"\n', ToolKind.CUSTOM, "ns")
    stream = told(answer(call, finish=Finish(StopReason.TOOL_CALLS)))
    assert kinds(stream)[2:] == [
        "output_item.added",
        "custom_tool_call_input.delta",
        "custom_tool_call_input.done",
        "output_item.done",
        "completed",
    ]
    [item] = items(stream)
    assert item["id"].startswith("ctc_")
    assert item == {
        "id": item["id"],
        "type": "custom_tool_call",
        "call_id": "c1",
        "name": "apply_patch",
        "namespace": "ns",
        "status": "completed",
        "input": '*** "Begin"\n',
    }


def test_F07_P52_the_order_of_events_for_calls():
    stream = told(answer(ToolCall("c1", "f", '{"x":1}'), ToolCall("c2", "g", "{}")))
    call = ["output_item.added", "function_call_arguments.delta", "function_call_arguments.done"]
    one = [*call, "output_item.done"]
    assert kinds(stream) == ["created", "in_progress", *one, *one, "completed"]
    out = parsed(stream)
    for added, delta, done, closed in (out[2:6], out[6:10]):
        item = closed["item"]
        assert added["item"] == {**item, "arguments": "", "status": "in_progress"}
        assert delta["delta"] == done["arguments"] == item["arguments"]
        assert {event["item_id"] for event in (delta, done)} == {item["id"]}
        assert len({event["output_index"] for event in (added, delta, done, closed)}) == 1


def test_F07_P51_P54_P55_P56_P58_one_response_from_its_first_event_to_its_last():
    parts = Thinking(("why",)), Text("a"), ToolCall("c1", "f", "{}"), Text("b")
    stream = told(answer(*parts, usage=Usage(3, 2)), SHOWN)
    out = parsed(stream)
    assert [event["sequence_number"] for event in out] == list(range(len(out)))
    begun, last = out[0]["response"], out[-1]["response"]
    assert out[0]["type"] == "response.created"
    assert [event["type"] for event in out if "response" in event] == [
        "response.created",
        "response.in_progress",
        "response.completed",
    ]
    for key in ("id", "model", "created_at", "object"):
        assert begun[key] == last[key] == out[1]["response"][key]
    assert [item["type"] for item in items(stream)] == [
        "reasoning",
        "message",
        "function_call",
        "message",
    ]
    assert len({item["id"] for item in last["output"]}) == 4
    assert (last["usage"]["input_tokens"], last["usage"]["output_tokens"]) == (3, 2)


def test_function_calls_and_a_message_after_them():
    stream = told(
        answer(Text("a"), ToolCall("c1", "f", '{"x": 1}'), ToolCall("c1", "f", ""), Text("b"))
    )
    message, first, second, after = items(stream)
    assert first["arguments"] == '{"x": 1}'
    assert second["arguments"] == "{}"
    assert first["call_id"] == "c1"
    assert second["call_id"] not in ("", "c1")
    assert message["id"] != after["id"]
    arguments = [e["delta"] for e in parsed(stream) if e["type"].endswith("arguments.delta")]
    assert arguments == ['{"x": 1}', "{}"]


def test_neighbouring_texts_are_parts_of_one_message():
    note = Annotation("https://x", "X", cited_text="b")
    events = [
        Start("r", "up", 7),
        BlockStart(0, Text("")),
        TextDelta(0, "a"),
        BlockStop(0),
        BlockStart(1, Text("")),
        TextDelta(1, "bb"),
        AnnotationDelta(1, note),
        BlockStop(1),
        STOP,
    ]
    [message] = items(told(events))
    assert [part["text"] for part in message["content"]] == ["a", "bb"]
    assert message["content"][1]["annotations"] == [
        {
            "type": "url_citation",
            "start_index": 0,
            "end_index": 2,
            "title": "X",
            "url": "https://x",
        }
    ]


def test_blocks_without_text_leave_no_trace():
    events = [
        Start("r", "up", 7),
        BlockStart(0, Text("")),
        BlockStop(0),
        BlockStart(1, Thinking()),
        BlockStop(1),
        STOP,
    ]
    assert kinds(told(events, SHOWN)) == ["created", "in_progress", "completed"]


def test_logprobs_have_bytes():
    token = TokenLogprob("é", -0.5, top=(TokenLogprob("e", -1.0),))
    events = [
        Start("r", "up", 7),
        BlockStart(0, Text("")),
        TextDelta(0, "é", (token,)),
        BlockStop(0),
        STOP,
    ]
    [message] = items(told(events))
    assert message["content"][0]["logprobs"] == [
        {
            "token": "é",
            "logprob": -0.5,
            "bytes": [195, 169],
            "top_logprobs": [{"token": "e", "logprob": -1.0, "bytes": [101]}],
        }
    ]


# -- reasoning ------------------------------------------------------------------------------------

SIGNATURE = Signature("anthropic", "c2ln", "sig")


def test_F07_foreign_reasoning_is_a_summary_with_an_envelope():
    part = Thinking(("why", "so"), signature=SIGNATURE)
    stream = told(answer(part, Text("x")), SHOWN)
    assert kinds(stream)[2:12] == [
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
    ]
    reasoning, _ = items(stream)
    assert [part["text"] for part in reasoning["summary"]] == ["why", "so"]
    assert _envelope.unseal(reasoning["encrypted_content"], DIALECT) == SIGNATURE


def test_a_client_that_wants_no_summary_still_carries_the_signature():
    part = Thinking(("why",), signature=SIGNATURE)
    reasoning, _ = items(told(answer(part, Text("x")), HIDDEN))
    assert reasoning["summary"] == []
    assert reasoning["encrypted_content"].startswith("mux1.")
    assert len(items(told(answer(Thinking(("why",)), Text("x")), HIDDEN))) == 1


def test_reasoning_without_a_signature_has_no_ciphertext():
    reasoning, _ = items(told(answer(Thinking(("why",)), Text("x")), SHOWN))
    assert "encrypted_content" not in reasoning


def back(output: list[dict]) -> tuple[Part, ...]:
    """The parts of the assistant when the client sends the items back."""
    [message] = decoded(input=output).messages
    return message.parts


def test_a_signature_of_a_call_travels_beside_it_and_returns():
    signature = Signature("gemini", "Uw==")
    call = ToolCall("c1", "f", "{}", signature=signature)
    first = [
        Start("r", "up", 7),
        BlockStart(0, ToolCall("c1", "f")),
        SignatureDelta(0, signature),
        ArgsDelta(0, "{}"),
        BlockStop(0),
        STOP,
    ]
    started = [Start("r", "up", 7), BlockStart(0, call), BlockStop(0), STOP]
    late = [
        Start("r", "up", 7),
        BlockStart(0, ToolCall("c1", "f")),
        ArgsDelta(0, "{}"),
        SignatureDelta(0, signature),
        BlockStop(0),
        STOP,
    ]
    assert [item["type"] for item in items(told(started, HIDDEN))] == ["reasoning", "function_call"]
    assert [item["type"] for item in items(told(first, HIDDEN))] == ["reasoning", "function_call"]
    assert [item["type"] for item in items(told(late, HIDDEN))] == ["function_call", "reasoning"]
    for events in (started, first, late):
        [part] = back(items(told(events, HIDDEN)))
        assert isinstance(part, ToolCall)
        assert part.signature == signature


def test_a_signature_of_a_text_returns_to_it():
    signature = Signature("gemini", "Uw==")
    stream = told(answer(Text("hi", signature=signature), ToolCall("c", "f", "{}")), HIDDEN)
    text, call = back(items(stream))
    assert isinstance(text, Text)
    assert isinstance(call, ToolCall)
    assert text.signature == signature
    assert call.signature is None


# -- tools known by type --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tool", "call", "item"),
    [
        (
            {"type": "shell"},
            ToolCall("c", "shell", '{"commands":["ls"],"timeout_ms":5}'),
            {"type": "shell_call", "action": {"commands": ["ls"], "timeout_ms": 5}},
        ),
        (
            {"type": "local_shell"},
            ToolCall("c", "shell", '{"commands":["cd x","ls"]}'),
            {
                "type": "local_shell_call",
                "action": {"type": "exec", "command": ["bash", "-lc", "cd x\nls"], "env": {}},
            },
        ),
        (
            {"type": "apply_patch"},
            ToolCall("c", "apply_patch", '{"operation":{"type":"delete_file","path":"x"}}'),
            {
                "type": "apply_patch_call",
                "operation": {"type": "delete_file", "path": "x"},
            },
        ),
        (
            {"type": "tool_search", "execution": "client", "parameters": {"type": "object"}},
            ToolCall("c", "tool_search", '{"query":"x"}'),
            {"type": "tool_search_call", "execution": "client", "arguments": {"query": "x"}},
        ),
    ],
)
def test_P60_calls_come_back_as_the_type_the_client_declared(tool, call, item):
    request = decoded(input="hi", tools=[tool])
    [told_item] = items(told(answer(call, finish=Finish(StopReason.TOOL_CALLS)), request))
    about = {"id": told_item["id"], "call_id": "c", "status": "completed"}
    assert told_item == {**about, **item}
    again = back([told_item])
    assert isinstance(again[0], ToolCall)
    assert again[0].name == call.name


@pytest.mark.parametrize(
    ("tools", "namespace", "kind"),
    [
        ([{"type": "function", "name": "shell"}, {"type": "shell"}], "", "function_call"),
        ([{"type": "shell"}, {"type": "function", "name": "shell"}], "", "shell_call"),
        ([{"type": "local_shell"}, {"type": "shell"}], "", "local_shell_call"),
        ([{"type": "custom", "name": "shell"}, {"type": "shell"}], "", "function_call"),
        ([{"type": "shell"}], "mcp", "function_call"),
    ],
)
def test_P60_of_tools_with_one_name_the_first_says_the_type(tools, namespace, kind):
    call = ToolCall("c", "shell", '{"commands":["ls"]}', namespace=namespace)
    [item] = items(told(answer(call), decoded(input="hi", tools=tools)))
    assert item["type"] == kind


def test_hosted_tools_of_others_are_told_as_openais():
    search = ServerCall("web_search", "srv_1", "web_search", '{"query":"x"}', "anthropic", {})
    found = ServerResult("web_search", "srv_1", "anthropic", {})
    code = ServerCall("code_execution", "srv_2", "python", '{"code":"1"}', "gemini", {})
    other = ServerCall("memory", "srv_3", "memory", "{}", "anthropic", {})
    stream = told(answer(search, found, code, other, Opaque("anthropic", {}), Text("x")))
    first, second, _ = items(stream)
    assert first["action"] == {"type": "search", "query": "x"}
    assert (second["type"], second["code"]) == ("code_interpreter_call", "1")
    assert kinds(stream)[2:7] == [
        "output_item.added",
        "web_search_call.in_progress",
        "web_search_call.searching",
        "web_search_call.completed",
        "output_item.done",
    ]


def test_an_image_the_model_made():
    image = Media(MediaKind.IMAGE, SourceKind.BASE64, "AAAA", "image/webp")
    [item] = items(told(answer(image)))
    assert (item["type"], item["result"]) == ("image_generation_call", "AAAA")
    assert item["output_format"] == "webp"
    assert items(told(answer(Media(MediaKind.AUDIO, SourceKind.BASE64, "AA")))) == []


# -- ends -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "status", "detail"),
    [
        (StopReason.STOP, "completed", None),
        (StopReason.STOP_SEQUENCE, "completed", None),
        (StopReason.TOOL_CALLS, "completed", None),
        (StopReason.PAUSE, "completed", None),
        (StopReason.UNKNOWN, "completed", None),
        (StopReason.LENGTH, "incomplete", "max_output_tokens"),
        (StopReason.CONTEXT_WINDOW, "incomplete", "max_output_tokens"),
        (StopReason.CONTINUATION, "incomplete", "max_output_tokens"),
        (StopReason.CONTENT_FILTER, "incomplete", "content_filter"),
        (StopReason.REFUSAL, "incomplete", "content_filter"),
    ],
)
def test_F12_the_status_tells_how_it_ended(reason, status, detail):
    stream = told(answer(Text("x"), finish=Finish(reason)))
    assert kinds(stream)[-1] == status
    last = final(stream)
    assert last["status"] == status
    assert last["incomplete_details"] == ({"reason": detail} if detail else None)
    assert last["output"][0]["status"] == status


def test_a_refusal_in_words_is_a_complete_answer():
    stream = told(answer(Refusal("no"), finish=Finish(StopReason.REFUSAL)))
    assert final(stream)["status"] == "completed"
    [message] = items(stream)
    assert message["content"] == [{"type": "refusal", "refusal": "no"}]
    assert "refusal.delta" in kinds(stream)
    assert "refusal.done" in kinds(stream)


def test_a_call_that_was_cut_short_is_incomplete():
    events = answer(ToolCall("c", "f", '{"a'), finish=Finish(StopReason.LENGTH))
    [call] = items(told(events))
    assert (call["status"], call["arguments"]) == ("incomplete", '{"a')


@pytest.mark.parametrize("reason", [StopReason.MALFORMED_TOOL, StopReason.ERROR])
def test_an_answer_that_went_wrong_has_failed(reason):
    stream = told(answer(Text("x"), finish=Finish(reason)))
    assert kinds(stream)[-1] == "failed"
    assert final(stream)["error"]["code"] == "server_error"


def test_F10_a_failure_closes_nothing_and_is_the_last_word():
    events = [
        Start("r", "up", 7),
        BlockStart(0, Text("")),
        TextDelta(0, "said"),
        BlockStop(0),
        BlockStart(1, ToolCall("c", "f")),
        ArgsDelta(1, '{"a'),
        Failure(ErrorKind.RATE_LIMIT, "Too fast.", retry_after_s=21.5),
        TextDelta(0, "more"),
    ]
    stream = told(events)
    assert kinds(stream)[-3:] == [
        "output_item.added",
        "function_call_arguments.delta",
        "failed",
    ]
    failed = final(stream)
    assert failed["status"] == "failed"
    assert [item["type"] for item in failed["output"]] == ["message"]
    assert failed["error"] == {
        "code": "rate_limit_exceeded",
        "message": "Too fast. Please try again in 21.5s.",
    }


def test_a_failure_before_anything_is_an_error_event_first():
    stream = told([Failure(ErrorKind.CONTEXT_LENGTH, "too long")])
    first, last = parsed(stream)
    assert (first["type"], first["code"], first["message"]) == (
        "error",
        "context_length_exceeded",
        "too long",
    )
    assert last["response"]["error"]["code"] == "context_length_exceeded"


def test_a_stream_that_stops_without_an_end_fails():
    assert kinds(told([Start("r", "up", 7)]))[-1] == "failed"


def test_P59_no_done_marker_and_a_comment_to_keep_alive():
    assert b"[DONE]" not in told(answer(Text("x")))
    assert CODEC.server.stream_encoder(SHOWN).ping() == b": keep-alive\n\n"


def test_server_tools_are_echoed_as_declared():
    request = decoded(input="x", tools=[{"type": "web_search", "search_context_size": "low"}])
    assert isinstance(request.tools[0], ServerTool)
    assert final(told(answer(Text("x")), request))["tools"] == [
        {"type": "web_search", "search_context_size": "low"}
    ]


def test_what_a_block_brings_along_at_its_start_is_told():
    thought = Thinking(("why", "so"), signature=SIGNATURE)
    events = [
        Start("r", "up", 7),
        BlockStart(0, thought),
        BlockStop(0),
        BlockStart(1, ToolCall("c", "f", '{"a"')),
        ArgsDelta(1, ":1}"),
        BlockStop(1),
        STOP,
    ]
    reasoning, call = items(told(events, SHOWN))
    assert [part["text"] for part in reasoning["summary"]] == ["why", "so"]
    assert reasoning["encrypted_content"].startswith("mux1.")
    assert call["arguments"] == '{"a":1}'


def test_only_the_first_answer_is_told():
    two = Response("r", "up", 7, (Answer((Text("a"),)), Answer((Text("b"),))))
    assert [item["content"][0]["text"] for item in items(told(unfold(two)))] == ["a"]


def test_open_reasoning_of_an_own_upstream_stays_open():
    thought = Thinking(("hm",), id="rs_1", ext={DIALECT: {}})
    stream = told(answer(thought, Text("x")), HIDDEN)
    assert kinds(stream)[2:7] == [
        "output_item.added",
        "content_part.added",
        "reasoning_text.delta",
        "reasoning_text.done",
        "content_part.done",
    ]
    reasoning, _ = items(stream)
    assert reasoning == {
        "id": "rs_1",
        "type": "reasoning",
        "summary": [],
        "content": [{"type": "reasoning_text", "text": "hm"}],
    }


def test_a_page_that_was_read():
    fetch = ServerCall("web_fetch", "s", "web_fetch", '{"url":"https://x"}', "anthropic", {})
    [item] = items(told(answer(fetch)))
    assert item["action"] == {"type": "open_page", "url": "https://x"}
