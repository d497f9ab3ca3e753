"""Tools and what may be done about them (translation spec sections 6 and 12).

The server knows no tool choice: what can be said by leaving tools out is said so, the rest in
words at the end of the conversation.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from mux.codecs import _schema, _tool_choice, _tools
from mux.codecs.ollama._wire import DIALECT
from mux.errors import Unsupported
from mux.ir import (
    JSON,
    Abilities,
    ChoiceMode,
    Ext,
    Loss,
    LossKind,
    Object,
    Request,
    Tool,
)
from mux.wire import Doc, each, remembered

_NO_ARGUMENTS: Final[Object] = {"type": "object", "properties": {}}


def decode_tools(docs: Doc | None) -> tuple[Tool, ...]:
    """The tools a client declares."""
    return tuple(each(_decode, docs))


@remembered
def _decode(doc: Doc) -> Tool:
    function = doc.need("function")
    name = function.need_str("name")
    description = function.get_str("description")
    schema = function.get_object("parameters")
    extra = doc.rest()
    if more := function.rest():
        extra["function"] = more
    ext: Ext | None = {DIALECT: extra} if extra else None
    return Tool(name, description=description, schema=schema, ext=ext)


def encode_tools(request: Request, losses: list[Loss]) -> list[JSON]:
    """The ``tools`` list. Schemas of other dialects are reduced to what the server reads."""
    tools = _tools.functions(request)
    if request.origin == DIALECT:
        return [_native(tool) for tool in tools]
    if any([tool.strict for tool in tools]):
        losses.append(Loss(LossKind.DROP, "strict"))
    return _tools.written(tools, _foreign, DIALECT, losses)


def _native(tool: Tool) -> Object:
    function: Object = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    if tool.schema is not None:
        function["parameters"] = tool.schema
    extra = dict((tool.ext or {}).get(DIALECT, {}))
    more = extra.pop("function", None)
    if isinstance(more, dict):
        function |= more
    return {"type": "function", **extra, "function": function}


def _foreign(tool: Tool, losses: list[Loss]) -> Object:
    cleaned = _schema.ollama(_NO_ARGUMENTS if tool.schema is None else tool.schema)
    if not cleaned.exact:
        losses.append(Loss(LossKind.DEGRADE, "tool_schema", tool.name))
    function: Object = {
        "name": tool.name,
        "description": _tools.described(tool),
        "parameters": cleaned.schema,
    }
    return {"type": "function", "function": function}


def choose(request: Request, abilities: Abilities, losses: list[Loss]) -> Request:
    """`request` with only the tools that may be called, and words that ask for a call if one must.

    Raises `Unsupported` if the model has no use for tools at all.
    """
    choice = request.tool_choice
    if not request.tools or (choice is not None and choice.mode is ChoiceMode.NONE):
        return replace(request, tools=(), tool_choice=None)
    if not abilities.tools:
        raise Unsupported(
            "This model cannot call tools. Leave them out, or use a model that can.",
            param="tools",
        )
    if request.parallel_tools is False:
        losses.append(Loss(LossKind.DROP, "parallel_tool_calls"))
    return _tool_choice.relax(_tool_choice.narrow(request), losses)
