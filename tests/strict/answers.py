"""What a scripted upstream says, in the words of its dialect, whole or as a stream."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from tests.strict import gemini, openai_chat, proofs
from tests.strict.proofs import Proofs


@dataclass(frozen=True)
class Turn:
    """One answer: thinking, visible text, and calls as (name, arguments)."""

    thinking: str = ""
    text: str = ""
    calls: tuple[tuple[str, dict[str, Any]], ...] = ()


@dataclass
class Writer:
    """One upstream's pen: its proofs and its ids."""

    name: str
    proofs: Proofs
    ids: Iterator[int] = field(default_factory=count)

    def new_id(self, prefix: str) -> str:
        """An id that no other upstream gives either."""
        seed = f"{self.name}/{next(self.ids)}".encode()
        return prefix + hashlib.sha256(seed).hexdigest()[:24]


Answer = tuple[str, bytes]
"""A content type and a body."""


def write(dialect: str, path: str, body: dict[str, Any], turn: Turn, writer: Writer) -> Answer:
    """`turn` as the answer to the request `body`."""
    stream = body.get("stream", dialect == "ollama")
    match dialect:
        case "gemini":
            chunks = _gemini(path, body, turn, writer)
            stream = "streamGenerateContent" in path
            return _sse((None, chunk) for chunk in chunks) if stream else _json(_joined(chunks))
        case "ollama":
            lines = _ollama(body, turn, writer)
            whole = {**lines[-1], "message": _merged([line["message"] for line in lines])}
            return _ndjson(lines) if stream else _json(whole)
        case "openai_chat":
            message = _chat(body["model"], turn, writer)
            return _sse(_chat_chunks(message), done=True) if stream else _json(_completion(message))
        case "anthropic":
            message = _message(body, turn, writer)
            return _sse(_message_events(message)) if stream else _json(message)
        case _:
            response = _response(body, turn, writer)
            return _sse(_response_events(response)) if stream else _json(response)


def _json(value: Any) -> Answer:
    return "application/json", json.dumps(value).encode()


def _ndjson(lines: list[dict[str, Any]]) -> Answer:
    return "application/x-ndjson", b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def _sse(events: Any, *, done: bool = False) -> Answer:
    out = b""
    for name, data in events:
        out += f"event: {name}\n".encode() if name else b""
        out += b"data: " + json.dumps(data).encode() + b"\n\n"
    return "text/event-stream", out + (b"data: [DONE]\n\n" if done else b"")


def _halves(text: str) -> tuple[str, str]:
    return text[: len(text) // 2], text[len(text) // 2 :]


# -- OpenAI chat ----------------------------------------------------------------------------------


def _chat(model: str, turn: Turn, writer: Writer) -> dict[str, Any]:
    calls = [
        {
            "id": writer.new_id("call_"),
            "type": "function",
            "function": {"name": name, "arguments": json.dumps(arguments)},
        }
        for name, arguments in turn.calls
    ]
    message: dict[str, Any] = {"role": "assistant", "content": turn.text or None}
    if turn.thinking and openai_chat.ECHOES.match(model):
        message["reasoning_content"] = turn.thinking
    return message | ({"tool_calls": calls} if calls else {})


_USAGE = {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}


def _completion(message: dict[str, Any]) -> dict[str, Any]:
    finish = "tool_calls" if "tool_calls" in message else "stop"
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1793000000, "model": "m"}
    return {**head, "choices": [choice], "usage": _USAGE}


