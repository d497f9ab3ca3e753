"""Ollama's chat endpoint as its server's own types take it, unknown fields refused besides.

The Python SDK's types lack what newer servers take: the ids of calls, and fields of the request.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import ollama._types as sdk

from tests.strict import rules, schemas, shapes

_THINKS = re.compile(r"gpt-oss|deepseek-r1|qwen3(?!-coder)|magistral|deepseek-v3")
_SEES = re.compile(r"llava|llama4|gemma3(?!:1b)|qwen2\.5vl|qwen3-vl|llama3\.2-vision|mistral-small")


class _Call(sdk.Message.ToolCall):
    class Function(sdk.Message.ToolCall.Function):
        index: int | None = None

    function: Function
    id: str | None = None


class _Message(sdk.Message):
    role: Literal["system", "user", "assistant", "tool"]
    content: str = ""
    images: Sequence[bytes] | None = None
    tool_calls: Sequence[_Call] | None = None
    tool_call_id: str | None = None


class _Function(sdk.Tool.Function):
    name: str
    parameters: Mapping[str, Any] | None = None


class _Tool(sdk.Tool):
    type: Literal["function"]
    function: _Function


class _Options(sdk.Options):
    min_p: float | None = None
    draft_num_predict: int | None = None


class _Request(sdk.ChatRequest):
    messages: Sequence[_Message]
    tools: Sequence[_Tool] | None = None
    options: _Options | None = None
    format: Literal["", "json"] | Mapping[str, Any] | None = None
    think: bool | Literal["low", "medium", "high", "max"] | None = None
    truncate: bool | None = None
    shift: bool | None = None


def problems(path: str, body: Any) -> list[str]:
    """Everything a strict server would refuse `body` for."""
    found = [] if path == "/api/chat" else [f"no such path: {path}"]
    if not isinstance(body, dict):
        return [*found, "the body must be an object"]
    found += shapes.problems(body, _Request, "")
    if found:
        return found
    if not body["messages"]:
        found.append("messages: empty is a request to load the model")
    for rule in (_model, _tools, _messages, _calls):
        found += rule(body)
    return found


def _model(body: dict[str, Any]) -> Iterator[str]:
    model = body["model"]
    if body.get("think") and not _THINKS.match(model):
        yield f'"{model}" does not support thinking'
    if any(message.get("images") for message in body["messages"]) and not _SEES.match(model):
        yield f'"{model}" has no vision'
    if (body.get("top_logprobs") or 0) > 20:
        yield "top_logprobs: at most 20"


def _tools(body: dict[str, Any]) -> list[str]:
    functions = [tool["function"] for tool in body.get("tools") or ()]
    found = rules.names([function["name"] for function in functions], "tools", re.compile(r"\S+"))
    for place, function in enumerate(functions):
        if function.get("parameters") is not None:
            found += schemas.ollama(function["parameters"], f"tools[{place}].parameters")
    if isinstance(body.get("format"), dict):
        found += schemas.ollama_format(body["format"], "format")
    return found


def _messages(body: dict[str, Any]) -> Iterator[str]:
    for place, message in enumerate(body["messages"]):
        empty = not any(message.get(key) for key in ("content", "images", "tool_calls", "thinking"))
        if empty and message["role"] != "tool":
            yield f"messages[{place}]: says nothing"
        for image in message.get("images") or ():
            yield from rules.media_type(image, "", f"messages[{place}].images")


def _calls(body: dict[str, Any]) -> Iterator[str]:
    """Results directly after their calls, in the same order: nothing else links them."""
    waiting: list[dict[str, Any]] = []
    for place, message in enumerate(body["messages"]):
        path = f"messages[{place}]"
        if message["role"] == "tool":
            if not waiting:
                yield f"{path}: a result without a call"
                continue
            call = waiting.pop(0)
            if message.get("tool_name") != call["function"]["name"]:
                yield f"{path}.tool_name: {message.get('tool_name')!r} answers {call!r}"
            if call.get("id") and message.get("tool_call_id") != call["id"]:
                yield f"{path}.tool_call_id: does not answer {call['id']!r}"
            continue
        for call in waiting:
            yield f"{path}: before it, {call['function']['name']!r} was not answered"
        waiting = list(message.get("tool_calls") or ())
    for call in waiting:
        yield f"at the end, {call['function']['name']!r} was not answered"
