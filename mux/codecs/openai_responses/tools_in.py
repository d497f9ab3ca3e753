"""Tools and the tool choice of a request to IR (translation spec section 6)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace

from mux.codecs.openai_responses import client_tools
from mux.codecs.openai_responses._own import DIALECT, keep
from mux.ir import ChoiceMode, Object, ServerTool, Tool, ToolChoice, ToolKind
from mux.wire import Doc, remembered

_KINDS: Final = {
    "web_search": "web_search",
    "web_search_2025_08_26": "web_search",
    "web_search_preview": "web_search",
    "web_search_preview_2025_03_11": "web_search",
    "code_interpreter": "code_execution",
    "computer_use": "computer",
    "computer_use_preview": "computer",
}
"""Types that are spelled otherwise in the IR."""

_WORDS: Final = {
    "auto": ChoiceMode.AUTO,
    "none": ChoiceMode.NONE,
    "required": ChoiceMode.REQUIRED,
}


def decode_tools(items: Iterable[Doc], *, late: bool = False) -> list[Tool | ServerTool]:
    """The tools in `items`, namespaces laid flat. Raises `InvalidRequest`.

    `late` marks tools declared inside the conversation: they go back there, not to the top.
    """
    return [tool for item in items for tool in _entry(item, late)]


@remembered
def _entry(item: Doc, late: bool) -> tuple[Tool | ServerTool, ...]:
    return tuple(_decode(item, {"late": True} if late else {}))


def _decode(item: Doc, marks: Object, namespace: str = "") -> list[Tool | ServerTool]:
    kind = item.need_str("type")
    match kind:
        case "function":
            return [_function(item, marks, namespace)]
        case "custom":
            return [_custom(item, marks, namespace)]
        case "namespace":
            return _namespace(item, marks)
        case "tool_search" if item.get_str("execution") == "client":
            return [_tool_search(item, marks)]
        case _:
            return [_server_tool(kind, item)]


def _function(item: Doc, marks: Object, namespace: str) -> Tool:
    schema = item.get_object("parameters")
    return Tool(
        item.need_str("name"),
        ToolKind.FUNCTION,
        namespace,
        item.get_str("description"),
        schema,
        item.get_bool("strict"),
        deferred=item.get_bool("defer_loading") or False,
        ext=keep(item.rest() | marks),
    )


def _custom(item: Doc, marks: Object, namespace: str) -> Tool:
    form = item.get("format")
    grammar = None
    if form is not None and form.get_str("type") == "grammar":
        grammar = form.get_str("syntax"), form.need_str("definition")
    name, description = item.need_str("name"), item.get_str("description")
    deferred = item.get_bool("defer_loading") or False
    fields = item.rest() | marks
    if form is not None and grammar is None:
        fields["format"] = form.mapping()
    return Tool(
        name,
        ToolKind.CUSTOM,
        namespace,
        description,
        grammar=grammar,
        deferred=deferred,
        ext=keep(fields),
    )


def _namespace(item: Doc, marks: Object) -> list[Tool | ServerTool]:
    name, description = item.need_str("name"), item.get_str("description")
    members = item.get_items("tools")
    around: Object = {**marks, "namespace": item.rest()}
    return [
        replace(tool, namespace_description=description) if isinstance(tool, Tool) else tool
        for member in members
        for tool in _decode(member, around, name)
    ]


def _tool_search(item: Doc, marks: Object) -> Tool:
    """The client runs this one, so that for every other dialect it is a function."""
    schema = item.get_object("parameters")
    description = item.get_str("description")
    fields = item.rest() | marks | {"type": client_tools.TOOL_SEARCH, "execution": "client"}
    return Tool(client_tools.TOOL_SEARCH, description=description, schema=schema, ext=keep(fields))


def _server_tool(kind: str, item: Doc) -> ServerTool:
    domains = item.get("filters")
    allowed = domains.get("allowed_domains") if domains is not None else None
    return ServerTool(
        _KINDS.get(kind, kind),
        DIALECT,
        item.mapping(),
        name=_name(kind, item),
        allowed_domains=allowed.strings() if allowed is not None else (),
        user_location=item.get_object("user_location"),
    )


def _name(kind: str, item: Doc) -> str:
    """What a tool choice calls it."""
    return item.get_str("server_label") or client_tools.tool_name(_KINDS.get(kind, kind))


def decode_choice(choice: Doc | None) -> ToolChoice | None:
    """``tool_choice``: a word, or an object in the flat form of this dialect (pitfall 72)."""
    if choice is None:
        return None
    if isinstance(choice.value, str):
        return ToolChoice(_WORDS[choice.one_of(*_WORDS)])
    kind = choice.need_str("type")
    if kind == "allowed_tools":
        return _allowed(choice)
    tool_kind = ToolKind.CUSTOM if kind == "custom" else ToolKind.FUNCTION
    if kind in ("function", "custom"):
        name = choice.need_str("name")
        return ToolChoice(ChoiceMode.NAMED, (name,), tool_kind, keep(choice.rest()))
    name = _name(kind, choice)
    return ToolChoice(ChoiceMode.NAMED, (name,), ext=keep({"choice": choice.mapping()}))


def _allowed(choice: Doc) -> ToolChoice:
    mode = ChoiceMode.ALLOWED_AUTO
    if choice.need("mode").one_of("auto", "required") == "required":
        mode = ChoiceMode.ALLOWED_REQUIRED
    names = tuple(
        tool.get_str("name") or _name(tool.need_str("type"), tool)
        for tool in choice.need("tools").items()
    )
    return ToolChoice(mode, names, ext=keep({"choice": choice.mapping()}))
