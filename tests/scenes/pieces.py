"""What an upstream of each dialect says in the middle of a stream, piece by piece, and the shortest
request and the error form of a client of each."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from mux.codecs import CODECS
from mux.gateway.call import Call

DIALECTS = sorted(CODECS)
PAIRS = [
    (client, upstream)
    for client in DIALECTS
    for upstream in DIALECTS
    if upstream != "openai_completions" or client == upstream  # it has no place for a conversation
]
PARTIAL = '{"city":{"name":"Wi"}'
"""Arguments that break off, at a brace."""


@dataclass(frozen=True)
class Pieces:
    """Pieces of one dialect's stream.

    `begin` comes before any content, `opened` begins a text, `closed` ends it; a text is
    ``opened, words(…)…, closed, end``. `call` is a tool call whose arguments break off after
    `PARTIAL`. `error` says inside the stream that the host is overloaded.
    """

    content_type: str
    begin: bytes
    opened: bytes
    texts: tuple[bytes, bytes]
    """"Hel" and "lo" """
    end: bytes
    error: bytes
    call: bytes
    short: bytes
    """an end like `end`, but at the limit of tokens"""
    late: bytes
    """another text after the end; none where the end of the bytes is the only end"""

    @property
    def text(self) -> bytes:
        """The whole of a good answer that says "Hello"."""
        return self.begin + self.opened + b"".join(self.texts) + self.end


def data(*events: Any) -> bytes:
    """Server-sent events without names; strings as they are."""
    return b"".join(b"data: %b\n\n" % _raw(event) for event in events)


def named(*events: Any) -> bytes:
    """Server-sent events with their type as their name."""
    return b"".join(
        b"event: %b\ndata: %b\n\n" % (event["type"].encode(), _raw(event)) for event in events
    )


def _raw(event: Any) -> bytes:
    return event.encode() if isinstance(event, str) else json.dumps(event).encode()


def _lines(*events: Any) -> bytes:
    return b"".join(_raw(event) + b"\n" for event in events)


def chat(delta: Any, finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "c", "model": "m", "created": 5, "choices": [choice]}


def _text(text: str, finish: str | None = None) -> dict[str, Any]:
    return {
        "id": "c",
        "model": "m",
        "choices": [{"index": 0, "text": text, "finish_reason": finish}],
    }


_BUSY = {"message": "busy now", "type": "server_error", "code": "server_is_overloaded"}
_SSE = "text/event-stream"
_CALL = {"index": 0, "id": "call_1", "function": {"name": "go", "arguments": PARTIAL}}


def _response(**fields: Any) -> dict[str, Any]:
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 5,
        "model": "m",
        "output": [],
    } | fields


def _message(text: str, status: str = "completed") -> dict[str, Any]:
    part = {"type": "output_text", "text": text, "annotations": []}
    content = [part] if text else []
    return {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "status": status,
        "content": content,
    }


def _delta(text: str) -> dict[str, Any]:
    return {
        "type": "response.output_text.delta",
        "item_id": "msg_1",
        "output_index": 0,
        "content_index": 0,
        "delta": text,
    }


def _block(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": f"content_block_{kind}", "index": 0, **fields}


def _candidate(*parts: Any, finish: str = "") -> dict[str, Any]:
    candidate: dict[str, Any] = {"index": 0, "content": {"role": "model", "parts": list(parts)}}
    if finish:
        candidate["finishReason"] = finish
    return {"responseId": "r", "modelVersion": "m", "candidates": [candidate]}


def _line(content: str = "", **fields: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": content}
    return {
        "model": "m",
        "created_at": "2026-01-01T00:00:00Z",
        "message": message,
        "done": False,
    } | fields


PIECES = {
    "openai_chat": Pieces(
        _SSE,
        begin=data(chat({"role": "assistant", "content": ""})),
        opened=b"",
        texts=(data(chat({"content": "Hel"})), data(chat({"content": "lo"}))),
        end=data(chat({}, "stop"), "[DONE]"),
        error=data({"error": _BUSY}),
        call=data(chat({"tool_calls": [_CALL]})),
        short=data(chat({}, "length"), "[DONE]"),
        late=data(chat({"content": "late"})),
    ),
    "openai_completions": Pieces(
        _SSE,
        begin=data(_text("")),
        opened=b"",
        texts=(data(_text("Hel")), data(_text("lo"))),
        end=data(_text("", "stop"), "[DONE]"),
        error=data({"error": _BUSY}),
        call=data(_text('go({"city":')),
        short=data(_text("", "length"), "[DONE]"),
        late=data(_text("late")),
    ),
    "openai_responses": Pieces(
        _SSE,
        begin=named(
            {"type": "response.created", "response": _response(status="in_progress")},
            {"type": "response.in_progress", "response": _response(status="in_progress")},
        ),
        opened=named(
            {
                "type": "response.output_item.added",
                "output_index": 0,
                "item": _message("", "in_progress"),
            },
            {
                "type": "response.content_part.added",
                "item_id": "msg_1",
                "output_index": 0,
                "content_index": 0,
                "part": {"type": "output_text", "text": "", "annotations": []},
            },
        ),
        texts=(named(_delta("Hel")), named(_delta("lo"))),
        end=named(
            {"type": "response.output_item.done", "output_index": 0, "item": _message("Hello")},
            {
                "type": "response.completed",
                "response": _response(status="completed", output=[_message("Hello")]),
            },
        ),
        error=named({**_BUSY, "type": "error", "param": None}),
        call=named(
            {
                "type": "response.output_item.added",
                "output_index": 0,
                "item": {
                    "type": "function_call",
                    "id": "fc_1",
                    "call_id": "call_1",
                    "name": "go",
                    "arguments": "",
                    "status": "in_progress",
                },
            },
            {
                "type": "response.function_call_arguments.delta",
                "item_id": "fc_1",
                "output_index": 0,
                "delta": PARTIAL,
            },
        ),
        short=named(
            {
                "type": "response.output_item.done",
                "output_index": 0,
                "item": _message("Hello", "incomplete"),
            },
            {
                "type": "response.incomplete",
                "response": _response(
                    status="incomplete",
                    incomplete_details={"reason": "max_output_tokens"},
                    output=[_message("Hello", "incomplete")],
                ),
            },
        ),
        late=named(_delta("late")),
    ),
    "anthropic": Pieces(
        _SSE,
        begin=named(
            {
                "type": "message_start",
                "message": {
                    "id": "msg_1",
                    "type": "message",
                    "role": "assistant",
                    "model": "m",
                    "content": [],
                    "stop_reason": None,
                    "stop_sequence": None,
                    "usage": {"input_tokens": 1, "output_tokens": 1},
                },
            },
            {"type": "ping"},
        ),
        opened=named(_block("start", content_block={"type": "text", "text": ""})),
        texts=(
            named(_block("delta", delta={"type": "text_delta", "text": "Hel"})),
            named(_block("delta", delta={"type": "text_delta", "text": "lo"})),
        ),
        end=named(
            _block("stop"),
            {
                "type": "message_delta",
                "delta": {"stop_reason": "end_turn", "stop_sequence": None},
                "usage": {"output_tokens": 2},
            },
            {"type": "message_stop"},
        ),
        error=named(
            {"type": "error", "error": {"type": "overloaded_error", "message": "busy now"}}
        ),
        call=named(
            _block(
                "start",
                content_block={"type": "tool_use", "id": "toolu_1", "name": "go", "input": {}},
            ),
            _block("delta", delta={"type": "input_json_delta", "partial_json": PARTIAL}),
        ),
        short=named(
            _block("stop"),
            {
                "type": "message_delta",
                "delta": {"stop_reason": "max_tokens", "stop_sequence": None},
                "usage": {"output_tokens": 2},
            },
            {"type": "message_stop"},
        ),
        late=named(_block("delta", delta={"type": "text_delta", "text": "late"})),
    ),
    "gemini": Pieces(
        _SSE,
        begin=data(
            {"responseId": "r", "modelVersion": "m", "usageMetadata": {"promptTokenCount": 1}}
        ),
        opened=b"",
        texts=(data(_candidate({"text": "Hel"})), data(_candidate({"text": "lo"}))),
        end=data(_candidate(finish="STOP")),
        error=data({"error": {"code": 503, "message": "busy now", "status": "UNAVAILABLE"}}),
        call=data(
            _candidate(
                {
                    "functionCall": {
                        "name": "go",
                        "willContinue": True,
                        "partialArgs": [{"jsonPath": "$.city", "stringValue": "Wi"}],
                    }
                }
            )
        ),
        short=data(_candidate(finish="MAX_TOKENS")),
        late=b"",
    ),
    "ollama": Pieces(
        "application/x-ndjson",
        begin=_lines(_line()),
        opened=b"",
        texts=(_lines(_line("Hel")), _lines(_line("lo"))),
        end=_lines(_line(done=True, done_reason="stop", eval_count=2, prompt_eval_count=1)),
        error=_lines(
            {"error": "server busy, please try again.  maximum pending requests exceeded"}
        ),
        call=_lines(_line("calling"))
        + b'{"model":"m","message":{"role":"assistant","tool_calls":[{"function":{"name":"go","arg',
        short=_lines(_line(done=True, done_reason="length", eval_count=2)),
        late=_lines(_line("late")),
    ),
}

_TURN = {"role": "user", "content": "hi"}
_ASKS: dict[str, dict[str, Any]] = {
    "openai_chat": {"messages": [_TURN]},
    "openai_completions": {"prompt": "hi", "max_tokens": 99},
    "openai_responses": {"input": "hi"},
    "anthropic": {"max_tokens": 99, "messages": [_TURN]},
    "gemini": {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
    "ollama": {"messages": [_TURN]},
}


def ask(dialect: str, *, stream: bool, **fields: Any) -> Call:
    """The shortest request of `dialect`."""
    body = _raw({"model": "m", **_ASKS[dialect], "stream": stream, **fields})
    if dialect == "gemini":  # its path says the model and whether to stream
        body = _raw({**_ASKS[dialect], **fields})
    request = CODECS[dialect].server.decode_request(body, model="m", stream=stream)
    return Call(dialect, request, body, {})


def last_error(dialect: str, body: bytes) -> str:
    """The message of the error that ends `body` in the dialect's own form.

    Fails if there is none, if anything follows it, or if a mark of success stands anywhere.
    """
    for mark in _SUCCESS[dialect]:
        assert mark not in body, mark
    event = body.rstrip(b"\n").split(b"\n" if dialect == "ollama" else b"\n\n")[-1]
    name, _, raw = event.rpartition(b"data: ")
    found = json.loads(event if dialect == "ollama" else raw)
    match dialect:
        case "anthropic":
            assert name == b"event: error\n"
            assert found["type"] == "error"
            error = found["error"]
            assert error["type"]
        case "openai_responses":
            if name == b"event: error\n":  # OpenAI's own words, passed through
                return found["message"]
            assert name == b"event: response.failed\n"
            assert found["response"]["status"] == "failed"
            error = found["response"]["error"]
            assert error["code"]
        case "gemini":
            assert list(found) == ["error"]
            error = found["error"]
            assert {"code", "message", "status"} <= error.keys()
        case "ollama":
            assert list(found) == ["error"]
            return found["error"]
        case _:
            assert list(found) == ["error"]
            error = found["error"]
            assert error["type"]
    return error["message"]


_SUCCESS: dict[str, tuple[bytes, ...]] = {
    "openai_chat": (b"[DONE]", b'"finish_reason":"', b'"finish_reason": "'),
    "openai_completions": (b"[DONE]", b'"finish_reason":"', b'"finish_reason": "'),
    "openai_responses": (b"response.completed", b"response.incomplete"),
    "anthropic": (b"message_stop", b"message_delta"),
    "gemini": (b"finishReason",),
    "ollama": (b'"done":true', b'"done": true'),
}
