"""Going on with an answer that its upstream cut: one answer to the client, several calls upstream.

Anthropic pauses a long turn of its own tools and wants it sent back as it is; Gemini hands out a
token. Clients of other dialects can do neither, so it is done for them (translation spec
section 15), `ROUNDS` times at most.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from mux.gateway.several import add
from mux.ir import (
    BlockEvent,
    BlockStart,
    Choice,
    Event,
    Finish,
    Message,
    Request,
    Role,
    ServerTool,
    Start,
    StopReason,
    Usage,
    UsageUpdate,
    fold,
)

ROUNDS: Final = 8


class Continuing:
    """A filter over the events of all rounds of one answer. Never shared."""

    __slots__ = (
        "_base",
        "_events",
        "_index",
        "_keeps",
        "_latest",
        "_request",
        "_rounds",
        "_usage",
        "waiting",
    )

    def __init__(self, request: Request) -> None:
        self.waiting = False
        """whether the upstream has more to say"""
        self._request = request
        self._rounds = 1
        self._base = 0
        """how many blocks the rounds before have given"""
        self._index = -1
        self._events: list[Event] = []
        """this round's, to be sent back"""
        self._keeps = any(isinstance(tool, ServerTool) for tool in request.tools)
        """whether the upstream may pause: it does so for tools of its own alone"""
        self._usage: Usage | None = None
        """of the rounds before"""
        self._latest: Usage | None = None
        """of all rounds so far"""

    def resume(self) -> Request:
        """What to ask for next."""
        self.waiting = False
        self._rounds += 1
        self._base = self._index + 1
        return self._request

    def events(self, events: list[Event]) -> list[Event]:
        """`events` as they go on from what was told before."""
        if self._keeps:
            self._events += events
        if self._rounds > 1:
            events = [moved for event in events if (moved := self._moved(event)) is not None]
        out: list[Event] = []
        for event in events:
            if isinstance(event, BlockStart):
                self._index = event.index
            elif isinstance(event, UsageUpdate):
                self._latest = event.usage
            elif isinstance(event, Finish) and self._goes_on(event):
                self._pause(event)
                continue
            elif isinstance(event, Choice):
                self._index = -1
            out.append(event)
        return out

    def _moved(self, event: Event) -> Event | None:
        if isinstance(event, Start):
            return None
        if isinstance(event, UsageUpdate):
            return UsageUpdate(add(self._usage, event.usage) or event.usage)
        if isinstance(event, BlockEvent):
            return replace(event, index=event.index + self._base)
        return event

    def _goes_on(self, finish: Finish) -> bool:
        cut = finish.reason in (StopReason.PAUSE, StopReason.CONTINUATION)
        return cut and self._rounds <= ROUNDS

    def _pause(self, finish: Finish) -> None:
        """The round is over: what is asked next is what was asked, and what came of it."""
        self.waiting = True
        self._usage = self._latest
        messages = self._request.messages
        if finish.reason is StopReason.PAUSE:
            messages = (*messages, Message(Role.ASSISTANT, fold(self._events).parts))
        self._events = []
        self._request = replace(self._request, messages=messages, continuation=_token(finish))


def _token(finish: Finish) -> str:
    token = (finish.ext or {}).get(finish.dialect, {}).get("continuationToken")
    return token if isinstance(token, str) else ""
