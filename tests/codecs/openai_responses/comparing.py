"""When two values of this dialect mean the same: what the corpus comparisons forgive, and no more.

* null, empty strings, empty lists and empty objects are absence;
* a string is a list of one text part, in `input`, in a message's content and in an output;
* an item with a role and no type is a message;
* counts that the specification demands are 0 where an older host left them out;
* the status ``completed`` of an item, ``stream: false`` and the format ``text`` are defaults.
"""

from __future__ import annotations

from typing import Any

_STATUSLESS = ("message", "reasoning", "function_call", "custom_tool_call")


def request(body: dict[str, Any]) -> Any:
    """A request in its one canonical form."""
    out = dict(body)
    items = out.get("input")
    if isinstance(items, str):
        items = [{"role": "user", "content": items}]
    if items is not None:
        out["input"] = [_item(item) for item in items]
    if out.get("stream") is False:
        del out["stream"]
    text = out.get("text")
    if text and text.get("format") == {"type": "text"}:
        out["text"] = {key: value for key, value in text.items() if key != "format"}
    return plain(out)


def _item(item: dict[str, Any]) -> dict[str, Any]:
    out = dict(item)
    if "role" in out:
        out.setdefault("type", "message")
    content = out.get("content")
    if out.get("type") == "message" and isinstance(content, str):
        kind = "output_text" if out["role"] == "assistant" else "input_text"
        out["content"] = [{"type": kind, "text": content}]
    return out


def response(body: dict[str, Any]) -> Any:
    """A response object in its one canonical form."""
    out = dict(body)
    out["created_at"] = int(out["created_at"])
    out["output"] = [output_item(item) for item in out["output"]]
    usage = out.get("usage")
    if usage:
        read = {"cached_tokens": 0, "cache_write_tokens": 0}
        out["usage"] = {
            **usage,
            "input_tokens_details": read | (usage.get("input_tokens_details") or {}),
            "output_tokens_details": {"reasoning_tokens": 0}
            | (usage.get("output_tokens_details") or {}),
        }
    return plain(out)


def output_item(item: dict[str, Any]) -> dict[str, Any]:
    """An item of a response."""
    out = dict(item)
    if out["type"] in _STATUSLESS and out.get("status") == "completed":
        del out["status"]
    return out


def plain(value: Any) -> Any:
    """`value` without members that say nothing."""
    if isinstance(value, dict):
        members = {key: plain(member) for key, member in value.items()}
        return {key: member for key, member in members.items() if member not in ("", [], {}, None)}
    if isinstance(value, list):
        return [plain(member) for member in value]
    return value