def _chat_chunks(message: dict[str, Any]) -> Iterator[tuple[None, dict[str, Any]]]:
    head = {**_completion(message), "object": "chat.completion.chunk", "usage": None}

    def chunk(delta: dict[str, Any], finish: str | None = None) -> tuple[None, dict[str, Any]]:
        return None, {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

    yield chunk({"role": "assistant", "content": ""})
    for key in ("reasoning_content", "content"):
        for piece in _halves(message[key]) if message.get(key) else ():
            yield chunk({key: piece})
    for index, call in enumerate(message.get("tool_calls", ())):
        name, arguments = call["function"]["name"], call["function"]["arguments"]
        opened = {**call, "index": index, "function": {"name": name, "arguments": ""}}
        yield chunk({"tool_calls": [opened]})
        for piece in _halves(arguments):
            yield chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    yield chunk({}, "tool_calls" if "tool_calls" in message else "stop")
    yield None, {**head, "choices": [], "usage": _USAGE}


# -- OpenAI Responses -----------------------------------------------------------------------------


def _response(body: dict[str, Any], turn: Turn, writer: Writer) -> dict[str, Any]:
    items: list[dict[str, Any]] = []
    if turn.text:
        part = {"type": "output_text", "text": turn.text, "annotations": [], "logprobs": []}
        items.append({"type": "message", "role": "assistant", "content": [part]})
    for name, arguments in turn.calls:
        call = {"call_id": writer.new_id("call_"), "name": name}
        items.append({"type": "function_call", **call, "arguments": json.dumps(arguments)})
    reasoning = body.get("reasoning") or {}
    if turn.thinking and items and reasoning.get("effort") != "none":
        token = writer.proofs.mint(items[0].get("name", proofs.TEXT))
        shown = (
            [{"type": "summary_text", "text": turn.thinking}] if reasoning.get("summary") else []
        )
        items.insert(0, {"type": "reasoning", "summary": shown, "encrypted_content": token})
    prefixes = {"message": "msg_", "function_call": "fc_", "reasoning": "rs_"}
    for item in items:
        item |= {"id": writer.new_id(prefixes[item["type"]]), "status": "completed"}
    usage = {
        "input_tokens": 9,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 2},
        "total_tokens": 14,
    }
    head = {"id": "resp_1", "object": "response", "created_at": 1793000000, "model": "m"}
    rest = {"status": "completed", "parallel_tool_calls": True, "tool_choice": "auto", "tools": []}
    return {**head, **rest, "output": items, "usage": usage}


def _response_events(response: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    numbers = count()

    def event(kind: str, **fields: Any) -> tuple[str, dict[str, Any]]:
        name = f"response.{kind}"
        return name, {"type": name, "sequence_number": next(numbers), **fields}

    begun = {**response, "status": "in_progress", "output": [], "usage": None}
    yield event("created", response=begun)
    yield event("in_progress", response=begun)
    for index, item in enumerate(response["output"]):
        at = {"output_index": index, "item_id": item["id"]}
        opened = {**item, "status": "in_progress"}
        opened |= {key: [] for key in ("content", "summary") if key in item}
        opened |= {"arguments": ""} if "arguments" in item else {}
        yield event("output_item.added", output_index=index, item=opened)
        for kind, fields in _item_events(item):
            yield event(kind, **at, **fields)
        yield event("output_item.done", output_index=index, item=item)
    yield event("completed", response=response)


def _item_events(item: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    if item["type"] == "function_call":
        for piece in _halves(item["arguments"]):
            yield "function_call_arguments.delta", {"delta": piece}
        yield "function_call_arguments.done", {"arguments": item["arguments"], "name": item["name"]}
    for place, part in enumerate(item.get("summary", ())):
        at = {"summary_index": place}
        yield "reasoning_summary_part.added", {**at, "part": {**part, "text": ""}}
        for piece in _halves(part["text"]):
            yield "reasoning_summary_text.delta", {**at, "delta": piece}
        yield "reasoning_summary_text.done", {**at, "text": part["text"]}
        yield "reasoning_summary_part.done", {**at, "part": part}
    for place, part in enumerate(item.get("content", ())):
        at = {"content_index": place}
        yield "content_part.added", {**at, "part": {**part, "text": ""}}
        for piece in _halves(part["text"]):
            yield "output_text.delta", {**at, "delta": piece, "logprobs": []}
        yield "output_text.done", {**at, "text": part["text"], "logprobs": []}
        yield "content_part.done", {**at, "part": part}


# -- Anthropic ------------------------------------------------------------------------------------


def _message(body: dict[str, Any], turn: Turn, writer: Writer) -> dict[str, Any]:
    thinking, blocks = body.get("thinking") or {}, list[dict[str, Any]]()
    if turn.thinking and thinking.get("type") in ("enabled", "adaptive"):
        text = "" if thinking.get("display") == "omitted" else turn.thinking
        token = writer.proofs.mint("thinking", text)
        blocks.append({"type": "thinking", "thinking": text, "signature": token})
    if turn.text:
        blocks.append({"type": "text", "text": turn.text, "citations": None})
    for name, arguments in turn.calls:
        use = {"id": writer.new_id("toolu_"), "name": name, "input": arguments}
        blocks.append({"type": "tool_use", **use})
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": blocks,
        "stop_reason": "tool_use" if turn.calls else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 9, "output_tokens": 5},
    }


