"""OpenAI chat completions as strictly as the API takes them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from openai.types.chat.completion_create_params import CompletionCreateParamsBase

from tests.strict import openai_models, rules, schemas, shapes

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_SPEAKER = re.compile(r"[^\s<|\\/>]{1,64}")
ECHOES = re.compile(r"(deepseek|kimi|mimo|minimax|glm)-", re.IGNORECASE)
"""Models of other vendors whose hosts want reasoning back, at least while tools are called, and
have a switch for it: ``thinking``."""
_ID_CHARS = 40
"""What older models enforce for the ids of calls; newer ones take more."""
_RANGES = {
    "temperature": (0, 2), "top_p": (0, 1), "n": (1, 128), "top_logprobs": (0, 20),
    "presence_penalty": (-2, 2), "frequency_penalty": (-2, 2), "max_tokens": (1, 10**7),
    "max_completion_tokens": (1, 10**7),
}  # fmt: skip


def problems(path: str, body: Any) -> list[str]:
    """Everything the API would refuse `body` for."""
    found = [] if path.endswith("/chat/completions") else [f"no such path: {path}"]
    if not isinstance(body, dict):
        return [*found, "the body must be an object"]
    rest = {key: value for key, value in body.items() if key != "stream"}
    if ECHOES.match(str(body.get("model"))):
        found += list(_echoed(body["messages"]))
        rest.pop("thinking", None)
        rest["messages"] = [_without_reasoning(message) for message in body["messages"]]
    found += shapes.problems(rest, CompletionCreateParamsBase, "")
    if found:
        return found
    for name, (low, high) in _RANGES.items():
        found += rules.within(body.get(name), low, high, name)
    found += openai_models.problems(body, body.get("reasoning_effort"), chat=True)
    for rule in (_fields, _tools, _choice, _format, _messages, _calls):
        found += rule(body)
    return found


def _without_reasoning(message: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in message.items() if key != "reasoning_content"}


def _echoed(messages: list[dict[str, Any]]) -> Iterator[str]:
    for place, message in enumerate(messages):
        if message.get("tool_calls") and not isinstance(message.get("reasoning_content"), str):
            yield f"missing reasoning_content field in the assistant message at index {place}"


def _fields(body: dict[str, Any]) -> Iterator[str]:
    if not isinstance(body.get("stream", False), bool | None):
        yield "stream: must be a boolean"
    if body.get("stream_options") is not None and not body.get("stream"):
        yield "stream_options: only allowed when stream is enabled"
    if isinstance(body.get("stop"), list) and len(body["stop"]) > 4:
        yield "stop: at most 4 sequences"
    if body.get("top_logprobs") is not None and not body.get("logprobs"):
        yield "top_logprobs: requires logprobs"
    if {"max_tokens", "max_completion_tokens"} <= body.keys():
        yield "max_tokens and max_completion_tokens: only one may be set"
    yield from metadata(body.get("metadata"))


def metadata(given: dict[str, str] | None) -> Iterator[str]:
    """The limits of ``metadata``, the same on both of OpenAI's endpoints."""
    if given and len(given) > 16:
        yield "metadata: at most 16 pairs"
    for key, value in (given or {}).items():
        if len(key) > 64 or len(value) > 512:
            yield f"metadata.{key[:64]}: too long"


def _tools(body: dict[str, Any]) -> list[str]:
    tools = body.get("tools")
    if tools is None:
        return ["parallel_tool_calls: requires tools"] if "parallel_tool_calls" in body else []
    found = [] if tools else ["tools: must not be empty"]
    if len(tools) > 128:
        found.append("tools: at most 128")
    found += rules.names([tool[tool["type"]]["name"] for tool in tools], "tools", _NAME)
    for place, tool in enumerate(tools):
        function = tool.get("function") or {}
        if "parameters" in function:
            where = f"tools[{place}].function.parameters"
            strict = function.get("strict") is True
            found += schemas.openai(function["parameters"], where, strict=strict)
    return found


