"""Whether an upstream would know a conversation for its own, and may be sent the client's bytes.

A client that changes models in the middle of a session hands each what the others said, in the one
dialect they share. What belongs to another one then has to be taken out, and what this one misses
put in; that is the codec's work, and bytes passed through would be refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from mux.ir import Abilities, Media, Message, Request, Thinking, ToolCall, ToolResult


def familiar(request: Request, dialect: str, abilities: Abilities) -> bool:
    """Whether every message of `request` could stem from a talk with this model alone."""
    odd = list(_oddities(request, dialect, abilities))
    return not any(is_odd(message) for is_odd in odd for message in request.messages)


def _oddities(
    request: Request, dialect: str, abilities: Abilities
) -> Iterator[Callable[[Message], bool]]:
    """What a message of this model's would not be."""
    echoes, openai = bool(abilities.echo_reasoning), abilities.openai_extras
    if echoes:
        yield _calls_without_reason
    elif dialect == "openai_responses" and request.store is False:
        yield _reasons_unsigned
    elif dialect == "openai_chat" and openai:
        yield _reasons
    if dialect == "openai_chat" and (openai or echoes):
        yield _signs_calls
    if not abilities.tool_media:
        yield _shows_media


def _reasons(message: Message) -> bool:
    return Thinking in message.kinds


def _calls_without_reason(message: Message) -> bool:
    """Such a host refuses calls without the reasoning that led to them."""
    return ToolCall in message.kinds and Thinking not in message.kinds


def _reasons_unsigned(message: Message) -> bool:
    """What is neither stored there nor sent along cannot be found again."""
    return _reasons(message) and any(
        isinstance(part, Thinking) and part.signature is None for part in message.parts
    )


def _signs_calls(message: Message) -> bool:
    return bool(message.routes) and any(
        isinstance(part, ToolCall) and part.signature for part in message.parts
    )


def _shows_media(message: Message) -> bool:
    return Media in message.kinds and any(
        isinstance(inner, Media)
        for part in message.parts
        if isinstance(part, ToolResult)
        for inner in part.content
    )