def _message_events(message: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    def event(kind: str, **fields: Any) -> tuple[str, dict[str, Any]]:
        return kind, {"type": kind, **fields}

    begun = {**message, "content": [], "stop_reason": None}
    yield event("message_start", message=begun)
    for index, block in enumerate(message["content"]):
        empty = {"thinking": "", "signature": "", "text": "", "input": {}}
        opened = {**block, **{key: empty[key] for key in empty if key in block}}
        yield event("content_block_start", index=index, content_block=opened)
        for delta in _deltas(block):
            yield event("content_block_delta", index=index, delta=delta)
        yield event("content_block_stop", index=index)
    ended = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    yield event("message_delta", delta=ended, usage={"output_tokens": 5})
    yield event("message_stop")


def _deltas(block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    match block["type"]:
        case "thinking":
            for piece in _halves(block["thinking"]) if block["thinking"] else ():
                yield {"type": "thinking_delta", "thinking": piece}
            yield {"type": "signature_delta", "signature": block["signature"]}
        case "text":
            for piece in _halves(block["text"]):
                yield {"type": "text_delta", "text": piece}
        case _:
            for piece in ("", *_halves(json.dumps(block["input"]))):
                yield {"type": "input_json_delta", "partial_json": piece}


# -- Gemini ---------------------------------------------------------------------------------------


def _gemini(path: str, body: dict[str, Any], turn: Turn, writer: Writer) -> list[dict[str, Any]]:
    signs = gemini.is_signed(path.rpartition("/")[2])
    thinking = (body.get("generationConfig") or {}).get("thinkingConfig") or {}
    parts: list[dict[str, Any]] = []
    if turn.thinking and thinking.get("includeThoughts"):
        parts += [{"text": piece, "thought": True} for piece in _halves(turn.thinking)]
    parts += [{"text": piece} for piece in _halves(turn.text) if turn.text]
    for place, (name, arguments) in enumerate(turn.calls):
        call: dict[str, Any] = {"name": name, "args": arguments}
        call |= {"id": writer.new_id("")[:8]} if signs else {}
        part: dict[str, Any] = {"functionCall": call}
        if place == 0 and (signs or turn.thinking):
            part["thoughtSignature"] = writer.proofs.mint(name)
        parts.append(part)
    if signs and not turn.calls:
        parts.append({"text": "", "thoughtSignature": writer.proofs.mint(proofs.TEXT)})
    usage = {"promptTokenCount": 9, "candidatesTokenCount": 5, "totalTokenCount": 14}
    head = {"modelVersion": "m", "responseId": writer.new_id(""), "usageMetadata": usage}
    chunks = [
        {"candidates": [{"content": {"role": "model", "parts": [part]}, "index": 0}], **head}
        for part in parts
    ]
    chunks[-1]["candidates"][0]["finishReason"] = "STOP"
    return chunks


def _joined(chunks: list[dict[str, Any]]) -> dict[str, Any]:
    parts: list[dict[str, Any]] = []
    for part in (part for chunk in chunks for part in chunk["candidates"][0]["content"]["parts"]):
        if parts and part.keys() == parts[-1].keys() and "text" in part:
            parts[-1] = {**part, "text": parts[-1]["text"] + part["text"]}
        else:
            parts.append(part)
    candidate = {**chunks[-1]["candidates"][0], "content": {"role": "model", "parts": parts}}
    return {**chunks[-1], "candidates": [candidate]}


# -- Ollama ---------------------------------------------------------------------------------------


def _ollama(body: dict[str, Any], turn: Turn, writer: Writer) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    if turn.thinking and body.get("think") is not False:
        messages += [{"content": "", "thinking": piece} for piece in _halves(turn.thinking)]
    messages += [{"content": piece} for piece in _halves(turn.text)]
    called = [{"function": {"name": name, "arguments": args}} for name, args in turn.calls]
    messages += [{"content": "", "tool_calls": [call]} for call in called]
    head = {"model": "m", "created_at": f"2026-11-01T00:00:00.{next(writer.ids)}Z"}
    lines = [
        {**head, "message": {"role": "assistant", **message}, "done": False} for message in messages
    ]
    ended = {"done": True, "done_reason": "stop", "prompt_eval_count": 9, "eval_count": 5}
    return [*lines, {**head, "message": {"role": "assistant", "content": ""}, **ended}]


def _merged(messages: list[dict[str, Any]]) -> dict[str, Any]:
    out: dict[str, Any] = {"role": "assistant", "content": ""}
    for message in messages:
        for key in ("content", "thinking", "tool_calls"):
            if key in message:
                out[key] = out[key] + message[key] if key in out else message[key]
    return out
