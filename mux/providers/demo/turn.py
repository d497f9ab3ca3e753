"""What the last turn of a conversation holds: the user's words, media, and tool results.

Only this is searched for cues. System prompts, earlier messages, and what programs put between
``<system-reminder>`` or ``<session_context>`` tags may hold any words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from mux.ir import Media, Message, Part, Request, Role, Text, ToolCall, ToolResult

_ASIDE: Final = re.compile(r"<(system-reminder|session_context)>.*?</\1>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Answered:
    """A tool result with the name of its tool, empty if nothing tells it."""

    name: str
    result: ToolResult


@dataclass(frozen=True, slots=True)
class Turn:
    """`text` is the last thing the user wrote, without such asides.

    `results` is empty if the user wrote something after them. `demand` is a system message after
    the user's, by which targets without a tool choice are told to call one.
    """

    text: str = ""
    media: tuple[Media, ...] = ()
    results: tuple[Answered, ...] = ()
    demand: str = ""


def last_turn(request: Request) -> Turn:
    """The messages after the model's last answer. An answer it is to continue does not count."""
    messages = list(request.messages)
    while messages and messages[-1].role is Role.ASSISTANT:
        messages.pop()
    group: list[Message] = []
    while messages and messages[-1].role is not Role.ASSISTANT:
        group.insert(0, messages.pop())
    text = ""
    media: list[Media] = []
    results: list[ToolResult] = []
    for part in _parts(group):
        match part:
            case ToolResult():
                results.append(part)
                text = ""
            case Media():
                media.append(part)
            case Text():
                text = _without_asides(part.text) or text
            case _:
                pass
    names = _names(request)
    answered = tuple(Answered(each.name or names.get(each.call_id, ""), each) for each in results)
    demand = group[-1] if group and group[-1].role is Role.SYSTEM else None
    return Turn(
        text=text,
        media=tuple(media),
        results=() if text else answered,
        demand="".join(_texts(demand.parts)) if demand is not None else "",
    )


def _parts(group: Iterable[Message]) -> Iterable[Part]:
    for message in group:
        if message.role is not Role.SYSTEM:
            yield from message.parts


def _texts(parts: Iterable[Part]) -> Iterable[str]:
    return (part.text for part in parts if isinstance(part, Text))


def _without_asides(text: str) -> str:
    return _ASIDE.sub("", text).strip()


def _names(request: Request) -> dict[str, str]:
    """The tool of each call in the conversation."""
    return {
        part.id: part.name
        for message in request.messages
        for part in message.parts
        if isinstance(part, ToolCall)
    }
