"""Answers of an upstream in each dialect, in that dialect's own words: nothing here is ours.

An `Answer` says what was said; `whole` and `stream` write it as the provider would.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mux.codecs import CODECS
from mux.ir import Event, Reasoning, ReasoningState, Request, Response, Visibility, unfold

DIALECTS = sorted(CODECS)
CALL = ("call_1", "look_up", {"q": "x"})


@dataclass(frozen=True)
class Answer:
    """Text, perhaps a call, the native end and the native counts."""

    end: dict[str, Any]
    """the members that tell of the end, where the dialect has them"""
    usage: dict[str, Any] | None = None
    text: str = "Hi."
    refusal: str = ""
    call: bool = False


def sse(*chunks: Any, named: bool = False) -> bytes:
    """Server-sent events; a string goes as it is."""
    out = ""
    for chunk in chunks:
        data = chunk if isinstance(chunk, str) else json.dumps(chunk)
        head = f"event: {chunk['type']}\n" if named else ""
        out += f"{head}data: {data}\n\n"
    return out.encode()


def _body(fields: dict[str, Any]) -> bytes:
    return json.dumps({key: value for key, value in fields.items() if value is not None}).encode()


# -- OpenAI chat ----------------------------------------------------------------------------------

_CHAT = {"id": "chatcmpl-1", "created": 1_750_000_000, "model": "m-up"}


def _chat_call() -> dict[str, Any]:
    ident, name, arguments = CALL
    function = {"name": name, "arguments": json.dumps(arguments)}
    return {"id": ident, "type": "function", "function": function}


def _chat_whole(answer: Answer) -> bytes:
    message: dict[str, Any] = {"role": "assistant", "content": answer.text or None}
    message["refusal"] = answer.refusal or None
    if answer.call:
        message["tool_calls"] = [_chat_call()]
    choice = {"index": 0, "message": message, "logprobs": None, **answer.end}
    return _body(_CHAT | {"object": "chat.completion", "choices": [choice], "usage": answer.usage})


def _chat_stream(answer: Answer) -> bytes:
    head = _CHAT | {"object": "chat.completion.chunk"}
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": answer.text}] if answer.text else []
    deltas += [{"refusal": answer.refusal}] if answer.refusal else []
    deltas += [{"tool_calls": [{"index": 0, **_chat_call()}]}] if answer.call else []
    chunks: list[Any] = [
        head | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
        for delta in deltas
    ]
    chunks.append(head | {"choices": [{"index": 0, "delta": {}, **answer.end}]})
    if answer.usage is not None:
        chunks.append(head | {"choices": [], "usage": answer.usage})
    return sse(*chunks, "[DONE]")


# -- OpenAI completions ---------------------------------------------------------------------------

_COMPLETION = {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "m-up"}


def _completion_whole(answer: Answer) -> bytes:
    choice = {"index": 0, "text": answer.text, "logprobs": None, **answer.end}
    return _body(_COMPLETION | {"choices": [choice], "usage": answer.usage})


def _completion_stream(answer: Answer) -> bytes:
    said = {"index": 0, "text": answer.text, "logprobs": None, "finish_reason": None}
    chunks: list[Any] = [_COMPLETION | {"choices": [said]}] if answer.text else []
    chunks.append(_COMPLETION | {"choices": [{"index": 0, "text": "", **answer.end}]})
    if answer.usage is not None:
        chunks.append(_COMPLETION | {"choices": [], "usage": answer.usage})
    return sse(*chunks, "[DONE]")


# -- OpenAI responses -----------------------------------------------------------------------------


def _response(answer: Answer, *, output: Sequence[Any], **fields: Any) -> dict[str, Any]:
    head = {"id": "resp_1", "object": "response", "created_at": 1, "model": "m-up"}
    return {**head, "tools": [], "output": [*output], **fields}


def _output(answer: Answer) -> list[dict[str, Any]]:
    content: list[Any] = []
    if answer.text:
        content.append({"type": "output_text", "text": answer.text, "annotations": []})
    if answer.refusal:
        content.append({"type": "refusal", "refusal": answer.refusal})
    head = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed"}
    out = [{**head, "content": content}] if content else []
    if answer.call:
        ident, name, arguments = CALL
        call = {"call_id": ident, "name": name, "arguments": json.dumps(arguments)}
        out.append({"type": "function_call", "id": "fc_1", "status": "completed", **call})
    return out


def _ended(answer: Answer) -> dict[str, Any]:
    return _response(answer, output=_output(answer), usage=answer.usage, **answer.end)


def _response_whole(answer: Answer) -> bytes:
    return json.dumps(_ended(answer)).encode()


def _response_stream(answer: Answer) -> bytes:
    begun = _response(answer, output=[], status="in_progress")
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
    ]
    for place, item in enumerate(_output(answer)):
        where = {"output_index": place, "item_id": item["id"]}
        empty = {**item, "status": "in_progress"}
        empty |= {"content": []} if item["type"] == "message" else {"arguments": ""}
        events.append({"type": "response.output_item.added", "output_index": place, "item": empty})
        for index, part in enumerate(item.get("content", ())):
            words = "refusal" if part["type"] == "refusal" else "text"
            there = {**where, "content_index": index}
            blank = {**part, words: ""}
            events += [
                {"type": "response.content_part.added", **there, "part": blank},
                {"type": f"response.{part['type']}.delta", **there, "delta": part[words]},
                {"type": f"response.{part['type']}.done", **there, words: part[words]},
                {"type": "response.content_part.done", **there, "part": part},
            ]
        if item["type"] == "function_call":
            kind = "response.function_call_arguments"
            events += [
                {"type": f"{kind}.delta", **where, "delta": item["arguments"]},
                {"type": f"{kind}.done", **where, "arguments": item["arguments"]},
            ]
        events.append({"type": "response.output_item.done", "output_index": place, "item": item})
    events.append({"type": f"response.{answer.end['status']}", "response": _ended(answer)})
    numbered = [{**event, "sequence_number": number} for number, event in enumerate(events)]
    return sse(*numbered, named=True)


# -- Anthropic ------------------------------------------------------------------------------------

_MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m-up"}


def _blocks(answer: Answer) -> list[dict[str, Any]]:
    out: list[dict[str, Any]] = [{"type": "text", "text": answer.text}] if answer.text else []
    if answer.call:
        ident, name, arguments = CALL
        out.append({"type": "tool_use", "id": ident, "name": name, "input": arguments})
    return out


def _message_whole(answer: Answer) -> bytes:
    end = {"stop_reason": None, "stop_sequence": None, **answer.end}
    usage = answer.usage or {"input_tokens": 0, "output_tokens": 0}
    return json.dumps({**_MESSAGE, "content": _blocks(answer), **end, "usage": usage}).encode()


def _message_stream(answer: Answer) -> bytes:
    usage = answer.usage or {"input_tokens": 0, "output_tokens": 0}
    begun = {**_MESSAGE, "content": [], "stop_reason": None, "stop_sequence": None}
    early = {**usage, "output_tokens": 1}
    early.pop("output_tokens_details", None)
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {**begun, "usage": early}},
        {"type": "ping"},
    ]
    for index, block in enumerate(_blocks(answer)):
        if block["type"] == "text":
            empty, delta = {**block, "text": ""}, {"type": "text_delta", "text": block["text"]}
        else:
            empty = {**block, "input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        events += [
            {"type": "content_block_start", "index": index, "content_block": empty},
            {"type": "content_block_delta", "index": index, "delta": delta},
            {"type": "content_block_stop", "index": index},
        ]
    end = {"stop_reason": None, "stop_sequence": None, **answer.end}
    events.append({"type": "message_delta", "delta": end, "usage": usage})
    events.append({"type": "message_stop"})
    return sse(*events, named=True)


# -- Gemini ---------------------------------------------------------------------------------------

_GEMINI = {"responseId": "r-1", "modelVersion": "m-up"}


def _gemini_parts(answer: Answer) -> list[dict[str, Any]]:
    out: list[dict[str, Any]] = [{"text": answer.text}] if answer.text else []
    if answer.call:
        _, name, arguments = CALL
        out.append({"functionCall": {"name": name, "args": arguments}})
    return out


def _gemini_last(answer: Answer, parts: list[dict[str, Any]]) -> dict[str, Any]:
    chunk: dict[str, Any] = {}
    if "promptFeedback" in answer.end:
        chunk = dict(answer.end)
    else:
        candidate = {"index": 0, **answer.end}
        if parts:
            candidate["content"] = {"role": "model", "parts": parts}
        chunk["candidates"] = [candidate]
    if answer.usage is not None:
        chunk["usageMetadata"] = answer.usage
    return chunk | _GEMINI


def _gemini_whole(answer: Answer) -> bytes:
    return json.dumps(_gemini_last(answer, _gemini_parts(answer))).encode()


def _gemini_stream(answer: Answer) -> bytes:
    parts = _gemini_parts(answer)
    early: dict[str, Any] = {}
    if answer.usage is not None:
        early = {"usageMetadata": {key: answer.usage[key] for key in ("promptTokenCount",)}}
    chunks = [
        {"candidates": [{"index": 0, "content": {"role": "model", "parts": [part]}}], **early}
        | _GEMINI
        for part in parts
    ]
    return sse(*chunks, _gemini_last(answer, []))


# -- Ollama ---------------------------------------------------------------------------------------

_OLLAMA = {"model": "m-up", "created_at": "2026-01-01T00:00:00.123456Z"}


def _ollama_calls(answer: Answer) -> dict[str, Any]:
    _, name, arguments = CALL
    call = {"function": {"name": name, "arguments": arguments}}
    return {"tool_calls": [call]} if answer.call else {}


def _ollama_whole(answer: Answer) -> bytes:
    message = {"role": "assistant", "content": answer.text, **_ollama_calls(answer)}
    last = {"message": message, "done": True, **answer.end, **(answer.usage or {})}
    return json.dumps(_OLLAMA | last).encode()


def _ollama_stream(answer: Answer) -> bytes:
    messages: list[dict[str, Any]] = [{"content": answer.text}] if answer.text else []
    messages += [{"content": "", **_ollama_calls(answer)}] if answer.call else []
    lines: list[dict[str, Any]] = [
        {"message": {"role": "assistant", **message}, "done": False} for message in messages
    ]
    done = {"message": {"role": "assistant", "content": ""}, "done": True}
    lines.append(done | answer.end | (answer.usage or {}))
    return b"".join(json.dumps(_OLLAMA | line).encode() + b"\n" for line in lines)


_WHOLE: dict[str, Callable[[Answer], bytes]] = {
    "openai_chat": _chat_whole,
    "openai_completions": _completion_whole,
    "openai_responses": _response_whole,
    "anthropic": _message_whole,
    "gemini": _gemini_whole,
    "ollama": _ollama_whole,
}
_STREAM: dict[str, Callable[[Answer], bytes]] = {
    "openai_chat": _chat_stream,
    "openai_completions": _completion_stream,
    "openai_responses": _response_stream,
    "anthropic": _message_stream,
    "gemini": _gemini_stream,
    "ollama": _ollama_stream,
}


def asked(dialect: str, *, stream: bool) -> Request:
    """What a client of `dialect` asked for: everything that can be told, told."""
    return Request(
        "m-1",
        origin=dialect,
        variant="chat" if dialect == "ollama" else "",
        stream=stream,
        include_usage=True,
        reasoning=Reasoning(ReasoningState.ON, visible=Visibility.FULL),
    )


def told(upstream: str, client: str, answer: Answer, *, stream: bool) -> bytes:
    """The bytes a client of `client` reads when `upstream` says `answer`."""
    return answered(upstream, asked(client, stream=stream), answer)


def bodies(upstream: str, request: Request, answer: Answer) -> list[dict[str, Any]]:
    """What an Ollama client reads in answer to `request`, line by line."""
    return [json.loads(line) for line in answered(upstream, request, answer).splitlines()]


def answered(upstream: str, request: Request, answer: Answer) -> bytes:
    """The bytes that answer `request` when `upstream` says `answer`."""
    source, server = CODECS[upstream].client, CODECS[request.origin].server
    if not request.stream:
        return server.encode_response(source.decode_response(_WHOLE[upstream](answer)), request)
    decoder, encoder = source.stream_decoder(), server.stream_encoder(request)
    events: list[Event] = decoder.feed(_STREAM[upstream](answer)) + decoder.eof()
    return b"".join(encoder.encode(event) for event in events) + encoder.eof()


def retold(response: Response, client: str, *, stream: bool) -> bytes:
    """The bytes a client of `client` reads of `response`."""
    server, request = CODECS[client].server, asked(client, stream=stream)
    if not stream:
        return server.encode_response(response, request)
    encoder = server.stream_encoder(request)
    return b"".join(encoder.encode(event) for event in unfold(response)) + encoder.eof()
