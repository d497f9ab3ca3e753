"""Tools and the tool choice from IR to a request (translation spec sections 6 and 19)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Final

from mux.codecs import _schema, _tools
from mux.codecs.openai_responses import client_tools
from mux.codecs.openai_responses._own import DIALECT, own
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
    ToolKind,
)

NATIVE: Final = frozenset({"web_search", "web_fetch", "code_execution"})
"""Kinds of server tools that clients of other dialects get too."""

_NO_ARGUMENTS: Final[Object] = {"type": "object", "properties": {}}
_MARKS: Final = frozenset({"late", "namespace"})

_WORDS: Final = {
    ChoiceMode.AUTO: "auto",
    ChoiceMode.NONE: "none",
    ChoiceMode.REQUIRED: "required",
}


def encode_tools(request: Request, abilities: Abilities, losses: list[Loss]) -> list[JSON]:
    """The ``tools`` list."""
    if request.origin == DIALECT:
        return native_tools(request)
    functions = _tools.functions(request)

    def write(tool: Tool, losses: list[Loss]) -> Object:
        return _foreign(tool, abilities, losses)

    written = _tools.written(functions, write, (DIALECT, abilities), losses)
    out = _grouped(list(zip(functions, written, strict=True)))
    kinds = {tool.kind for tool in _tools.server_tools(request)}
    for tool in _tools.server_tools(request):
        if tool.kind == "web_fetch" and "web_search" in kinds:
            continue  # a search may open pages here
        out.append(_server_tool(tool, losses))
    return out


def native_tools(request: Request) -> list[JSON]:
    """The tools as a client of this dialect declared them; those inside its history left out."""
    out: list[JSON] = []
    inside = _declared_inside(request)
    for is_server, run in groupby(request.tools, lambda tool: isinstance(tool, ServerTool)):
        if is_server:
            out += [tool.raw for tool in run if isinstance(tool, ServerTool)]
        else:
            out += _grouped(
                [
                    (tool, _native(tool))
                    for tool in run
                    if isinstance(tool, Tool) and "late" not in own(tool.ext)
                ]
            )
    return [tool for tool in out if tool not in inside]


def _declared_inside(request: Request) -> list[JSON]:
    """The tools that items of the history declare."""
    out: list[JSON] = []
    late = request.own(DIALECT).get("late")
    for entry in late if isinstance(late, list) else []:
        item = entry.get("item") if isinstance(entry, dict) else None
        tools = item.get("tools") if isinstance(item, dict) else None
        out += tools if isinstance(tools, list) else []
    return out


def _grouped(tools: Sequence[tuple[Tool, JSON]]) -> list[JSON]:
    """The declarations, neighbours of one namespace inside it."""
    out: list[JSON] = []
    for namespace, members in groupby(tools, lambda pair: pair[0].namespace):
        run = list(members)
        inner: list[JSON] = [declared for _, declared in run]
        if not namespace:
            out += inner
            continue
        first = run[0][0]
        head: Object = {"name": namespace, "description": first.namespace_description}
        around = own(first.ext).get("namespace")
        fields: Object = around if isinstance(around, dict) else {}
        out.append({"type": "namespace", **head, **fields, "tools": inner})
    return out


def _native(tool: Tool) -> Object:
    fields = {key: value for key, value in own(tool.ext).items() if key not in _MARKS}
    if fields.get("type") == client_tools.TOOL_SEARCH:
        return _tool_search(tool, fields)
    out = _declared(tool, tool.description)
    if tool.kind is ToolKind.FUNCTION:
        out["parameters"] = tool.schema
        if tool.strict is not None:
            out["strict"] = tool.strict
    if tool.deferred:
        out["defer_loading"] = True
    return out | fields


def _declared(tool: Tool, description: str) -> Object:
    """What functions and free-text tools have in common, and the grammar."""
    out: Object = {"type": str(tool.kind), "name": tool.name}
    if description:
        out["description"] = description
    if tool.grammar is not None:
        syntax, definition = tool.grammar
        out["format"] = {"type": "grammar", "syntax": syntax, "definition": definition}
    return out


def _tool_search(tool: Tool, fields: Object) -> Object:
    out: Object = {"type": fields["type"], "execution": fields["execution"]}
    if tool.description:
        out["description"] = tool.description
    if tool.schema is not None:
        out["parameters"] = tool.schema
    return out | fields


def _foreign(tool: Tool, abilities: Abilities, losses: list[Loss]) -> Object:
    out = _declared(tool, _tools.described(tool))
    if tool.kind is ToolKind.CUSTOM:
        return out
    cleaned = _schema.openai(_NO_ARGUMENTS if tool.schema is None else tool.schema)
    if not cleaned.exact:
        losses.append(Loss(LossKind.DEGRADE, "tool_schema", tool.name))
    strict = tool.strict or False
    if strict and not (abilities.strict_tools and _schema.openai_strict_ok(cleaned.schema)):
        strict = False
        losses.append(Loss(LossKind.DEGRADE, "strict", tool.name))
    # Left out, `strict` would mean "try it" and change the schema (pitfall 181).
    out["parameters"] = cleaned.schema
    out["strict"] = strict
    return out


def _server_tool(tool: ServerTool, losses: list[Loss]) -> Object:
    if tool.kind == "code_execution":
        return {"type": "code_interpreter", "container": {"type": "auto"}}
    out: Object = {"type": "web_search"}
    if tool.allowed_domains:
        out["filters"] = {"allowed_domains": list(tool.allowed_domains)}
    if tool.user_location is not None:
        out["user_location"] = {"type": "approximate", **tool.user_location}
    if tool.blocked_domains:
        losses.append(Loss(LossKind.DROP, "blocked_domains"))
    if tool.max_uses is not None:
        losses.append(Loss(LossKind.DROP, "max_uses"))
    return out


def encode_choice(request: Request) -> JSON:
    """``tool_choice``, None where there is nothing to choose from or nothing was said."""
    choice = request.tool_choice
    if choice is None:
        return None
    native = request.origin == DIALECT
    if native and (raw := own(choice.ext).get("choice")) is not None:
        return raw
    if not (native or request.tools):
        return None
    if choice.mode in _WORDS:
        return _WORDS[choice.mode]
    if choice.mode is ChoiceMode.NAMED:
        name = choice.names[0]
        if native:
            return {"type": str(choice.kind), "name": name, **own(choice.ext)}
        return _named(request, name, choice.kind)
    mode = "auto" if choice.mode is ChoiceMode.ALLOWED_AUTO else "required"
    allowed: list[JSON] = [_named(request, name, ToolKind.FUNCTION) for name in choice.names]
    return {"type": "allowed_tools", "mode": mode, "tools": allowed}


def _named(request: Request, name: str, kind: ToolKind) -> Object:
    for tool in request.tools:
        if tool.name != name:
            continue
        if isinstance(tool, Tool):
            return {"type": str(tool.kind), "name": name}
        return {"type": _server_tool(tool, [])["type"]}
    return {"type": str(kind), "name": name}
