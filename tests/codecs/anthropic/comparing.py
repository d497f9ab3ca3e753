"""When two values of this dialect mean the same: what the corpus comparisons forgive, and no more.

* null, and a member that says what its absence says (`DEFAULTS`);
* a string where a list with one text block may stand, and text blocks without text;
* neighbouring messages of one role, which the API joins;
* ``output_format``, the older name of ``output_config.format``;
* the arguments of a call cut into any deltas, and the pieces of a text.
"""

from __future__ import annotations

from typing import Any

DEFAULTS: dict[str, Any] = {
    "citations": [],
    "defer_loading": False,
    "encrypted_content": "",
    "is_error": False,
    "stop_sequences": [],
    "stream": False,
    "tools": [],
}
_FREE = frozenset({"input", "input_schema", "schema"})


def plain(value: Any, key: str = "") -> Any:
    """`value` without what may be left out."""
    if key in _FREE:
        return value
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        out = {name: plain(item, name) for name, item in value.items() if item is not None}
        return {name: item for name, item in out.items() if DEFAULTS.get(name, ...) != item}
    return value


def blocks(content: Any) -> list[Any]:
    """Content in its long form."""
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    out = []
    for block in content or []:
        if block.get("type") == "text" and not block["text"].strip():
            continue
        if block.get("type") == "tool_result":
            block = {**block, "content": blocks(block.get("content"))}
        out.append(block)
    return out


def request(body: dict[str, Any]) -> dict[str, Any]:
    """A request in its one canonical form."""
    out = plain(body)
    if "output_format" in out:
        out.setdefault("output_config", {})["format"] = out.pop("output_format")
    if "system" in out:
        out["system"] = blocks(out["system"])
    messages: list[dict[str, Any]] = []
    for message in out["messages"]:
        content = blocks(message["content"])
        if messages and messages[-1]["role"] == message["role"] != "system":
            messages[-1]["content"] += content
        else:
            messages.append({**message, "content": content})
    out["messages"] = messages
    for tool in out.get("tools", []):
        if tool.get("type") == "custom":
            del tool["type"]
    return out


def answer(message: dict[str, Any]) -> dict[str, Any]:
    """A whole answer in its one canonical form."""
    out = plain(message)
    out["content"] = [
        block
        for block in out["content"]
        if block["type"] != "text" or block["text"] or block.get("citations")
    ]
    return out
