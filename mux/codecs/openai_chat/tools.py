"""Tools and the choice among them, both ways (translation spec section 6)."""

from __future__ import annotations

from typing import Final

from mux.codecs import _schema, _tools
from mux.codecs.openai_chat._wire import DIALECT
from mux.codecs.openai_chat.parts_in import cache_hint, own
from mux.ir import (
    JSON,
    Abilities,
    ChoiceMode,
    Loss,
    LossKind,
    Object,
    Request,
    ServerTool,
    Tool,
    ToolChoice,
    ToolKind,
)
from mux.wire import Doc, each, remembered

_SEARCH: Final = "web_search"
_WORDS: Final = {
    "auto": ChoiceMode.AUTO,
    "none": ChoiceMode.NONE,
    "required": ChoiceMode.REQUIRED,
    "any": ChoiceMode.REQUIRED,  # quirk(mistral): its word for required
}


# -- in -------------------------------------------------------------------------------------------


def decode_tools(docs: Doc | None) -> list[Tool | ServerTool]:
    """The tools a client declares. A type nobody knows is a tool its host runs itself."""
    return each(_tool, docs)


def decode_functions(docs: list[Doc]) -> list[Tool | ServerTool]:
    """The functions a client declares as one did before there were tools."""
    return [_function(doc, {}) for doc in docs]


def decode_search(options: Doc) -> ServerTool:
    """``web_search_options``: the search of models that can search."""
    location = options.get("user_location")
    place = location.get_object("approximate") if location is not None else None
    return ServerTool(
        _SEARCH,
        DIALECT,
        options.mapping(),
        user_location={"type": "approximate", **place} if place is not None else None,
    )


def decode_choice(doc: Doc) -> ToolChoice:
    """``tool_choice`` in any of its forms."""
    if isinstance(doc.value, str):
        word = doc.one_of(*_WORDS)
        mode = _WORDS[word]
        return ToolChoice(mode, ext=own({} if word == str(mode) else {"word": word}))
    if (allowed := doc.get("allowed_tools")) is not None:
        required = allowed.get_str("mode") == "required"
        names = tuple(_named(tool)[0] for tool in allowed.get_items("tools"))
        mode = ChoiceMode.ALLOWED_REQUIRED if required else ChoiceMode.ALLOWED_AUTO
        return ToolChoice(mode, names)
    name, kind = _named(doc)
    return ToolChoice(ChoiceMode.NAMED, (name,), kind)


def decode_function_choice(doc: Doc) -> ToolChoice:
    """The old ``function_call``: a word, or a name."""
    if isinstance(doc.value, str):
        return ToolChoice(_WORDS[doc.one_of("none", "auto")])
    return ToolChoice(ChoiceMode.NAMED, (doc.need_str("name"),))


def _named(doc: Doc) -> tuple[str, ToolKind]:
    if (custom := doc.get("custom")) is not None:
        return custom.need_str("name"), ToolKind.CUSTOM
    function = doc.get("function") or doc  # Responses' flat form is understood as well
    return function.need_str("name"), ToolKind.FUNCTION


@remembered
def _tool(doc: Doc) -> Tool | ServerTool:
    kind = doc.get_str("type") or "function"  # quirk(mistral): its clients leave the type out
    if kind == ToolKind.CUSTOM:
        return _custom(doc)
    if kind == ToolKind.FUNCTION:
        inner = doc.get("function")
        if inner is None:
            return _function(doc, {})
        return _function(inner, doc.rest())
    return ServerTool("other", DIALECT, doc.mapping(), name=kind)


def _function(doc: Doc, beside: Object) -> Tool:
    name = doc.need_str("name")
    description, strict = doc.get_str("description"), doc.get_bool("strict")
    schema = doc.get_object("parameters")
    kept = dict(beside)
    if more := doc.rest():
        kept["inner"] = more
    return Tool(
        name,
        description=description,
        schema=schema,
        strict=strict,
        cache=cache_hint(beside) or cache_hint(doc.mapping()),
        ext=own(kept),
    )


def _custom(doc: Doc) -> Tool:
    inner = doc.need("custom")
    form = inner.get("format")
    grammar: tuple[str, str] | None = None
    if form is not None and form.get_str("type") == "grammar":
        source = form.get("grammar") or form  # Responses' flat form is understood as well
        grammar = source.need_str("syntax"), source.need_str("definition")
    return Tool(
        inner.need_str("name"),
        ToolKind.CUSTOM,
        description=inner.get_str("description"),
        grammar=grammar,
        ext=own(doc.rest()),
    )


# -- out ------------------------------------------------------------------------------------------


