"""``tools`` and ``toolConfig``, both ways (translation spec sections 6, 12 and 19)."""

from __future__ import annotations

import re
from typing import Final

from mux.codecs import _schema, _tools
from mux.codecs._tool_names import ToolRules
from mux.codecs.gemini._wire import DIALECT
from mux.codecs.gemini.enums import CALLING_MODES, word
from mux.codecs.gemini.parts_in import own
from mux.codecs.gemini.spelling import respell
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
)
from mux.wire import Doc, remembered

RULES: Final = ToolRules(illegal=re.compile(r"[^A-Za-z0-9_.:-]"), letter_first=True)

NATIVE: Final = frozenset({"web_search", "web_fetch", "code_execution"})
"""Kinds of other dialects' server tools that have an equivalent."""

_KINDS: Final = {
    "googleSearch": "web_search",
    "googleSearchRetrieval": "web_search",
    "enterpriseWebSearch": "web_search",
    "urlContext": "web_fetch",
    "codeExecution": "code_execution",
    "fileSearch": "file_search",
    "computerUse": "computer",
    "mcpServers": "mcp",
}
_EQUIVALENT: Final = {
    "web_search": "googleSearch",
    "web_fetch": "urlContext",
    "code_execution": "codeExecution",
}
_MODES: Final = {
    ChoiceMode.AUTO: "AUTO",
    ChoiceMode.NONE: "NONE",
    ChoiceMode.REQUIRED: "ANY",
    ChoiceMode.NAMED: "ANY",
    ChoiceMode.ALLOWED_AUTO: "VALIDATED",
    ChoiceMode.ALLOWED_REQUIRED: "ANY",
}


def decode_tools(doc: Doc | None) -> tuple[Tool | ServerTool, ...]:
    """The tools in order, those of one entry apart. Raises `InvalidRequest`."""
    if doc is None:
        return ()
    entries = [doc] if isinstance(doc.value, dict) else doc.items()
    return tuple(tool for entry in entries for tool in _entry(entry))


@remembered
def _entry(doc: Doc) -> tuple[Tool | ServerTool, ...]:
    respell(doc)
    declared = [_declared(item) for item in doc.get_items("functionDeclarations")]
    others = [
        ServerTool(_KINDS.get(key, "other"), DIALECT, {key: value}, key)
        for key, value in doc.rest().items()
    ]
    return *declared, *others


def _declared(doc: Doc) -> Tool:
    name, description = doc.need_str("name"), doc.get_str("description")
    given = doc.get_object("parameters")
    schema: JSON = doc.get_object("parametersJsonSchema")
    rest = doc.rest()
    if schema is None and given is not None:
        schema = _schema.to_json_schema(given)
        rest["parameters"] = given
    return Tool(name, description=description, schema=schema, ext=own(rest))


def decode_choice(doc: Doc | None) -> tuple[ToolChoice | None, Object]:
    """The choice in ``toolConfig``, and what else is in there."""
    if doc is None:
        return None, {}
    config = doc.get("functionCallingConfig")
    if config is None:
        return None, doc.rest()
    asked, listed = config.get("mode"), config.get("allowedFunctionNames")
    mode, names = _mode(asked), listed.strings() if listed is not None else ()
    extra = config.rest()
    chosen = _chosen(mode, names)
    if mode and _MODES[chosen] != mode:
        extra["mode"] = mode
    return ToolChoice(chosen, names, ext=own(extra)), doc.rest()


def _mode(doc: Doc | None) -> str:
    if doc is None:
        return ""
    return word(doc.string() if isinstance(doc.value, str) else doc.integer(), CALLING_MODES)


def _chosen(mode: str, names: tuple[str, ...]) -> ChoiceMode:
    match mode:
        case "NONE":
            return ChoiceMode.NONE
        case "ANY" if len(names) == 1:
            return ChoiceMode.NAMED
        case "ANY":
            return ChoiceMode.ALLOWED_REQUIRED if names else ChoiceMode.REQUIRED
        case "VALIDATED" if names:
            return ChoiceMode.ALLOWED_AUTO
        case _:
            return ChoiceMode.AUTO


def encode_tools(request: Request, abilities: Abilities, losses: list[Loss]) -> list[JSON]:
    """``tools``: one entry with all declarations, one for each server tool."""
    native = request.origin == DIALECT
    functions = _tools.functions(request)

    def write(tool: Tool, losses: list[Loss]) -> Object:
        return _declaration(tool, native, abilities, losses)

    declared = _tools.written(functions, write, (DIALECT, native, abilities), losses)
    out: list[JSON] = [{"functionDeclarations": declared}] if declared else []
    for tool in _tools.server_tools(request):
        if tool.dialect == DIALECT:
            out.append(tool.raw)
        elif declared and not abilities.builtin_with_functions:
            losses.append(Loss(LossKind.DROP, f"tool.{tool.kind}"))
        else:
            _report_options(tool, losses)
            out.append({_EQUIVALENT[tool.kind]: {}})
    return out


