"""When two values of this dialect mean the same: what the corpus comparisons forgive, and no more.

* null, and a member that says what its absence says (`DEFAULTS`);
* a string where a list with one text block may stand, and text blocks without text in requests;
* neighbouring messages of one role, which the API joins;
* ``output_format``, the older name of ``output_config.format``;
* the mark that stands for the signature of thinking that has none, as hosts that are not
  Anthropic's send it.
"""

from __future__ import annotations

from typing import Any

from mux.codecs.anthropic.blocks_in import UNSIGNED

DEFAULTS: dict[str, Any] = {
    "citations": [],
    "defer_loading": False,
    "description": "",
    "encrypted_content": "",
    "is_error": False,
    "stop_sequences": [],
    "stream": False,
    "system": [],
    "tools": [],
    "web_fetch_requests": 0,
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
        if block.get("type") == "tool_result":
            out.append({**block, "content": blocks(block.get("content"))})
        elif block.get("type") != "text" or block["text"].strip():
            out.append(block)
    return out


def request(body: dict[str, Any]) -> dict[str, Any]:
    """A request in its one canonical form."""
    out = plain(body)
    if "output_format" in out:
        out.setdefault("output_config", {})["format"] = out.pop("output_format")
    if system := blocks(out.pop("system", None)):
        out["system"] = system
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
    for block in out["content"]:
        if block.get("signature") == UNSIGNED:
            del block["signature"]
    return out
