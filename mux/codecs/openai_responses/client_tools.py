"""Calls of OpenAI's own tools that the client runs, in the form of plain function calls.

Other dialects see functions ``shell``, ``apply_patch`` and ``tool_search``; their calls become
typed items again on the way to the client (translation spec section 6, rule 6).
"""

from __future__ import annotations

import shlex
from typing import Final

from mux.codecs import _arguments
from mux.codecs._server_tools import BUILTINS
from mux.codecs.openai_responses._own import DIALECT, own
from mux.ir import JSON, Object, Request, Text, Tool, ToolCall, ToolResult
from mux.wire import Doc, json

TOOL_SEARCH: Final = "tool_search"
_LOCAL_SHELL: Final = "local_shell"

CALLS: Final = {
    "shell_call": "shell",
    "local_shell_call": _LOCAL_SHELL,
    "apply_patch_call": "apply_patch",
    "tool_search_call": TOOL_SEARCH,
}
"""The kind of tool each typed call is a call of."""

OUTPUTS: Final = {
    "shell_call_output": "shell",
    "local_shell_call_output": _LOCAL_SHELL,
    "apply_patch_call_output": "apply_patch",
    "tool_search_output": TOOL_SEARCH,
}
"""The kind of tool each typed output answers."""


def tool_name(kind: str) -> str:
    """What the function that stands for a built-in is called."""
    return BUILTINS[kind][0] if kind in BUILTINS else kind


def is_clients(item: Doc) -> bool:
    """Whether a typed call or output is the client's, and not the provider's own."""
    if item.get_str("type") in ("tool_search_call", "tool_search_output"):
        return item.get_str("execution") == "client"
    environment = item.get("environment")
    return environment is None or environment.get_str("type") == "local"


def decode_call(item: Doc) -> ToolCall:
    """A typed call as a function call; the item itself goes along for the way back."""
    kind = CALLS[item.need_str("type")]
    raw = item.mapping()
    match kind:
        case "apply_patch":
            arguments: JSON = {"operation": raw.get("operation")}
        case "tool_search":
            arguments = raw.get("arguments")
        case "local_shell":
            arguments = _commands(item)
        case _:
            arguments = raw.get("action")
    call_id = item.get_str("call_id") or item.get_str("id")
    text = _arguments.to_text(arguments)
    return ToolCall(call_id, tool_name(kind), text, ext={DIALECT: {"item": raw}})


def _commands(item: Doc) -> Object:
    action = item.need("action")
    out: Object = {"commands": [shlex.join(action.need("command").strings())]}
    if (timeout := action.get_int("timeout_ms")) is not None:
        out["timeout_ms"] = timeout
    return out


def decode_output(item: Doc) -> ToolResult:
    """A typed output as a tool result in words; the item itself goes along for the way back."""
    kind = OUTPUTS[item.need_str("type")]
    raw = item.mapping()
    output = raw.get("tools" if kind == TOOL_SEARCH else "output")
    text = output if isinstance(output, str) else json.text(output)
    if kind == "apply_patch" and output is None:
        text = item.get_str("status")
    return ToolResult(
        item.get_str("call_id") or item.get_str("id"),
        (Text(text),),
        name=tool_name(kind),
        is_error=item.get_str("status") == "failed",
        ext={DIALECT: {"item": raw}},
    )


def typed_tools(request: Request) -> dict[str, str]:
    """The type of item in which a client wants to hear of a call, by the name of the function.

    Of tools that go by one name the first is the one that is sent.
    """
    found: dict[str, str] = {}
    for tool in request.tools:
        if isinstance(tool, Tool):
            searches = own(tool.ext).get("type") == TOOL_SEARCH
            if not tool.namespace:
                found.setdefault(tool.name, "tool_search_call" if searches else "")
        elif tool.dialect == DIALECT and tool.kind in BUILTINS:
            found.setdefault(tool_name(tool.kind), f"{tool.kind}_call")
    return {name: kind for name, kind in found.items() if kind}


def build_call(kind: str, item_id: str, call_id: str, arguments: str) -> Object:
    """The typed item, complete, for a function call of one of `typed_tools`."""
    fields = _arguments.to_object(arguments)
    out: Object = {"id": item_id, "type": kind, "status": "completed", "call_id": call_id}
    match kind:
        case "apply_patch_call":
            out["operation"] = fields.get("operation", fields)
        case "tool_search_call":
            out["execution"] = "client"
            out["arguments"] = fields
        case "local_shell_call":
            out["action"] = _exec(fields)
        case _:
            commands: list[JSON] = [*_strings(fields.get("commands"))]
            out["action"] = {"commands": commands, **_limits(fields)}
    return out


def _exec(fields: Object) -> Object:
    script = "\n".join(_strings(fields.get("commands")))
    out: Object = {"type": "exec", "command": ["bash", "-lc", script], "env": {}}
    if "timeout_ms" in fields:
        out["timeout_ms"] = fields["timeout_ms"]
    return out


def _strings(value: JSON) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [entry for entry in value if isinstance(entry, str)] if isinstance(value, list) else []


def _limits(fields: Object) -> Object:
    return {key: fields[key] for key in ("timeout_ms", "max_output_length") if key in fields}