def encode_tools(request: Request, abilities: Abilities, losses: list[Loss]) -> Object:
    """``tools``, ``tool_choice``, ``parallel_tool_calls`` and ``web_search_options``."""
    if not request.tools:
        return {}
    native = request.origin == DIALECT
    searches = [tool for tool in _tools.server_tools(request) if tool.kind == _SEARCH]
    others = [tool for tool in request.tools if tool not in searches]

    def write(tool: Tool | ServerTool, losses: list[Loss]) -> Object:
        return _tool_out(tool, native, abilities, losses)

    tools = _tools.written(others, write, (DIALECT, native, abilities), losses)
    out: Object = {}
    if tools:
        out["tools"] = tools
        if request.tool_choice is not None:
            out["tool_choice"] = _choice(request, request.tool_choice)
        if request.parallel_tools is not None:
            _parallel(request.parallel_tools, abilities, out, losses)
    for tool in searches:
        out["web_search_options"] = _search(tool, losses)
    return out


def encode_functions(request: Request) -> Object:
    """``functions`` and ``function_call``, for a client that speaks so."""
    out: Object = {}
    functions: list[JSON] = [
        {key: value for key, value in _inner(tool).items() if key != "strict"}
        for tool in _tools.functions(request)
    ]
    if functions:
        out["functions"] = functions
        if (choice := request.tool_choice) is not None:
            named = choice.mode is ChoiceMode.NAMED
            out["function_call"] = {"name": choice.names[0]} if named else str(choice.mode)
    return out


def _tool_out(
    tool: Tool | ServerTool, native: bool, abilities: Abilities, losses: list[Loss]
) -> Object:
    if isinstance(tool, ServerTool):
        return tool.raw
    if tool.kind is ToolKind.CUSTOM:
        return _custom_out(tool, native)
    if native:
        beside = {key: value for key, value in _own(tool).items() if key != "inner"}
        return {"type": "function", "function": _inner(tool), **beside}
    function: Object = {"name": tool.name}
    if description := _tools.described(tool):
        function["description"] = description
    if tool.schema is not None:
        cleaned = _schema.openai(tool.schema)
        if not cleaned.exact:
            losses.append(Loss(LossKind.DEGRADE, "tool_schema", tool.name))
        function["parameters"] = cleaned.schema
    if tool.strict:
        # Only as the client wants it, and only if the schema keeps to the subset.
        if abilities.strict_tools and _schema.openai_strict_ok(tool.schema):
            function["strict"] = True
        else:
            losses.append(Loss(LossKind.DROP, "strict", tool.name))
    return {"type": "function", "function": function}


def _search(tool: ServerTool, losses: list[Loss]) -> Object:
    """``web_search_options``, which know where the user is and no limits."""
    if tool.dialect == DIALECT:
        return tool.raw
    limits = ("allowed_domains", "blocked_domains", "max_uses")
    losses += [Loss(LossKind.DROP, name) for name in limits if getattr(tool, name)]
    if tool.user_location is None:
        return {}
    place = {key: value for key, value in tool.user_location.items() if key != "type"}
    return {"user_location": {"type": "approximate", "approximate": place}}


def _inner(tool: Tool) -> Object:
    """A function as a client of this dialect declared it."""
    out: Object = {"name": tool.name}
    if tool.description:
        out["description"] = tool.description
    if tool.schema is not None:
        out["parameters"] = tool.schema
    if tool.strict is not None:
        out["strict"] = tool.strict
    more = _own(tool).get("inner")
    return out | (more if isinstance(more, dict) else {})


def _custom_out(tool: Tool, native: bool) -> Object:
    custom: Object = {"name": tool.name}
    if tool.description:
        custom["description"] = tool.description
    if tool.grammar is not None:
        syntax, definition = tool.grammar
        grammar: Object = {"definition": definition, "syntax": syntax}
        custom["format"] = {"type": "grammar", "grammar": grammar}
    return {"type": "custom", "custom": custom, **(_own(tool) if native else {})}


def _choice(request: Request, choice: ToolChoice) -> JSON:
    kinds = {tool.name: tool.kind for tool in _tools.functions(request)}
    named: list[JSON] = [
        _reference(name, kinds.get(name, ToolKind.FUNCTION)) for name in choice.names
    ]
    match choice.mode:
        case ChoiceMode.AUTO | ChoiceMode.NONE | ChoiceMode.REQUIRED:
            own_words = (choice.ext or {}).get(DIALECT, {}) if request.origin == DIALECT else {}
            return own_words.get("word") or str(choice.mode)
        case ChoiceMode.NAMED:
            return named[0]
        case ChoiceMode.ALLOWED_AUTO | ChoiceMode.ALLOWED_REQUIRED:
            required = choice.mode is ChoiceMode.ALLOWED_REQUIRED
            allowed: Object = {"mode": "required" if required else "auto", "tools": named}
            return {"type": "allowed_tools", "allowed_tools": allowed}


def _reference(name: str, kind: ToolKind) -> Object:
    """A tool by name, as the kind it is sent as: free-text tools may have been wrapped."""
    return {"type": str(kind), str(kind): {"name": name}}


def _parallel(wanted: bool, abilities: Abilities, out: Object, losses: list[Loss]) -> None:
    if abilities.parallel_tools:
        out["parallel_tool_calls"] = wanted
    elif not wanted:
        losses.append(Loss(LossKind.DROP, "parallel_tool_calls"))


def _own(tool: Tool) -> Object:
    return (tool.ext or {}).get(DIALECT, {})
