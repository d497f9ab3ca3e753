"""Tools and tool choice for an upstream (translation spec sections 6 and 19)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mux.codecs import _schema, _tools
from mux.codecs._tool_names import Names
from mux.codecs.anthropic._own import DIALECT, extras
from mux.codecs.anthropic.blocks_out import with_own
from mux.errors import Unsupported
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
    ToolCall,
    ToolChoice,
)

_NATIVE: Final[dict[str, Object]] = {
    "web_search": {"type": "web_search_20250305", "name": "web_search"},
    "web_fetch": {"type": "web_fetch_20250910", "name": "web_fetch"},
    "code_execution": {"type": "code_execution_20250825", "name": "code_execution"},
    "tool_search": {"type": "tool_search_tool_bm25_20251119", "name": "tool_search_tool_bm25"},
}
"""How a provider-run tool of each kind is declared: the version every model with it knows."""

_WEB: Final = frozenset({"web_search", "web_fetch"})
_LOCATION: Final = ("city", "region", "country", "timezone")
_STRICT_TOOLS: Final = 20
_STRICT_UNIONS: Final = 16
_FORCED: Final = frozenset({ChoiceMode.REQUIRED, ChoiceMode.NAMED, ChoiceMode.ALLOWED_REQUIRED})
_ALLOWED: Final = frozenset({ChoiceMode.ALLOWED_AUTO, ChoiceMode.ALLOWED_REQUIRED})


def native_kinds(request: Request) -> frozenset[str]:
    """The kinds of provider-run tools that can be declared here for any client.

    A search for tools only where there are tools to be found.
    """
    deferred = any(isinstance(tool, Tool) and tool.deferred for tool in request.tools)
    return frozenset(_NATIVE if deferred else _NATIVE.keys() - {"tool_search"})


def own_names(request: Request) -> frozenset[str]:
    """The names under which provider-run tools of other dialects' clients are declared here."""
    kinds = {tool.kind for tool in request.tools if isinstance(tool, ServerTool)}
    foreign = request.origin != DIALECT
    return frozenset(str(_NATIVE[kind]["name"]) for kind in kinds & _NATIVE.keys() if foreign)


@dataclass(frozen=True, slots=True)
class Offer:
    """What a model is offered: ``tools`` and ``tool_choice``. `forced`: it demands a call."""

    tools: list[JSON]
    choice: Object | None = None
    forced: bool = False


def encode_tools(request: Request, names: Names, abilities: Abilities, losses: list[Loss]) -> Offer:
    """The tools of an adapted `request`.

    A history that calls tools although none are declared gets stubs for them, which some hosts
    demand (pitfall 177).
    """
    native = request.origin == DIALECT
    if not request.tools:
        stubs = [] if native else _stubs(names.messages(request))
        return Offer(stubs, {"type": "none"} if stubs else None)
    choice = request.tool_choice
    tools = list(request.tools)
    if choice is not None and choice.mode in _ALLOWED:
        tools = [tool for tool in tools if tool.name in choice.names]
    defers = native or any([_searches(tool) for tool in tools])
    strict = native or _strict_allowed(tools, abilities)

    def write(tool: Tool | ServerTool, losses: list[Loss]) -> Object:
        return _tool(tool, native=native, strict=strict, defers=defers, losses=losses)

    encoded = _tools.written(tools, write, (DIALECT, native, strict, defers), losses)
    sent = _choice(choice, request.parallel_tools)
    return Offer(encoded, sent, choice is not None and choice.mode in _FORCED)


def _searches(tool: Tool | ServerTool) -> bool:
    """Whether `tool` finds tools, so that others may be deferred."""
    return isinstance(tool, ServerTool) and tool.kind == "tool_search"


