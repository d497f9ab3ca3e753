"""One good stream of each dialect, with something of everything in it."""

from __future__ import annotations

import json
from typing import Any


def sse(*events: dict[str, Any] | str, named: bool = False) -> bytes:
    out = ""
    for event in events:
        if isinstance(event, str):
            out += f"data: {event}\n\n"
            continue
        name = f"event: {event['type']}\n" if named else ""
        out += f"{name}data: {json.dumps(event, separators=(',', ':'))}\n\n"
    return out.encode()


# -- anthropic ------------------------------------------------------------------------------------

_MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [],
    "stop_reason": None,
    "stop_sequence": None,
    "usage": {"input_tokens": 9, "output_tokens": 1},
}


def _block(index: int, block: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"type": "content_block_start", "index": index, "content_block": block},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


ANTHROPIC = sse(
    {"type": "message_start", "message": _MESSAGE},
    {"type": "ping"},
    *_block(
        0,
        {"type": "thinking", "thinking": "", "signature": ""},
        {"type": "thinking_delta", "thinking": "hm"},
        {"type": "signature_delta", "signature": "c2ln"},
    ),
    *_block(1, {"type": "redacted_thinking", "data": "AAAA"}),
    *_block(
        2,
        {"type": "text", "text": ""},
        {"type": "text_delta", "text": "Hello"},
        {"type": "citations_delta", "citation": {"type": "char_location"}},
    ),
    *_block(3, {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}),
    *_block(
        4,
        {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}},
        {"type": "input_json_delta", "partial_json": ""},
        {"type": "input_json_delta", "partial_json": '{"a":'},
        {"type": "input_json_delta", "partial_json": "1}"},
    ),
    *_block(5, {"type": "tool_use", "id": "toolu_2", "name": "f", "input": {}}),
    {
        "type": "message_delta",
        "delta": {"stop_reason": "tool_use", "stop_sequence": None},
        "usage": {"output_tokens": 9},
    },
    {"type": "message_stop"},
    named=True,
)

# -- openai_chat ----------------------------------------------------------------------------------

_USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}


def _chunk(kind: str, choices: list[dict[str, Any]], usage: Any = None) -> dict[str, Any]:
    head = {"id": "c-1", "object": kind, "created": 7, "model": "m"}
    return {**head, "choices": choices, "usage": usage}


def _delta(delta: dict[str, Any], finish: str | None = None, index: int = 0) -> dict[str, Any]:
    choice = {"index": index, "delta": delta, "finish_reason": finish}
    return _chunk("chat.completion.chunk", [choice])


def _call(index: int, **fields: Any) -> dict[str, Any]:
    return _delta({"tool_calls": [{"index": index, **fields}]})


OPENAI_CHAT = sse(
    _delta({"role": "assistant", "content": ""}),
    _delta({"content": "Hello"}),
    _delta({"annotations": [{"type": "url_citation"}]}),
    _call(0, id="call_1", type="function", function={"name": "f", "arguments": ""}),
    _call(0, function={"arguments": '{"a":1}'}),
    _call(1, id="call_2", type="function", function={"name": "g", "arguments": "{}"}),
    _call(2, id="call_3", type="custom", custom={"name": "h", "input": "free "}),
    _call(2, custom={"input": "text"}),
    _delta({"role": "assistant", "refusal": "No"}, index=1),
    _delta({}, "tool_calls"),
    _delta({}, "stop", 1),
    _chunk("chat.completion.chunk", [], _USAGE),
    "[DONE]",
)

# -- openai_completions ---------------------------------------------------------------------------


def _text(text: str, finish: str | None = None, index: int = 0) -> dict[str, Any]:
    choice = {"index": index, "text": text, "logprobs": None, "finish_reason": finish}
    return _chunk("text_completion", [choice])


OPENAI_COMPLETIONS = sse(
    _text("Hel", index=1),
    _text("Hi"),
    _text("lo", "stop", index=1),
    _text("", "length"),
    _chunk("text_completion", [], _USAGE),
    "[DONE]",
)

# -- openai_responses -----------------------------------------------------------------------------

_TEXT = {"type": "output_text", "text": "Hello", "annotations": [], "logprobs": []}
_ITEMS: list[dict[str, Any]] = [
    {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm"}]},
    {
        "type": "message",
        "id": "msg_1",
        "status": "completed",
        "role": "assistant",
        "content": [_TEXT, {"type": "refusal", "refusal": "No"}],
    },
    {
        "type": "function_call",
        "id": "fc_1",
        "status": "completed",
        "call_id": "call_1",
        "name": "f",
        "arguments": '{"a":1}',
    },
    {
        "type": "custom_tool_call",
        "id": "ctc_1",
        "status": "completed",
        "call_id": "call_2",
        "name": "h",
        "input": "free",
    },
    {"type": "web_search_call", "id": "ws_1", "status": "completed"},
]


def _response(status: str, **fields: Any) -> dict[str, Any]:
    whole = {"id": "resp_1", "object": "response", "created_at": 7, "model": "m", "output": []}
    return {**whole, "status": status, "usage": None, **fields}


def _part(kind: str, place: int, inner: dict[str, Any], item: int) -> dict[str, Any]:
    where = {"item_id": _ITEMS[item]["id"], "output_index": item, "content_index": place}
    return {"type": f"response.{kind}", **where, **inner}


def _item(kind: str, place: int, **inner: Any) -> dict[str, Any]:
    where = {"item_id": _ITEMS[place]["id"], "output_index": place}
    return {"type": f"response.{kind}", **where, **inner}


def _added(place: int) -> dict[str, Any]:
    return {"type": "response.output_item.added", "output_index": place, "item": _ITEMS[place]}


def _done(place: int) -> dict[str, Any]:
    return {"type": "response.output_item.done", "output_index": place, "item": _ITEMS[place]}


def _numbered(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"type": event["type"], "sequence_number": number, **event}
        for number, event in enumerate(events)
    ]


