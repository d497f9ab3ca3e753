"""What counts as the same: two spellings of one request or answer, made equal.

Everything else must be equal as it stands.
"""

from __future__ import annotations

from typing import Any

EMPTY_CUSTOM = {"name": "", "input": ""}
EMPTY: dict[str, tuple[Any, ...]] = {
    "annotations": ([],),
    "tool_calls": ([],),
    "images": ([],),
    "content": ("",),
    "refusal": ("",),
    "function_call": ({"name": "", "arguments": ""},),
    "audio": ({"data": "", "expires_at": 0, "id": "", "transcript": ""},),
}
"""What a message says by leaving it out. Snowflake writes down all it knows of, empty."""


def plain(value: Any) -> Any:
    """Null is absent, and an integral float is an integer."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


# -- requests -------------------------------------------------------------------------------------

DEFAULTS: dict[str, tuple[Any, ...]] = {
    "stream": (False,),
    "n": (1,),
    "stop": ([],),
    "tools": ([],),
    "logprobs": (False,),
    "response_format": ({"type": "text"},),
}
"""Values that say what leaving the field out says."""


def request(value: dict[str, Any]) -> dict[str, Any]:
    """A request body in one spelling."""
    out = {
        key: item for key, item in plain(value).items() if item not in DEFAULTS.get(key, (None,))
    }
    if isinstance(out.get("stop"), str):
        out["stop"] = [out["stop"]]
    limit = out.pop("max_completion_tokens", None) or out.pop("max_tokens", None)
    if limit is not None:
        out["limit"] = limit  # which of the two names is sent is the host's business
    options = out.pop("stream_options", {})
    options.pop("include_usage", None)  # upstreams are always asked for usage
    if options:
        out["stream_options"] = options
    if (schema := out.get("response_format", {}).get("json_schema")) is not None:
        schema.setdefault("name", "response")
    _tools(out)
    out["messages"] = [told for message in out["messages"] if (told := _message(message))]
    return out


def _tools(out: dict[str, Any]) -> None:
    """A choice means nothing without what it chooses from (pitfall 178)."""
    if "tools" not in out and out.get("tool_choice") in ("auto", "none"):
        del out["tool_choice"]
    if "functions" not in out:
        out.pop("function_call", None)
    for tool in out.get("tools", ()):
        tool.setdefault("type", "function")
        if tool.get("function", {}).get("description") == "":
            del tool["function"]["description"]
    choice = out.get("tool_choice")
    if isinstance(choice, dict):
        choice.setdefault("type", "function")


def _message(message: dict[str, Any]) -> dict[str, Any] | None:
    content = message.get("content")
    if isinstance(content, list):
        content = [_part(part) for part in content]
        if len(content) == 1 and content[0].keys() == {"type", "text"}:
            content = content[0]["text"]
        message["content"] = content
    calls = message.get("tool_calls")
    if calls == []:
        del message["tool_calls"]
    for call in calls or ():
        call.pop("index", None)  # belongs into streams (pitfall 35)
        call["function"]["arguments"] = call["function"]["arguments"] or "{}"
    if message.get("content") in ("", []) and message["role"] != "tool":
        del message["content"]
    told = message.keys() - {"role", "name"}
    return message if told else None  # nothing is said: such messages are refused


def _part(part: dict[str, Any]) -> dict[str, Any]:
    if isinstance(part.get("image_url"), str):
        part["image_url"] = {"url": part["image_url"]}
    return part


# -- answers --------------------------------------------------------------------------------------


def response(value: dict[str, Any]) -> dict[str, Any]:
    """An answer's body in one spelling."""
    out = {key: item for key, item in plain(value).items() if item != ""}
    for choice in out["choices"]:
        _choice(choice)
    return out


def _choice(choice: dict[str, Any]) -> None:
    if not any((choice.get("logprobs") or {}).values()):
        choice.pop("logprobs", None)
    message = choice.setdefault("message", {"role": "assistant"})
    for key, empty in EMPTY.items():
        if message.get(key) in empty:
            del message[key]
    for call in message.get("tool_calls", ()):
        call.pop("index", None)
        call.setdefault("type", "function")
        if call.get("custom") == EMPTY_CUSTOM:
            del call["custom"]
        if "function" in call:
            call["function"]["arguments"] = call["function"].get("arguments") or "{}"
    if isinstance(message.get("content"), list):
        _listed(message)
    _reasoning(message)
    _finish(choice, bool(message.get("tool_calls")))


def _reasoning(message: dict[str, Any]) -> None:
    """A client that knows no reasoning_details is to see the reasoning too."""
    details = message.get("reasoning_details", ())
    if not any(entry.get("signature") or entry.get("data") for entry in details):
        message.pop("reasoning_details", None)  # it says what the reasoning says
    texts = [text for entry in details if (text := entry.get("text") or entry.get("summary"))]
    if texts and not ("reasoning" in message or "reasoning_content" in message):
        message["reasoning_content"] = "\n\n".join(texts)


def _listed(message: dict[str, Any]) -> None:
    """Mistral's list of content: OpenAI's clients expect a string, and reasoning beside it."""
    texts, thoughts = [], []
    for part in message.pop("content"):
        if part["type"] == "thinking":
            thoughts.append("".join(piece["text"] for piece in part["thinking"]))
        else:
            texts.append(part["text"])
    message["content"], message["reasoning_content"] = "".join(texts), "\n\n".join(thoughts)


def _finish(choice: dict[str, Any], calls: bool) -> None:
    """An answer that calls tools ended with ``tool_calls``; one without a reason, by itself."""
    if calls and choice.get("finish_reason") in ("stop", "", None, "eos"):
        choice["finish_reason"] = "tool_calls"
    choice["finish_reason"] = choice.get("finish_reason") or "stop"
