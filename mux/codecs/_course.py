"""The course of a conversation: its runs, found again with each request that goes on with it.

A run is what the assistant says and what it is told thereupon. What an upstream gets of a message
depends on those around it: results go to their calls, neighbours of one role become one. None of
this reaches beyond a run whose results answer its own calls and whose both sides have their say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from mux.codecs._messages import Turns
from mux.ir import JSON, Loss, Message, Role, Text, ToolCall, ToolResult
from mux.wire import Memo, Shared

_LIMIT_BYTES: Final = 32 * 1024 * 1024


@dataclass(slots=True, eq=False)
class Run:
    """A stretch of a conversation up to the assistant's next turn.

    `calls` are the ids of its calls and `strays` those by which results name none of them; `names`
    the tools it is about; `placed`: ids are made that tell where in the conversation it is.
    """

    messages: tuple[Message, ...]
    calls: frozenset[str]
    strays: frozenset[str]
    names: tuple[tuple[str, str], ...]
    turns: int
    placed: bool
    said: bool
    """something of the assistant's is left of it in every dialect"""
    heard: bool
    """and something that the assistant was told"""
    orphaned: bool
    """a result answers no call of it"""
    size_bytes: int = 0
    written: tuple[object, JSON, tuple[Loss, ...]] | None = None
    """how it was written last, its messages if it has any, and what that lost"""


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """The first `runs` runs of a past, written in the way `how`, and what that lost."""

    how: object
    texts: tuple[JSON, ...] = ()
    losses: tuple[Loss, ...] = ()
    turns: int = 0
    runs: int = 0


@dataclass(slots=True, eq=False)
class Past:
    """All runs of a conversation but the last, which may go on.

    `apart`: each of them means the same alone as among the others; the user has to begin. `names`,
    `calls` and `strays` are those of all runs.
    """

    messages: tuple[Message, ...] = ()
    runs: tuple[Run, ...] = ()
    names: tuple[tuple[str, str], ...] = ()
    calls: frozenset[str] = frozenset()
    strays: frozenset[str] = frozenset()
    apart: bool = True
    size_bytes: int = 0
    written: Written | None = None

    def then(self, run: Run) -> Past:
        """This past and `run`."""
        return Past(
            self.messages + run.messages,
            (*self.runs, run),
            tuple(dict.fromkeys((*self.names, *run.names))),
            self.calls | run.calls,
            self.strays | run.strays,
            self.apart and run.heard and (self.stands_beside(run) if self.runs else _opens(run)),
            self.size_bytes + run.size_bytes,
            self.written,
        )

    def stands_beside(self, run: Run) -> bool:
        """Whether `run`, which comes next, means the same alone."""
        alone = run.said and not run.orphaned and self.calls.isdisjoint(run.calls)
        return alone and self.strays.isdisjoint(run.calls) and self.calls.isdisjoint(run.strays)

    def begins(self, messages: Sequence[Message]) -> bool:
        """Whether `messages` go on from here."""
        end = len(self.messages)
        goes_on = len(messages) > end and messages[end].role is Role.ASSISTANT
        return goes_on and messages[:end] == self.messages


def course(messages: tuple[Message, ...]) -> tuple[Past, Run] | None:
    """The past of a conversation and its last run; None if it is not known how it begins."""
    first = messages[: next(_ends(messages))]
    opening = _RUNS.find(first)
    if opening is None:
        _run(first)
        return None
    found = _PASTS.get(opening)
    past = found[0] if found is not None and found[0].begins(messages) else Past()
    rest = messages[len(past.messages) :]
    *earlier, last = [rest[start:end] for start, end in pairwise((0, *_ends(rest)))]
    for part in earlier:
        past = past.then(_run(part))
    _PASTS.put(opening, past, 2 * past.size_bytes)
    return past, _run(last)


def _ends(messages: tuple[Message, ...]) -> Iterator[int]:
    """Where each run ends: where the assistant has its next turn, and at last."""
    spoke = True
    for place, message in enumerate(messages):
        speaks = message.role is Role.ASSISTANT
        if speaks and not spoke:
            yield place
        spoke = speaks
    yield len(messages)


def _opens(run: Run) -> bool:
    """Whether `run`, with which a conversation begins, means the same alone."""
    return run.messages[0].role is not Role.ASSISTANT and not run.orphaned


def _run(messages: tuple[Message, ...]) -> Run:
    run = _RUNS.find(messages)
    if run is None:
        run = _examined(messages)
        run.size_bytes = _RUNS.keep(messages, run)
    return run


def _examined(messages: tuple[Message, ...]) -> Run:
    orphans: list[Loss] = []
    turns = Turns(orphans)
    answered: set[str] = set()
    names: list[tuple[str, str]] = []
    said = heard = False
    for message in messages:
        turns.add(message)
        speaks = message.role is Role.ASSISTANT
        for part in message.parts:
            if isinstance(part, ToolCall):
                names.append((part.namespace, part.name))
                said |= speaks
            elif isinstance(part, ToolResult):
                names += [("", part.name)] if part.name else []
                answered.add(part.call_id)
                heard |= not speaks
            elif isinstance(part, Text) and part.text and not part.text.isspace():
                said |= speaks
                heard |= not speaks
    calls = frozenset(turns.calls) - {""}
    strays = frozenset(answered - calls - {""})
    placed, orphaned = turns.placed, bool(orphans)
    return Run(messages, calls, strays, tuple(names), turns.count, placed, said, heard, orphaned)


_RUNS: Final = Shared[Run](_LIMIT_BYTES)
_PASTS: Final = Memo[Past](_LIMIT_BYTES)
"""By the run that a conversation begins with, the one that was last gone on with."""
