"""Long conversations run by run, so that what an agent sends again is not written again.

A run is what the assistant says and what it is told thereupon. What an upstream gets of a message
depends on those around it: results go to their calls, neighbours of one role become one. None of
this reaches beyond a run whose results answer its own calls and whose both sides have their say.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Final, TypeAlias, cast

from msgspec.structs import replace

from mux.codecs._messages import Turns
from mux.codecs._tool_names import Names
from mux.ir import JSON, Loss, Message, Object, Request, Role, Text, ToolCall, ToolResult
from mux.wire import Shared, json, stand_in

_MANY_MESSAGES: Final = 16
"""A shorter conversation is written in less time than its runs are looked up."""

_LIMIT_BYTES: Final = 32 * 1024 * 1024

Writer: TypeAlias = Callable[[Request, int, list[Loss]], list[Object]]
"""Writes the messages of a request, before which there were so many turns (see `settle`)."""


@dataclass(slots=True)
class Conversation:
    """The messages of a body: the earlier ones as JSON texts, some in each, then objects."""

    earlier: list[bytes]
    last: list[Object]

    def json(self, system: Sequence[Object] = ()) -> JSON:
        """All of them as a list, after what is said by the `system`."""
        if not self.earlier:
            return [*system, *self.last]
        texts = [*map(json.dumps, system), *self.earlier, *map(json.dumps, self.last)]
        return json.written(b"[%b]" % b",".join(texts))

    def reopen(self, place: int) -> None:
        """Make objects again of the texts from `place` on."""
        found = json.loads(b"[%b]" % b",".join(self.earlier[place:]))
        self.last[:0] = cast("list[Object]", found)
        del self.earlier[place:]


def write(
    request: Request, writer: Writer, names: Names | None, key: Hashable, losses: list[Loss]
) -> Conversation:
    """The messages of `request`, which depend on nothing but themselves, `names` and `key`."""
    runs = _runs(request.messages) if len(request.messages) >= _MANY_MESSAGES else []
    if not _apart(runs):
        return Conversation([], writer(request, 0, losses))
    if names is not None:
        names.use(chain.from_iterable([run.names for run in runs]))
    how = stand_in(key, names.changes if names is not None else None)
    earlier: list[bytes] = []
    turns = 0
    for run in runs[:-1]:
        text, lost = _text(run, turns, request, writer, how)
        if text:
            earlier.append(text)
        losses += lost
        turns += run.turns
    last = replace(request, messages=runs[-1].messages)
    return Conversation(earlier, writer(last, turns, losses))


@dataclass(slots=True, eq=False)
class _Run:
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
    written: tuple[object, bytes, tuple[Loss, ...]] | None = None
    """how it was written last, its text, and what that lost"""


def _runs(messages: tuple[Message, ...]) -> list[_Run]:
    """The runs of a conversation that has come before, as its first one tells; of others none."""
    speaks = [message.role is Role.ASSISTANT for message in messages]
    turns = [place for place, (before, now) in enumerate(pairwise(speaks), 1) if now > before]
    parts = [messages[start:end] for start, end in pairwise((0, *turns, len(messages)))]
    if _RUNS.find(parts[0]) is None:
        _RUNS.keep(parts[0], _examined(parts[0]))
        return []
    return [_run(part) for part in parts]


def _run(messages: tuple[Message, ...]) -> _Run:
    run = _RUNS.find(messages)
    if run is None:
        run = _examined(messages)
        _RUNS.keep(messages, run)
    return run


def _examined(messages: tuple[Message, ...]) -> _Run:
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
    return _Run(messages, calls, strays, tuple(names), turns.count, placed, said, heard, orphaned)


def _apart(runs: list[_Run]) -> bool:
    """Whether each run means the same alone as among the others; the user has to begin."""
    if len(runs) < 2:
        return False
    first, *others = runs
    begun = first.messages[0].role is not Role.ASSISTANT and first.heard and not first.orphaned
    apart = all([run.said and not run.orphaned for run in others])
    if not (begun and apart and all([run.heard for run in others[:-1]])):
        return False
    calls = frozenset[str]().union(*[run.calls for run in runs])
    if len(calls) < sum([len(run.calls) for run in runs]):
        return False
    return calls.isdisjoint(chain.from_iterable([run.strays for run in runs]))


def _text(
    run: _Run, turns: int, request: Request, writer: Writer, how: object
) -> tuple[bytes, tuple[Loss, ...]]:
    """What `writer` makes of `run`, and what that loses."""
    if run.placed:
        how = how, turns
    written = run.written
    if written is None or written[0] != how:
        losses: list[Loss] = []
        objects = writer(replace(request, messages=run.messages), turns, losses)
        written = how, b",".join(map(json.dumps, objects)), tuple(losses)
        run.written = written
    return written[1:]


_RUNS: Final = Shared[_Run](_LIMIT_BYTES)