def _declaration(tool: Tool, native: bool, abilities: Abilities, losses: list[Loss]) -> Object:
    out: Object = {"name": tool.name}
    if description := _tools.described(tool):
        out["description"] = description
    kept = (tool.ext or {}).get(DIALECT, {})
    if native:
        if "parameters" not in kept and tool.schema is not None:
            out["parametersJsonSchema"] = tool.schema
        return {**out, **kept}
    if not _takes_nothing(tool.schema):
        key = "parametersJsonSchema" if abilities.json_schema_tools else "parameters"
        out |= schema_field(key, tool.schema, abilities, losses, "tool_schema")
    return out


def schema_field(
    key: str, schema: JSON, abilities: Abilities, losses: list[Loss], what: str
) -> Object:
    """The field `key` with a foreign `schema` in the form the model reads, if anything is left.

    `what` is the code word for constraints that cannot be said.
    """
    clean = _schema.gemini_json_schema if abilities.json_schema_tools else _schema.gemini_openapi
    cleaned = clean(schema)
    if not cleaned.exact:
        losses.append(Loss(LossKind.DEGRADE, what))
    return {key: cleaned.schema} if cleaned.schema is not None else {}


def _takes_nothing(schema: JSON) -> bool:
    """Whether a function has no arguments: then nothing is declared, as the API wants it."""
    if not isinstance(schema, dict):
        return True
    free = schema.get("additionalProperties") not in (None, False)
    plain = schema.keys() <= {"type", "properties", "required", "additionalProperties", "$schema"}
    return plain and not free and not schema.get("properties")


def _report_options(tool: ServerTool, losses: list[Loss]) -> None:
    """What the equivalent tool cannot be told."""
    losses += [
        Loss(LossKind.DROP, f"tool.{tool.kind}.{name}")
        for name in ("allowed_domains", "blocked_domains", "max_uses", "user_location")
        if getattr(tool, name)
    ]


def encode_config(request: Request, abilities: Abilities, losses: list[Loss]) -> Object:
    """``toolConfig``; empty if nothing has to be said."""
    if request.origin == DIALECT:
        kept = request.own(DIALECT).get("toolConfig")
        own_config = kept if isinstance(kept, dict) else {}
        calling = _native_calling(request.tool_choice)
        return {**({"functionCallingConfig": calling} if calling else {}), **own_config}
    functions = _tools.functions(request)
    builtin = bool(_tools.server_tools(request)) and abilities.builtin_with_functions
    config: Object = {}
    if calling := _calling(request, functions, abilities, losses):
        config["functionCallingConfig"] = calling
    if functions and builtin:
        config["includeServerSideToolInvocations"] = True
    if request.parallel_tools is False and functions:
        losses.append(Loss(LossKind.DROP, "parallel_tool_calls"))
    return config


def _native_calling(choice: ToolChoice | None) -> Object:
    if choice is None:
        return {}
    names: Object = {"allowedFunctionNames": [*choice.names]} if choice.names else {}
    return {"mode": _MODES[choice.mode], **names, **(choice.ext or {}).get(DIALECT, {})}


def _calling(
    request: Request, functions: list[Tool], abilities: Abilities, losses: list[Loss]
) -> Object:
    choice = request.tool_choice
    if not functions:
        if choice is not None and _MODES[choice.mode] == "ANY":
            losses.append(Loss(LossKind.DEGRADE, "tool_choice"))
        return {}
    if choice is None or choice.mode is ChoiceMode.AUTO:
        # There is one mode for all functions.
        if abilities.strict_tools and all(tool.strict for tool in functions):
            return {"mode": "VALIDATED"}
        if any(tool.strict for tool in functions):
            losses.append(Loss(LossKind.DROP, "strict"))
        return {"mode": "AUTO"} if choice is not None else {}
    known = {tool.name for tool in functions}
    names: list[JSON] = [name for name in choice.names if name in known]
    if choice.names and not names:
        # Only functions can be asked for by name; what is left is a tool the service runs itself.
        losses.append(Loss(LossKind.DEGRADE, "tool_choice"))
        return {"mode": "AUTO"}
    return {
        "mode": _MODES[choice.mode],
        **({"allowedFunctionNames": names} if names else {}),
    }