def _choice(choice: ToolChoice | None, parallel: bool | None) -> Object | None:
    if choice is None:
        return {"type": "auto", "disable_parallel_tool_use": True} if parallel is False else None
    match choice.mode:
        case ChoiceMode.NONE:
            return {"type": "none"}
        case ChoiceMode.NAMED:
            out: Object = {"type": "tool", "name": choice.names[0]}
        case ChoiceMode.REQUIRED | ChoiceMode.ALLOWED_REQUIRED:
            out = {"type": "any"}
        case ChoiceMode.AUTO | ChoiceMode.ALLOWED_AUTO:
            out = {"type": "auto"}
    if parallel is False:
        out["disable_parallel_tool_use"] = True
    return {**out, **extras(choice.ext)}


def _stubs(request: Request) -> list[JSON]:
    names = dict.fromkeys(
        part.name
        for message in request.messages
        for part in message.parts
        if isinstance(part, ToolCall)
    )
    return [{"name": name, "input_schema": {"type": "object"}} for name in names]


def _tool(
    tool: Tool | ServerTool, *, native: bool, strict: bool, defers: bool, losses: list[Loss]
) -> Object:
    if isinstance(tool, ServerTool):
        return dict(tool.raw) if tool.dialect == DIALECT else _server_tool(tool, losses)
    out: Object = {"name": tool.name}
    if tool.description:
        out["description"] = tool.description
    if native:
        out["input_schema"] = {"type": "object"} if tool.schema is None else tool.schema
        if tool.strict is not None:
            out["strict"] = tool.strict
    else:
        out |= _schema_of(tool, strict, losses)
    if tool.examples:
        out["input_examples"] = list(tool.examples)
    if tool.deferred and defers:
        out["defer_loading"] = True
    return with_own(out, tool.cache, tool.ext)


def _schema_of(tool: Tool, strict: bool, losses: list[Loss]) -> Object:
    """``input_schema``, and ``strict`` if the client asked for it and the model can keep it."""
    if tool.strict and strict:
        try:
            cleaned = _schema.anthropic_output(tool.schema)
        except Unsupported:
            cleaned = None
        if cleaned is not None and cleaned.exact and cleaned.schema is not None:
            return {"input_schema": cleaned.schema, "strict": True}
    if tool.strict:
        losses.append(Loss(LossKind.DEGRADE, "strict", tool.name))
    cleaned = _schema.anthropic_input(tool.schema)
    if not cleaned.exact:
        losses.append(Loss(LossKind.DEGRADE, "tool_schema", tool.name))
    return {"input_schema": {"type": "object"} if cleaned.schema is None else cleaned.schema}


def _strict_allowed(tools: list[Tool | ServerTool], abilities: Abilities) -> bool:
    """Whether all tools that are to be strict stay within what one request may hold."""
    strict = [tool for tool in tools if isinstance(tool, Tool) and tool.strict]
    unions = sum(_unions(tool.schema) for tool in strict)
    within = len(strict) <= _STRICT_TOOLS and unions <= _STRICT_UNIONS
    return abilities.strict_tools and within


def _unions(schema: JSON) -> int:
    if isinstance(schema, list):
        return sum(map(_unions, schema))
    if not isinstance(schema, dict):
        return 0
    here = "anyOf" in schema or isinstance(schema.get("type"), list)
    return here + sum(map(_unions, schema.values()))


def _server_tool(tool: ServerTool, losses: list[Loss]) -> Object:
    """A tool that another provider runs too, in this one's words."""
    out = dict(_NATIVE[tool.kind])
    if tool.kind not in _WEB:
        return out
    if tool.max_uses is not None:
        out["max_uses"] = tool.max_uses
    if tool.allowed_domains:
        out["allowed_domains"] = list(tool.allowed_domains)
        if tool.blocked_domains:
            losses.append(Loss(LossKind.DROP, "blocked_domains", "only one list may be sent"))
    elif tool.blocked_domains:
        out["blocked_domains"] = list(tool.blocked_domains)
    place = tool.user_location or {}
    known = {key: place[key] for key in _LOCATION if place.get(key)}
    if known and tool.kind == "web_search":
        out["user_location"] = {"type": "approximate", **known}
    return out