def _choice(body: dict[str, Any]) -> Iterator[str]:
    choice = body.get("tool_choice")
    if choice is None:
        return
    names = [tool[tool["type"]]["name"] for tool in body.get("tools") or ()]
    if not names:
        yield "tool_choice: only allowed when tools are specified"
    forced = isinstance(choice, dict) and choice["type"] in ("function", "custom")
    if forced and choice[choice["type"]]["name"] not in names:
        yield "tool_choice: not among the tools"


def _format(body: dict[str, Any]) -> list[str]:
    form = body.get("response_format") or {}
    if form.get("type") == "json_object":
        said = any("json" in text.lower() for text in rules.strings(body["messages"]))
        return [] if said else ["response_format: messages must contain the word 'json'"]
    if form.get("type") != "json_schema":
        return []
    spec = form["json_schema"]
    found = rules.names([spec["name"]], "response_format.json_schema.name", _NAME)
    if "schema" in spec:
        where, strict = "response_format.json_schema.schema", spec.get("strict") is True
        found += schemas.openai(spec["schema"], where, strict=strict)
    return found


def _messages(body: dict[str, Any]) -> Iterator[str]:
    if not body["messages"]:
        yield "messages: must not be empty"
    for place, message in enumerate(body["messages"]):
        path, role, content = f"messages[{place}]", message["role"], message.get("content")
        if content == []:
            yield f"{path}.content: empty array"
        if "name" in message and not _SPEAKER.fullmatch(message["name"]):
            yield f"{path}.name: {message['name']!r}"
        if role == "assistant":
            carried = [message.get(key) for key in ("tool_calls", "function_call", "audio")]
            if content is None and not any(carried) and not message.get("refusal"):
                yield f"{path}.content: must not be null without tool_calls"
            if message.get("tool_calls") == []:
                yield f"{path}.tool_calls: empty array"
        elif content is None and role != "function":
            yield f"{path}.content: must not be null"
        for number, part in enumerate(content if isinstance(content, list) else ()):
            if part["type"] == "image_url":
                yield from rules.data_url(part["image_url"]["url"], f"{path}.content[{number}]")


def _calls(body: dict[str, Any]) -> Iterator[str]:
    messages = body["messages"]
    claimed: set[int] = set()
    for place, message in enumerate(messages):
        calls = message.get("tool_calls") or []
        for number, call in enumerate(calls):
            yield from _call(call, f"messages[{place}].tool_calls[{number}]")
        if not calls:
            continue
        after = place + 1
        while after < len(messages) and messages[after]["role"] == "tool":
            claimed.add(after)
            after += 1
        results = [messages[i]["tool_call_id"] for i in range(place + 1, after)]
        ids = [call["id"] for call in calls]
        if len(set(ids)) < len(ids):
            yield f"messages[{place}].tool_calls: ids must be unique"
        yield from rules.unanswered(ids, results, f"messages[{place}]", _lonely)
    for place, message in enumerate(messages):
        if message["role"] == "tool" and place not in claimed:
            yield f"messages[{place}]: role 'tool' must be a response to a preceding 'tool_calls'"


def _lonely(call_id: str) -> str:
    return f"tool_call_ids did not have response messages: {call_id!r}"


def _call(call: dict[str, Any], path: str) -> Iterator[str]:
    if not 1 <= len(call["id"]) <= _ID_CHARS:
        yield f"{path}.id: string too long, or empty: {call['id']!r}"
    if not _NAME.fullmatch(call[call["type"]]["name"]):
        yield f"{path}.name: {call[call['type']]['name']!r}"
    if call["type"] == "function":
        try:
            parsed = json.loads(call["function"]["arguments"])
        except ValueError:
            parsed = None
        if not isinstance(parsed, dict):
            yield f"{path}.function.arguments: must be a JSON object in a string"
