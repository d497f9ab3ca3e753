"""Tools that are known by type: which of them a target gets, and in which form.

Policy of translation spec section 19: native where the target has the same kind, as a function
where the client itself executes it, else dropped with a warning if other tools remain and refused
if it was the only one, the one that was demanded, or the computer the task is about. Where
`Abilities.drop_server_tools` is set, only a demanded one is refused.
"""

from __future__ import annotations

from collections.abc import Set
from typing import Final

from msgspec.structs import replace

from mux.errors import Unsupported
from mux.ir import Abilities, ChoiceMode, Loss, LossKind, Object, Request, ServerTool, Tool


def _schema(properties: Object, *required: str) -> Object:
    return {"type": "object", "properties": properties, "required": list(required)}


_STRING: Final[Object] = {"type": "string"}
_INTEGER: Final[Object] = {"type": "integer"}
_EDITOR: Final[Object] = {
    "command": {"type": "string", "enum": ["view", "create", "str_replace", "insert"]},
    "path": _STRING,
    "file_text": _STRING,
    "old_str": _STRING,
    "new_str": _STRING,
    "insert_line": _INTEGER,
    "insert_text": _STRING,
    "view_range": {"type": "array", "items": _INTEGER},
}
_MEMORY: Final[Object] = {
    "command": {
        "type": "string",
        "enum": ["view", "create", "str_replace", "insert", "delete", "rename"],
    },
    "path": _STRING,
    "file_text": _STRING,
    "old_str": _STRING,
    "new_str": _STRING,
    "insert_line": _INTEGER,
    "insert_text": _STRING,
    "old_path": _STRING,
    "new_path": _STRING,
    "view_range": {"type": "array", "items": _INTEGER},
}
_SHELL: Final[Object] = {
    "commands": {"type": "array", "items": _STRING},
    "timeout_ms": _INTEGER,
    "max_output_length": _INTEGER,
}
_PATCH: Final[Object] = {
    "operation": {
        "type": "object",
        "properties": {
            "type": {"type": "string", "enum": ["create_file", "update_file", "delete_file"]},
            "path": _STRING,
            "diff": _STRING,
        },
        "required": ["type", "path"],
    }
}

BUILTINS: Final[dict[str, tuple[str, str, Object]]] = {
    "bash": (
        "bash",
        "Run a command in a persistent bash shell, or restart the shell.",
        _schema({"command": _STRING, "restart": {"type": "boolean"}}),
    ),
    "text_editor": (
        "str_replace_based_edit_tool",
        "View, create and edit text files.",
        _schema(_EDITOR, "command", "path"),
    ),
    "memory": (
        "memory",
        "Read and write files in the memory directory.",
        _schema(_MEMORY, "command"),
    ),
    "shell": ("shell", "Run shell commands.", _schema(_SHELL, "commands")),
    "local_shell": ("shell", "Run shell commands.", _schema(_SHELL, "commands")),
    "apply_patch": (
        "apply_patch",
        "Create, update or delete a file.",
        _schema(_PATCH, "operation"),
    ),
}
"""Built-ins the client executes, by kind: (default name, description, schema); section 6."""


def resolve(
    request: Request, target: str, native: Set[str], abilities: Abilities, losses: list[Loss]
) -> Request:
    """`request` with only such typed tools as dialect `target` can be sent.

    `native` are the kinds it can be sent from any dialect. Raises `Unsupported`.
    """
    if not any([isinstance(tool, ServerTool) for tool in request.tools]):
        return request
    kept: list[Tool | ServerTool] = []
    refused: list[ServerTool] = []
    for tool in request.tools:
        if isinstance(tool, Tool) or tool.dialect == target or tool.kind in native:
            kept.append(tool)
        elif tool.kind in BUILTINS:
            name, description, schema = BUILTINS[tool.kind]
            kept.append(Tool(tool.name or name, description=description, schema=schema))
        else:
            refused.append(tool)
    for tool in refused:
        needed = (not kept or tool.kind == "computer") and not abilities.drop_server_tools
        if needed or _demanded(tool, request):
            raise Unsupported(
                f"The tool {tool.kind!r} is run by its provider or trained into its models, and "
                "the chosen model has none like it. Use a model of that provider, leave the tool "
                "out, or set drop-server-tools among the provider's abilities.",
                param="tools",
                code="server_tool_unsupported",
            )
    losses += [Loss(LossKind.DROP, f"tool.{tool.kind}") for tool in refused]
    return replace(request, tools=tuple(kept))


def _demanded(tool: ServerTool, request: Request) -> bool:
    choice = request.tool_choice
    if choice is None or choice.mode is not ChoiceMode.NAMED:
        return False
    return tool.name in choice.names
