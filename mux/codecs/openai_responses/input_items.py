"""One item of a request's ``input``, read without regard to its neighbours."""

from __future__ import annotations

from typing import Final

import msgspec

from mux.codecs.openai_responses import client_tools, compaction
from mux.codecs.openai_responses._own import DIALECT, keep
from mux.codecs.openai_responses.items_in import (
    decode_content,
    decode_item,
    decode_output,
    is_assistants,
)
from mux.codecs.openai_responses.tools_in import decode_tools
from mux.ir import Ext, Object, Opaque, Part, Role, ServerResult, ServerTool, Text, Tool
from mux.wire import Doc, remembered

_OUTPUTS: Final = frozenset(
    {"function_call_output", "custom_tool_call_output", *client_tools.OUTPUTS}
)


class Item(msgspec.Struct, frozen=True):
    """What an item says, and who says it; `tools` are declared by it, in the middle of all.

    `phase` is that of an assistant's message, None for its other items. `leads`: it is for the
    system if nothing was said before it. `late`: all the item does is declare tools.
    """

    role: Role
    parts: tuple[Part, ...] = ()
    ext: Ext | None = None
    phase: str | None = None
    leads: bool = False
    tools: tuple[Tool | ServerTool, ...] = ()
    late: Object | None = None


@remembered
def read_item(item: Doc, place: int) -> Item:
    """The item at `place` among all. Raises `InvalidRequest`."""
    kind = item.get_str("type")
    if kind == "additional_tools":
        late: Object = {"at": place, "item": item.mapping()}
        return Item(Role.TOOL, tools=_declared(item), late=late)
    if kind in _OUTPUTS:
        return _output(item, kind)
    if kind in ("", "message"):
        return _message(item, place)
    if is_assistants(kind):
        return Item(Role.ASSISTANT, decode_item(item, status=True))
    return _compaction(item) if kind == "compaction" else _other(item)


def _declared(item: Doc) -> tuple[Tool | ServerTool, ...]:
    return tuple(decode_tools(item.get_items("tools"), late=True))


def _output(item: Doc, kind: str) -> Item:
    result = decode_output(item)
    tools = _declared(item) if kind == "tool_search_output" else ()
    role = Role.ASSISTANT if isinstance(result, ServerResult) else Role.TOOL
    return Item(role, (result,), tools=tools)


def _message(item: Doc, place: int) -> Item:
    role = item.get_str("role")
    if not role and item.get("id") is not None:
        return _other(item)  # an item_reference may leave out its type
    role = item.need("role").one_of("user", "assistant", "system", "developer")
    phase = item.get_str("phase") if role == "assistant" else None
    content, fields = item.get("content") or Doc([]), item.rest()
    if role == "user":
        return Item(Role.USER, decode_content(content), ext=keep(fields))
    if phase is None:
        fields["role"] = role
    if "id" not in fields:
        fields["n"] = place
    parts = decode_content(content, fields)
    if phase is not None:
        return Item(Role.ASSISTANT, parts, phase=phase)
    return Item(Role.SYSTEM, parts, leads=all(isinstance(part, Text) for part in parts))


def _compaction(item: Doc) -> Item:
    """A summary of our own making is a system text; OpenAI's own nobody else can read."""
    summary = compaction.read(item.get_str("encrypted_content"))
    return Item(Role.SYSTEM, (Text(summary),)) if summary else _other(item)


def _other(item: Doc) -> Item:
    raw = item.mapping()
    if "type" not in raw:
        raw = {"type": "item_reference", **raw}
    return Item(Role.USER, (Opaque(DIALECT, raw),))
