"""OpenAI's Responses as strictly as the API takes them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from openai.types import responses as sdk
from openai.types.responses.response_create_params import ResponseCreateParamsBase

from tests.strict import openai_models, rules, schemas, shapes
from tests.strict.openai_chat import metadata

shapes.optional(sdk.FunctionToolParam, "strict")
shapes.optional(sdk.ResponseOutputMessageParam, "id", "status", "type")
shapes.optional(sdk.ResponseOutputTextParam, "annotations")
shapes.optional(sdk.ResponseReasoningItemParam, "id")
shapes.optional(sdk.ResponseInputImageParam, "detail")

_UNDOCUMENTED = ("stream", "client_metadata")
"""Fields the API takes without its types saying so."""
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_ITEM_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PREFIXES = {
    "message": "msg", "reasoning": "rs", "function_call": "fc", "custom_tool_call": "ctc",
    "web_search_call": "ws", "compaction": "cmp",
}  # fmt: skip
_ANSWERS = {
    "function_call": "function_call_output",
    "custom_tool_call": "custom_tool_call_output",
    "shell_call": "shell_call_output",
    "local_shell_call": "local_shell_call_output",
    "apply_patch_call": "apply_patch_call_output",
    "computer_call": "computer_call_output",
}
_OUTPUTS = set(_ANSWERS.values())
_GENERATED = {*_ANSWERS, "message", "web_search_call", "file_search_call", "mcp_call",
              "code_interpreter_call", "image_generation_call", "tool_search_call", "program",
              "mcp_list_tools", "mcp_approval_request"}  # fmt: skip
_RANGES = {"temperature": (0, 2), "top_p": (0, 1), "top_logprobs": (0, 20),
           "max_output_tokens": (16, 10**7)}  # fmt: skip


def problems(path: str, body: Any) -> list[str]:
    """Everything the API would refuse `body` for."""
    found = [] if path.endswith("/responses") else [f"no such path: {path}"]
    if not isinstance(body, dict):
        return [*found, "the body must be an object"]
    rest = {key: value for key, value in body.items() if key not in _UNDOCUMENTED}
    found += shapes.problems(rest, ResponseCreateParamsBase, "")
    if "model" not in body and "prompt" not in body:
        found.append("model: missing required parameter")
    if found:
        return found
    for name, (low, high) in _RANGES.items():
        found += rules.within(body.get(name), low, high, name)
    effort = (body.get("reasoning") or {}).get("effort")
    if "model" in body:
        found += openai_models.problems(body, effort, chat=False)
    items = body.get("input") if isinstance(body.get("input"), list) else []
    for rule in (_fields, _tools, _choice, _format):
        found += rule(body)
    for place, item in enumerate(items):
        found += _item(item, body, f"input[{place}]")
    known = "previous_response_id" in body or "conversation" in body
    return found + list(_reasoning(items)) + ([] if known else list(_calls(items)))


def _fields(body: dict[str, Any]) -> Iterator[str]:
    if not isinstance(body.get("stream", False), bool | None):
        yield "stream: must be a boolean"
    if body.get("input") in (None, "", []) and not body.keys() & {"previous_response_id", "prompt"}:
        yield "input: must not be empty"
    if body.get("stream_options") is not None and not body.get("stream"):
        yield "stream_options: only allowed when stream is enabled"
    if body.get("previous_response_id") and body.get("conversation"):
        yield "previous_response_id: not together with conversation"
    if body.get("background") and body.get("store") is False:
        yield "background: requires store"
    wants = "message.output_text.logprobs" in (body.get("include") or ())
    if body.get("top_logprobs") and not wants:
        yield "top_logprobs: requires include message.output_text.logprobs"
    yield from metadata(body.get("metadata"))


def _declared(body: dict[str, Any]) -> list[dict[str, Any]]:
    """The tools on top and those that items add."""
    tools = list(body.get("tools") or ())
    for item in body.get("input") if isinstance(body.get("input"), list) else ():
        if item.get("type") == "additional_tools":
            tools += item["tools"]
    return tools


def _tools(body: dict[str, Any]) -> list[str]:
    found: list[str] = []
    spaces = {"tools": _declared(body)}
    for tool in spaces["tools"]:
        if tool["type"] == "namespace":
            spaces[f"namespace {tool['name']}"] = list(tool["tools"])
    for path, tools in spaces.items():
        named = [tool for tool in tools if tool["type"] in ("function", "custom", "namespace")]
        found += rules.names([tool["name"] for tool in named], path, _NAME)
        for tool in tools:
            if tool["type"] == "function" and tool.get("parameters") is not None:
                where, strict = f"{path}.{tool['name']}.parameters", tool.get("strict") is True
                found += schemas.openai(tool["parameters"], where, strict=strict)
    if len(spaces["tools"]) > 128:
        found.append("tools: at most 128")
    return found


def _choice(body: dict[str, Any]) -> Iterator[str]:
    choice, tools = body.get("tool_choice"), _declared(body)
    if choice is None or choice == "auto" or choice == "none":
        return
    if not tools:
        yield "tool_choice: must be specified with tools"
    if isinstance(choice, dict) and choice["type"] in ("function", "custom"):
        inner = [one for tool in tools for one in tool.get("tools") or ()]
        if choice["name"] not in [tool.get("name") for tool in (*tools, *inner)]:
            yield f"tool_choice: {choice['name']!r} not found in tools"


def _format(body: dict[str, Any]) -> list[str]:
    form = (body.get("text") or {}).get("format") or {}
    if form.get("type") == "json_object":
        texts = rules.strings([body.get("input"), body.get("instructions")])
        said = any("json" in text.lower() for text in texts)
        return [] if said else ["text.format: input must contain the word 'json'"]
    if form.get("type") != "json_schema":
        return []
    found = rules.names([form["name"]], "text.format.name", _NAME)
    strict = form.get("strict") is True
    return found + schemas.openai(form["schema"], "text.format.schema", strict=strict)


def _item(item: dict[str, Any], body: dict[str, Any], path: str) -> Iterator[str]:
    kind = item.get("type", "message")
    if item.get("id") is not None and kind != "item_reference":
        prefix = _PREFIXES.get(kind, "")
        if kind == "message" and item.get("role") != "assistant":
            prefix = ""
        if not _ITEM_ID.fullmatch(item["id"]) or not item["id"].startswith(prefix):
            yield f"{path}.id: {item['id']!r} is no id of a {kind}"
    if item.get("call_id") is not None and not rules.CALL_ID.fullmatch(item["call_id"]):
        yield f"{path}.call_id: {item['call_id']!r}"
    if kind == "message":
        yield from _message(item, path)
    if kind in ("function_call", "custom_tool_call") and not _NAME.fullmatch(item["name"]):
        yield f"{path}.name: {item['name']!r}"
    stored = bool(item.get("id")) and body.get("store") is not False
    if kind == "reasoning" and not item.get("encrypted_content") and not stored:
        yield f"{path}: item not found; items are not persisted when store is false"


def _message(item: dict[str, Any], path: str) -> Iterator[str]:
    content, assistant = item["content"], item["role"] == "assistant"
    if content == []:
        yield f"{path}.content: must not be empty"
    for number, part in enumerate(content if isinstance(content, list) else ()):
        if (part["type"] in ("output_text", "refusal")) is not assistant:
            yield f"{path}.content[{number}].type: {part['type']!r} for role {item['role']}"
        if part["type"] == "input_image" and part.get("image_url"):
            yield from rules.data_url(part["image_url"], f"{path}.content[{number}]")


def _reasoning(items: list[dict[str, Any]]) -> Iterator[str]:
    """Each reasoning item, or several in a row, directly before what the model said next."""
    for place, item in enumerate(items):
        if item.get("type") != "reasoning":
            continue
        later = (item for item in items[place + 1 :] if item.get("type") != "reasoning")
        after = next(later, {"type": "nothing"})
        kind = after.get("type", "message")
        spoken = kind != "message" or after.get("role") == "assistant"
        if kind not in _GENERATED or not spoken:
            yield f"input[{place}]: 'reasoning' was provided without its required following item"


def _calls(items: list[dict[str, Any]]) -> Iterator[str]:
    calls: dict[str, str] = {}
    answered: Counter[str] = Counter()
    for place, item in enumerate(items):
        kind, call_id = item.get("type", "message"), item.get("call_id")
        if kind in _ANSWERS and call_id is not None:
            if call_id in calls:
                yield f"input[{place}]: duplicate call_id {call_id!r}"
            calls[call_id] = _ANSWERS[kind]
        elif kind in _OUTPUTS and call_id is not None:
            if calls.get(call_id) != kind:
                yield f"input[{place}]: No tool call found for {kind} with call_id {call_id}"
            answered[call_id] += 1
            if answered[call_id] == 2:
                yield f"input[{place}]: {call_id!r} is answered twice"
    for call_id in calls:
        if not answered[call_id]:
            yield f"No tool output found for function call {call_id}"
