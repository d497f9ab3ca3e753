"""Reasoning that open models write into their text: ``<think>…</think>`` at its start (F31b).

Applied only where `Abilities.think_tags` says so, because any other model may write about tags.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from msgspec.structs import replace

from mux.ir import (
    AnnotationDelta,
    ArgsDelta,
    BlockEvent,
    BlockStart,
    BlockStop,
    Choice,
    Event,
    Failure,
    SignatureDelta,
    Text,
    TextDelta,
    Thinking,
    ThinkingBreak,
    ThinkingDelta,
)

_OPEN: Final = "<think>"
_CLOSE: Final = "</think>"


class _State(Enum):
    """Where in a choice we are."""

    BEFORE = auto()
    HEAD = auto()
    """in the first text, which may turn out to begin with a tag"""
    THINKING = auto()
    AFTER = auto()
    """behind the closing tag, before the first word of the answer"""
    PASSING = auto()


class ThinkTags:
    """A filter over the events of one response, and over whole ones. Never shared.

    White space around the reasoning and before the answer belongs to the tags. Block indices
    behind the reasoning are counted anew.
    """

    __slots__ = ("_head", "_opened", "_removed", "_seen", "_shift", "_state", "_tail")

    def __init__(self) -> None:
        self._reset()

    def events(self, events: list[Event]) -> list[Event]:
        """`events` with tagged text turned into a `Thinking` block of its own."""
        out: list[Event] = []
        for event in events:
            self._event(event, out)
        return out

    def _reset(self) -> None:
        self._state = _State.BEFORE
        self._head = BlockStart(0, Text(""))
        self._tail = ""
        """text that may be the beginning of a tag, or white space that may come before one"""
        self._opened = False
        self._shift = 0
        self._seen = 0
        """characters of the first text so far"""
        self._removed = 0
        """how many of them went before the answer"""

    def _event(self, event: Event, out: list[Event]) -> None:
        match event:
            case Choice():
                self._reset()
                out.append(event)
            case Failure():
                if self._state in (_State.HEAD, _State.THINKING):
                    self._flush(out)
                out.append(event)
            case (
                BlockStart()
                | TextDelta()
                | ThinkingDelta()
                | ThinkingBreak()
                | ArgsDelta()
                | SignatureDelta()
                | AnnotationDelta()
                | BlockStop()
            ):
                self._inside(event, out)
            case _:
                out.append(event)

    def _inside(self, event: BlockEvent, out: list[Event]) -> None:
        if self._state is _State.BEFORE and isinstance(event, BlockStart):
            if isinstance(event.part, Text) and not event.part.text:
                self._state, self._head = _State.HEAD, event
                return
            self._state = _State.PASSING
        if self._state is _State.PASSING:
            self._pass(event, out)
        elif isinstance(event, TextDelta):
            self._seen += len(event.text)
            self._text(event, out)
        elif isinstance(event, BlockStop):
            self._flush(out)
            emitted = self._close(out)
            self._state, self._shift = _State.PASSING, emitted - 1

    def _pass(self, event: BlockEvent, out: list[Event]) -> None:
        """An event of which only the place may have changed."""
        if isinstance(event, AnnotationDelta) and self._removed:
            cited = event.annotation
            moved = replace(
                cited, start=cited.start - self._removed, end=cited.end - self._removed, raw=None
            )
            event = AnnotationDelta(event.index, moved if cited.start >= 0 else cited)
        elif isinstance(event, BlockStop):
            self._removed = 0
        out.append(replace(event, index=event.index + self._shift) if self._shift else event)

    def _text(self, event: TextDelta, out: list[Event]) -> None:
        text = self._tail + event.text
        if self._state is _State.HEAD:
            bare = text.lstrip()
            if _OPEN.startswith(bare):
                self._tail = text
                return
            if not bare.startswith(_OPEN):
                self._answer(replace(event, text=text), out)
                return
            self._state = _State.THINKING
            text = bare[len(_OPEN) :]
        if self._state is _State.THINKING:
            inside, closing, text = text.partition(_CLOSE)
            if not closing:
                sure = _sure(inside)
                self._think(inside[:sure], out)
                self._tail = inside[sure:]
                return
            self._think(inside.rstrip(), out)
            if self._opened:
                out.append(BlockStop(self._head.index))
            self._state = _State.AFTER
        self._tail = ""
        if bare := text.lstrip():
            self._removed = self._seen - len(bare)
            self._answer(replace(event, text=bare), out)

    def _answer(self, event: TextDelta, out: list[Event]) -> None:
        """The visible text begins: from here on events pass."""
        self._state = _State.PASSING
        self._shift = int(self._opened)
        self._tail = ""
        index = self._head.index + self._shift
        out += (BlockStart(index, self._head.part), replace(event, index=index))

    def _think(self, text: str, out: list[Event]) -> None:
        """More reasoning. White space before the first word of it is not part of it."""
        if not self._opened:
            text = text.lstrip()
            if not text:
                return
            self._opened = True
            out.append(BlockStart(self._head.index, Thinking()))
        if text:
            out.append(ThinkingDelta(self._head.index, text))

    def _flush(self, out: list[Event]) -> None:
        """The text ends or breaks off: what was held back is what it looks like."""
        tail, self._tail = self._tail, ""
        if self._state is _State.HEAD:
            out.append(self._head)
            if tail:
                out.append(TextDelta(self._head.index, tail))
        elif self._state is _State.THINKING:
            self._think(tail.rstrip(), out)

    def _close(self, out: list[Event]) -> int:
        """Close what is open of the first text; how many blocks it became."""
        if self._state is _State.HEAD:
            out.append(BlockStop(self._head.index))
            return 1
        if self._state is _State.THINKING and self._opened:
            out.append(BlockStop(self._head.index))
        return int(self._opened)


def _sure(text: str) -> int:
    """How much of `text` is reasoning whatever follows.

    Its end may be the beginning of the closing tag, or white space before it.
    """
    sure = len(text)
    for length in range(min(len(text), len(_CLOSE) - 1), 0, -1):
        if text.endswith(_CLOSE[:length]):
            sure -= length
            break
    return len(text[:sure].rstrip())
