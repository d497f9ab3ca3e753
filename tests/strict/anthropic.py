"""Anthropic Messages as strictly as the API takes it: what a request would be refused for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from anthropic.types.beta.message_create_params import MessageCreateParamsBase as Beta
from anthropic.types.message_create_params import MessageCreateParamsBase as Released

from tests.strict import rules, schemas, shapes

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_CALL_ID = re.compile(r"[a-zA-Z0-9_-]+")
_LEGACY = {"temperature": (0, 1), "top_p": (0, 1), "top_k": (0, 10**9)}
"""Accepted up to API version 2023-06-01, and gone from the SDK's types."""
_LISTS = ("system", "messages", "tools")
_CACHE_LIMIT = 4
_NO_FORCED = re.compile(r"claude-(fable-5-[12]|mythos-5-[12]|opus-5-5|sonnet-5-5)")
_MID_SYSTEM = re.compile(r"claude-(opus-4-8|opus-5|fable-5|mythos-5|sonnet-5|haiku-5-5)")
_BUDGET_ONLY = re.compile(
    r"claude-(3-7-sonnet|sonnet-4|opus-4|opus-4-1|sonnet-4-5|haiku-4-5|opus-4-5)"
)
_BOTH = re.compile(r"claude-(opus|sonnet)-4-6")
_ALWAYS = re.compile(r"claude-(opus-5-5|sonnet-5-5|fable-5|mythos-5)")
_NONE = re.compile(r"claude-3-(5|haiku|opus|sonnet)")
_LIMITS = (
    (r"claude-3-(haiku|opus|sonnet)", 4096),
    (r"claude-3-5", 8192),
    (r"claude-opus-4(-1|-0)?(-20|$)", 32_000),
    (r"claude-(sonnet-4|3-7|haiku-4|opus-4-5)", 64_000),
)


def _is(pattern: re.Pattern[str], model: str) -> bool:
    """Whether `model` is one of those, its date aside: ``sonnet-4-5`` is no ``sonnet-4``."""
    return pattern.fullmatch(re.sub(r"-(20\d{6}|latest|0)$", "", model)) is not None


def _max_output(model: str) -> int:
    if re.match(r"claude-(opus|sonnet)-4-[678]", model):
        return 128_000
    return next((most for known, most in _LIMITS if re.match(known, model)), 128_000)


def problems(path: str, body: Any, *, betas: str = "") -> list[str]:
    """Everything the API would refuse `body` for; `betas` is the header ``anthropic-beta``."""
    found = [] if path.partition("?")[0] == "/v1/messages" else [f"no such path: {path}"]
    if not isinstance(body, dict):
        return [*found, "the body must be an object"]
    modern = {key: value for key, value in body.items() if key not in (*_LEGACY, "stream")}
    found += shapes.problems(modern, Beta if betas else Released, "")
    if found:
        return found
    for rule in (_limits, _sampling, _tools, _choice, _caching, _format):
        found += rule(body)
    found += list(_thinking(body, betas)) + list(_blocks(body))
    found += _history(body["messages"], body["model"])
    return found + list(_calls(body["messages"])) + list(_loop(body))


def _limits(body: dict[str, Any]) -> list[str]:
    found = rules.within(body["max_tokens"], 0, _max_output(body["model"]), "max_tokens")
    if not isinstance(body.get("stream", False), bool):
        found.append("stream: must be a boolean")
    for stop in body.get("stop_sequences") or ():
        if not stop.strip():
            found.append("stop_sequences: each must contain non-whitespace")
    return found


def _sampling(body: dict[str, Any]) -> list[str]:
    found: list[str] = []
    for name, (low, high) in _LEGACY.items():
        if name in body:
            found += rules.within(body[name], low, high, name)
    model, given = body["model"], [name for name in _LEGACY if name in body]
    old = _is(_BUDGET_ONLY, model) or _is(_BOTH, model) or _NONE.match(model)
    if given and not old:
        found.append(f"{given[0]}: not supported on this model")
    if {"temperature", "top_p"} <= set(given) and re.match(r"claude-\w+-4-[156]", model):
        found.append("temperature and top_p cannot both be specified for this model")
    if (body.get("thinking") or {}).get("type") in ("enabled", "adaptive"):
        if body.get("temperature", 1) != 1:
            found.append("temperature: may only be set to 1 when thinking is enabled")
        if "top_k" in body or body.get("top_p", 1) < 0.95:
            found.append("top_k, top_p: not with thinking")
    return found


