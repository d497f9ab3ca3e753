"""Tool choices that a model or host does not know, said otherwise: by fewer tools, and in words.

Translation spec section 6.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from mux.ir import ChoiceMode, Loss, LossKind, Message, Request, Role, Text, ToolChoice

_PLAIN: Final = {
    ChoiceMode.ALLOWED_AUTO: ChoiceMode.AUTO,
    ChoiceMode.ALLOWED_REQUIRED: ChoiceMode.REQUIRED,
}


def narrow(request: Request) -> Request:
    """`request` with only the tools its choice allows, for hosts that know no such choice."""
    choice = request.tool_choice
    if choice is None or choice.mode not in _PLAIN:
        return request
    allowed = tuple(tool for tool in request.tools if tool.name in choice.names)
    return replace(request, tools=allowed, tool_choice=ToolChoice(_PLAIN[choice.mode]))


def relax(request: Request, losses: list[Loss]) -> Request:
    """`request` with its forced choice turned into ``auto`` among the tools it names.

    A last system message asks for the call. Never replaced by structured output: the client
    expects the answer as a call.
    """
    choice = request.tool_choice
    forced = (ChoiceMode.REQUIRED, ChoiceMode.NAMED, ChoiceMode.ALLOWED_REQUIRED)
    if choice is None or choice.mode not in forced:
        return request
    losses.append(Loss(LossKind.DEGRADE, "tool_choice"))
    tools = request.tools
    if choice.names:
        tools = tuple(tool for tool in tools if tool.name in choice.names)
    which = f"the tool {tools[0].name}" if len(tools) == 1 else "a tool"
    words = Message(Role.SYSTEM, (Text(f"You must call {which} now."),))
    return replace(
        request,
        tools=tools,
        tool_choice=ToolChoice(ChoiceMode.AUTO),
        messages=(*request.messages, words),
    )