OPENAI_RESPONSES = sse(
    *_numbered(
        [
            {"type": "response.created", "response": _response("in_progress")},
            {"type": "response.in_progress", "response": _response("in_progress")},
            _added(0),
            _item(
                "reasoning_summary_part.added",
                0,
                summary_index=0,
                part={"type": "summary_text", "text": ""},
            ),
            _item("reasoning_summary_text.delta", 0, summary_index=0, delta="Hm"),
            _item("reasoning_summary_text.done", 0, summary_index=0, text="Hm"),
            _item(
                "reasoning_summary_part.done",
                0,
                summary_index=0,
                part={"type": "summary_text", "text": "Hm"},
            ),
            _done(0),
            _added(1),
            _part("content_part.added", 0, {"part": {**_TEXT, "text": ""}}, 1),
            _part("output_text.delta", 0, {"delta": "Hel", "logprobs": []}, 1),
            _part("output_text.delta", 0, {"delta": "lo", "logprobs": []}, 1),
            _part(
                "output_text.annotation.added",
                0,
                {"annotation_index": 0, "annotation": {"type": "url_citation"}},
                1,
            ),
            _part("output_text.done", 0, {"text": "Hello", "logprobs": []}, 1),
            _part("content_part.done", 0, {"part": _TEXT}, 1),
            _part("content_part.added", 1, {"part": {"type": "refusal", "refusal": ""}}, 1),
            _part("refusal.delta", 1, {"delta": "No"}, 1),
            _part("refusal.done", 1, {"refusal": "No"}, 1),
            _part("content_part.done", 1, {"part": {"type": "refusal", "refusal": "No"}}, 1),
            _done(1),
            _added(2),
            _item("function_call_arguments.delta", 2, delta='{"a":1}'),
            _item("function_call_arguments.done", 2, arguments='{"a":1}'),
            _done(2),
            _added(3),
            _item("custom_tool_call_input.delta", 3, delta="free"),
            _item("custom_tool_call_input.done", 3, input="free"),
            _done(3),
            _added(4),
            _item("web_search_call.in_progress", 4),
            _item("web_search_call.completed", 4),
            _done(4),
            {
                "type": "response.completed",
                "response": _response(
                    "completed",
                    output=_ITEMS,
                    usage={
                        "input_tokens": 1,
                        "input_tokens_details": {"cached_tokens": 0},
                        "output_tokens": 2,
                        "output_tokens_details": {"reasoning_tokens": 1},
                        "total_tokens": 3,
                    },
                ),
            },
        ]
    ),
    named=True,
)

# -- gemini ---------------------------------------------------------------------------------------

_GEMINI: list[dict[str, Any]] = [
    {
        "candidates": [
            {"content": {"role": "model", "parts": [{"text": "hm", "thought": True}]}, "index": 0}
        ],
        "usageMetadata": {"promptTokenCount": 5, "totalTokenCount": 5},
        "modelVersion": "m",
        "responseId": "r-1",
    },
    {
        "candidates": [
            {
                "content": {
                    "role": "model",
                    "parts": [
                        {"text": "Hello"},
                        {
                            "functionCall": {"name": "f", "args": {"a": 1}},
                            "thoughtSignature": "c2ln",
                        },
                        {"functionCall": {"name": "g", "willContinue": True}},
                        {"functionCall": {"partialArgs": [], "willContinue": True}},
                        {"functionCall": {}},
                    ],
                },
                "index": 0,
            }
        ],
        "modelVersion": "m",
        "responseId": "r-1",
    },
    {
        "candidates": [{"content": {}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 2, "totalTokenCount": 7},
        "modelVersion": "m",
        "responseId": "r-1",
    },
    {"usageMetadata": {"promptTokenCount": 5, "totalTokenCount": 7}},
]
GEMINI = sse(*_GEMINI).replace(b"\n", b"\r\n")
GEMINI_ARRAY = json.dumps(_GEMINI, indent=1).encode()

# -- ollama ---------------------------------------------------------------------------------------


def _line(message: dict[str, Any], **fields: Any) -> bytes:
    head = {"model": "m", "created_at": "2026-01-02T03:04:05.123456789Z"}
    line = {**head, "message": {"role": "assistant", "content": "", **message}, "done": False}
    return json.dumps({**line, **fields}, separators=(",", ":")).encode() + b"\n"


OLLAMA = (
    _line({"thinking": "hm"})
    + _line({"content": "Hello"})
    + _line({"tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}]})
    + _line({}, done=True, done_reason="stop", total_duration=5, eval_count=2)
)

GOOD = {
    "anthropic": ANTHROPIC,
    "openai_chat": OPENAI_CHAT,
    "openai_completions": OPENAI_COMPLETIONS,
    "openai_responses": OPENAI_RESPONSES,
    "gemini": GEMINI,
    "ollama": OLLAMA,
}
