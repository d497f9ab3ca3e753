"""Whether an upstream would know a conversation for its own, and may be sent the client's bytes.

A client that changes models in the middle of a session hands each what the others said, in the one
dialect they share. What belongs to another one then has to be taken out, and what this one misses
put in; that is the codec's work, and bytes passed through would be refused.
"""

from __future__ import annotations

from mux.ir import Abilities, Media, Message, Request, Thinking, ToolCall, ToolResult


def familiar(request: Request, dialect: str, abilities: Abilities) -> bool:
    """Whether every message of `request` could stem from a talk with this model alone."""
    return not any(
        _odd_reasoning(message, request, dialect, abilities)
        or _odd_signature(message, dialect, abilities)
        or _odd_media(message, abilities)
        for message in request.messages
    )


def _odd_reasoning(message: Message, request: Request, dialect: str, abilities: Abilities) -> bool:
    thoughts = [part for part in message.parts if isinstance(part, Thinking)]
    if abilities.echo_reasoning:
        # Such a host refuses calls without the reasoning that led to them.
        return not thoughts and any(isinstance(part, ToolCall) for part in message.parts)
    if dialect == "openai_responses":
        # What is neither stored there nor sent along cannot be found again.
        return request.store is False and any(part.signature is None for part in thoughts)
    return dialect == "openai_chat" and abilities.openai_extras and bool(thoughts)


def _odd_signature(message: Message, dialect: str, abilities: Abilities) -> bool:
    if dialect != "openai_chat" or not (abilities.openai_extras or abilities.echo_reasoning):
        return False
    return any(isinstance(part, ToolCall) and part.signature for part in message.parts)


def _odd_media(message: Message, abilities: Abilities) -> bool:
    return not abilities.tool_media and any(
        isinstance(inner, Media)
        for part in message.parts
        if isinstance(part, ToolResult)
        for inner in part.content
    )