def _thinking(body: dict[str, Any], betas: str) -> Iterator[str]:
    model, thinking = body["model"], body.get("thinking") or {}
    kind, effort = thinking.get("type"), (body.get("output_config") or {}).get("effort")
    budget_only = _is(_BUDGET_ONLY, model)
    if kind and _NONE.match(model):
        yield "thinking: not supported on this model"
    if kind == "enabled":
        if not (budget_only or _is(_BOTH, model)):
            yield "thinking.type: 'enabled' is not supported on this model"
        if thinking["budget_tokens"] < 1024:
            yield "thinking.budget_tokens: should be greater than or equal to 1024"
        interleaved = "interleaved-thinking" in betas and body.get("tools")
        if thinking["budget_tokens"] >= body["max_tokens"] and not interleaved:
            yield "max_tokens must be greater than thinking.budget_tokens"
    if kind == "adaptive" and budget_only:
        yield "thinking.type: 'adaptive' is not supported on this model"
    if kind == "disabled" and _ALWAYS.match(model):
        yield "thinking.type: 'disabled' is not supported on this model"
    if effort is None:
        return
    if budget_only and not _is(re.compile("claude-opus-4-5"), model):
        yield "output_config.effort: not supported on this model"
    few = {"claude-opus-4-5": ("xhigh", "max"), "claude-opus-4-6": ("xhigh",)}
    few["claude-sonnet-4-6"] = ("xhigh",)
    refused = next((words for name, words in few.items() if model.startswith(name)), ())
    if effort in refused or (kind == "disabled" and effort in ("xhigh", "max")):
        yield f"output_config.effort: {effort!r} is not supported here"


def _tools(body: dict[str, Any]) -> list[str]:
    tools = body.get("tools") or []
    found = rules.names([tool["name"] for tool in tools if "name" in tool], "tools", _NAME)
    for place, tool in enumerate(tools):
        if "input_schema" in tool:
            where = f"tools[{place}].input_schema"
            found += schemas.anthropic(
                tool["input_schema"], where, strict=tool.get("strict") is True
            )
    used = any(
        block.get("type") in ("tool_use", "tool_result")
        for message in body["messages"]
        for block in _content(message)
    )
    if used and not tools:
        found.append("tools: must be given where the conversation has tool blocks")
    return found


def _choice(body: dict[str, Any]) -> Iterator[str]:
    choice, names = body.get("tool_choice"), [t.get("name") for t in body.get("tools") or ()]
    if choice is None:
        return
    if not names:
        yield "tool_choice: may only be specified while providing tools"
    if choice["type"] == "tool" and choice["name"] not in names:
        yield f"tool_choice: tool {choice['name']!r} not found in provided tools"
    if choice["type"] in ("any", "tool"):
        if (body.get("thinking") or {}).get("type") == "enabled":
            yield "tool_choice: thinking may not be enabled when it forces tool use"
        if _NO_FORCED.match(body["model"]):
            yield "tool_choice: forced tool use is not supported on this model"


def _caching(body: dict[str, Any]) -> Iterator[str]:
    hints = [hint for name in ("tools", "system", "messages") for hint in _hints(body.get(name))]
    hints += [body["cache_control"]] if body.get("cache_control") else []
    if len(hints) > _CACHE_LIMIT:
        yield f"a maximum of 4 blocks with cache_control may be provided, found {len(hints)}"
    long = [hint.get("ttl", "5m") == "1h" for hint in hints]
    if any(later and not earlier for earlier, later in pairwise(long)):
        yield "cache_control: a ttl='1h' block must not come after a ttl='5m' one"


