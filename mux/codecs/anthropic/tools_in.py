"""Tools and tool choice of a client (translation spec section 6)."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from mux.codecs.anthropic._own import DIALECT, own
from mux.codecs.anthropic.blocks_in import cache_hint
from mux.ir import ChoiceMode, ServerTool, Tool, ToolChoice
from mux.wire import Doc, remembered

_KINDS: Final = (
    ("bash_", "bash"),
    ("text_editor_", "text_editor"),
    ("memory_", "memory"),
    ("web_search_", "web_search"),
    ("web_fetch_", "web_fetch"),
    ("code_execution_", "code_execution"),
    ("tool_search_tool_", "tool_search"),
    ("mcp_toolset", "mcp"),
    ("computer_", "computer"),
    ("browser_", "computer"),
)
"""How the types of built-in tools begin, and what kind they are; all others are ``other``."""

_MODES: Final = {
    "auto": ChoiceMode.AUTO,
    "any": ChoiceMode.REQUIRED,
    "tool": ChoiceMode.NAMED,
    "none": ChoiceMode.NONE,
}


@remembered
def decode_tool(doc: Doc) -> Tool | ServerTool:
    """One entry of ``tools``. What has a schema is the client's own, whatever its type says."""
    kind = doc.get_str("type")
    schema = doc.get("input_schema")
    if kind not in ("", "custom") and schema is None:
        return _builtin(doc, kind)
    tool = Tool(
        doc.need_str("name"),
        description=doc.get_str("description"),
        schema=schema.mapping() if schema is not None else None,
        strict=doc.get_bool("strict"),
        examples=tuple(item.value for item in doc.get_items("input_examples")),
        deferred=doc.get_bool("defer_loading") or False,
    )
    cache, ext = cache_hint(doc)
    return replace(tool, cache=cache, ext=ext)


def _builtin(doc: Doc, word: str) -> ServerTool:
    kind = next((kind for prefix, kind in _KINDS if word.startswith(prefix)), "other")
    allowed, blocked = doc.get("allowed_domains"), doc.get("blocked_domains")
    return ServerTool(
        kind,
        DIALECT,
        doc.mapping(),
        name=doc.get_str("name"),
        allowed_domains=allowed.strings() if allowed is not None else (),
        blocked_domains=blocked.strings() if blocked is not None else (),
        max_uses=doc.get_int("max_uses"),
        user_location=doc.get_object("user_location"),
    )


def decode_choice(doc: Doc | None) -> tuple[ToolChoice | None, bool | None]:
    """``tool_choice``, and whether calls may come in parallel."""
    if doc is None:
        return None, None
    mode = _MODES[doc.need("type").one_of(*_MODES)]
    name = doc.get("name") if mode is not ChoiceMode.NAMED else doc.need("name")
    names = (name.string(),) if name is not None and mode is ChoiceMode.NAMED else ()
    single = doc.get_bool("disable_parallel_tool_use")
    choice = ToolChoice(mode, names, ext=own(doc.rest()))
    return choice, None if single is None else not single
