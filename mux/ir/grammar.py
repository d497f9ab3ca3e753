"""The legal order of events, as the one table that docs, checkers, fuzzers and tests read."""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from mux.ir.content import Part, Refusal, ServerCall, Text, Thinking, ToolCall
from mux.ir.events import (
    AnnotationDelta,
    ArgsDelta,
    BlockStart,
    BlockStop,
    Choice,
    Event,
    Failure,
    Finish,
    SignatureDelta,
    Start,
    TextDelta,
    ThinkingBreak,
    ThinkingDelta,
    UsageUpdate,
)


class State(Enum):
    """Where in a stream we are."""

    IDLE = auto()
    OPEN = auto()
    IN_BLOCK = auto()
    FINISHED = auto()
    """a choice ended; another may follow"""
    FAILED = auto()


TABLE: Final[dict[State, dict[type[Event], State]]] = {
    State.IDLE: {Start: State.OPEN, Failure: State.FAILED},
    State.OPEN: {
        BlockStart: State.IN_BLOCK,
        UsageUpdate: State.OPEN,
        Finish: State.FINISHED,
        Failure: State.FAILED,
    },
    State.IN_BLOCK: {
        TextDelta: State.IN_BLOCK,
        ThinkingDelta: State.IN_BLOCK,
        ThinkingBreak: State.IN_BLOCK,
        ArgsDelta: State.IN_BLOCK,
        SignatureDelta: State.IN_BLOCK,
        AnnotationDelta: State.IN_BLOCK,
        UsageUpdate: State.IN_BLOCK,
        BlockStop: State.OPEN,
        Failure: State.FAILED,
    },
    State.FINISHED: {Choice: State.OPEN},
    State.FAILED: {},
}

TAKES: Final[dict[type[Event], tuple[type[Part], ...]]] = {
    TextDelta: (Text, Refusal),
    ThinkingDelta: (Thinking,),
    ThinkingBreak: (Thinking,),
    ArgsDelta: (ToolCall, ServerCall),
    AnnotationDelta: (Text,),
}
"""Which blocks a delta may belong to."""


class GrammarError(AssertionError):
    """An event out of order: a bug in a decoder, never the upstream's fault."""


class Checker:
    """Walks `TABLE`; raises `GrammarError` on the first event out of order. One per stream."""

    __slots__ = ("_choice", "_index", "_part", "state")

    def __init__(self) -> None:
        self.state = State.IDLE
        self._index = -1
        self._choice: int = 0
        self._part: type[Part] | None = None

    @property
    def done(self) -> bool:
        """Whether the stream may end here."""
        return self.state in (State.FINISHED, State.FAILED)

    def __call__(self, event: Event) -> Event:
        after = TABLE[self.state].get(type(event))
        if after is None:
            raise GrammarError(f"{type(event).__name__} in {self.state.name}")
        if isinstance(event, BlockStart):
            if event.index != self._index + 1:
                raise GrammarError(f"block {event.index} follows block {self._index}")
            self._index, self._part = event.index, type(event.part)
        elif isinstance(event, Choice):
            if event.index != self._choice + 1:
                raise GrammarError(f"choice {event.index} follows choice {self._choice}")
            self._choice, self._index = event.index, -1
        elif self.state is State.IN_BLOCK and not isinstance(event, UsageUpdate | Failure):
            self._inside(event)
        self.state = after
        return event

    def _inside(self, event: Event) -> None:
        index: int = getattr(event, "index", -1)
        if index != self._index:
            raise GrammarError(f"{type(event).__name__} for block {index}, open is {self._index}")
        takes = TAKES.get(type(event))
        if takes is not None and self._part not in takes:
            raise GrammarError(f"{type(event).__name__} in a {self._part} block")