def _hints(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        for inner in value:
            yield from _hints(inner)
    elif isinstance(value, dict):
        yield from _hints(value.get("content"))
        if value.get("cache_control"):
            yield value["cache_control"]


def _format(body: dict[str, Any]) -> list[str]:
    form = (body.get("output_config") or {}).get("format")
    if form is None:
        return []
    found = schemas.anthropic_output(form["schema"], "output_config.format.schema")
    if re.match(r"claude-(3|opus-4-20|opus-4-0|sonnet-4-20|sonnet-4-0)", body["model"]):
        found.append("output_config.format: not supported on this model")
    return found


def _content(message: dict[str, Any]) -> list[dict[str, Any]]:
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _blocks(body: dict[str, Any]) -> Iterator[str]:
    if isinstance(body.get("system"), list):
        for place, block in enumerate(body["system"]):
            yield from _block(block, f"system[{place}]")
    for place, message in enumerate(body["messages"]):
        for number, block in enumerate(_content(message)):
            yield from _block(block, f"messages[{place}].content[{number}]")


def _block(block: dict[str, Any], path: str) -> Iterator[str]:
    match block["type"]:
        case "text":
            if not block["text"].strip():
                yield f"{path}: text content blocks must contain non-whitespace text"
        case "thinking":
            if not block["signature"]:
                yield f"{path}.signature: must not be empty"
        case "redacted_thinking":
            if not block["data"]:
                yield f"{path}.data: must not be empty"
        case "image" | "document":
            source = block["source"]
            if source["type"] == "base64":
                yield from rules.media_type(source["data"], source["media_type"], path)
        case "tool_use":
            if not _CALL_ID.fullmatch(block["id"]):
                yield f"{path}.id: {block['id']!r} should match ^[a-zA-Z0-9_-]+$"
            if not _NAME.fullmatch(block["name"]):
                yield f"{path}.name: {block['name']!r}"
        case "tool_result":
            inner = block.get("content")
            for number, part in enumerate(inner if isinstance(inner, list) else ()):
                yield from _block(part, f"{path}.content[{number}]")
        case _:
            pass


def _turns(messages: list[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Neighbours of one role as the API joins them; later system texts stand outside."""
    turns: list[tuple[str, list[dict[str, Any]]]] = []
    for message in messages:
        if message["role"] == "system":
            continue
        if turns and turns[-1][0] == message["role"]:
            turns[-1][1].extend(_content(message))
        else:
            turns.append((message["role"], list(_content(message))))
    return turns


def _history(messages: list[dict[str, Any]], model: str) -> Iterator[str]:
    if not messages:
        yield "messages: at least one message is required"
        return
    if messages[0]["role"] != "user":
        yield "messages: first message must use the user role"
    for place, message in enumerate(messages):
        last = place == len(messages) - 1
        if not message["content"] and not (last and message["role"] == "assistant"):
            yield f"messages[{place}]: all messages must have non-empty content"
        if message["role"] == "system":
            if not _MID_SYSTEM.match(model):
                yield f"messages[{place}]: role 'system' is not supported on this model"
            elif place == 0 or messages[place - 1]["role"] == "assistant":
                yield f"messages[{place}]: a system message must follow a user message"
    if messages[-1]["role"] == "assistant":
        if not (re.match("claude-3", model) or _is(_BUDGET_ONLY, model)):
            yield "messages: this model does not support assistant message prefill"
        block = (_content(messages[-1]) or [{}])[-1]
        if block.get("type") == "text" and block["text"] != block["text"].rstrip():
            yield "messages: final assistant content cannot end with trailing whitespace"
        if block.get("type") in ("thinking", "redacted_thinking"):
            yield "messages: the final block in an assistant message cannot be thinking"


def _calls(messages: list[dict[str, Any]]) -> Iterator[str]:
    turns = _turns(messages)
    seen: set[str] = set()
    for place, (role, blocks) in enumerate(turns):
        if role != "assistant":
            if place == 0:
                yield from rules.unanswered((), _results(blocks), "messages", _lonely)
            continue
        calls = [block["id"] for block in blocks if block["type"] == "tool_use"]
        for call_id in calls:
            if call_id in seen:
                yield f"messages: tool_use ids must be unique: {call_id!r}"
            seen.add(call_id)
        after = turns[place + 1][1] if place + 1 < len(turns) else []
        yield from rules.unanswered(calls, _results(after), f"turn {place}", _lonely)
        kinds = [block["type"] == "tool_result" for block in after]
        if calls and kinds != sorted(kinds, reverse=True):
            yield f"turn {place + 1}: tool_result blocks must come before other content"


def _results(blocks: list[dict[str, Any]]) -> list[str]:
    return [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]


def _lonely(call_id: str) -> str:
    return f"tool_use {call_id!r} without a tool_result block immediately after"


def _loop(body: dict[str, Any]) -> Iterator[str]:
    """Legacy thinking: a turn whose results are being sent must begin with its thinking."""
    if (body.get("thinking") or {}).get("type") != "enabled":
        return
    turns = _turns(body["messages"])
    if len(turns) < 2 or turns[-1][0] != "user" or not _results(turns[-1][1]):
        return
    first = turns[-2][1][0]["type"]
    if first not in ("thinking", "redacted_thinking"):
        yield f"expected `thinking` or `redacted_thinking`, but found `{first}`"
