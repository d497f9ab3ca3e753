"""Long conversations run by run, so that what an agent sends again is not written again."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, cast

from msgspec.structs import replace

from mux.codecs._course import Past, Run, Written, course
from mux.codecs._tool_names import Names
from mux.ir import JSON, Loss, Object, Request
from mux.wire import json, stand_in

_MANY_MESSAGES: Final = 16
"""A shorter conversation is written in less time than its runs are looked up."""

Writer: TypeAlias = Callable[[Request, int, list[Loss]], list[Object]]
"""Writes the messages of a request, before which there were so many turns (see `settle`)."""


@dataclass(slots=True)
class Conversation:
    """The messages of a body: the earlier ones are `written`, some in each, then objects."""

    earlier: list[JSON]
    last: list[Object]

    def json(self, system: Sequence[Object] = ()) -> JSON:
        """All of them as a list, after what is said by the `system`."""
        return [*system, *self.earlier, *self.last]

    def reopen(self, place: int) -> None:
        """Make objects again of the texts from `place` on."""
        found = json.loads(json.dumps(self.earlier[place:]))
        self.last[:0] = cast("list[Object]", found)
        del self.earlier[place:]


def write(
    request: Request, writer: Writer, names: Names | None, key: Hashable, losses: list[Loss]
) -> Conversation:
    """The messages of `request`, which depend on nothing but themselves, `names` and `key`."""
    messages = request.messages
    found = course(messages) if len(messages) >= _MANY_MESSAGES else None
    if found is None:
        return Conversation([], writer(request, 0, losses))
    past, last = found
    if not (past.runs and past.apart and past.stands_beside(last)):
        return Conversation([], writer(request, 0, losses))
    if names is not None:
        names.use((*past.names, *last.names))
    how = stand_in(key, names.changes if names is not None else None)
    written = _written(past, how, request, writer)
    losses += written.losses
    ending = replace(request, messages=last.messages)
    return Conversation([*written.texts], writer(ending, written.turns, losses))


def _written(past: Past, how: object, request: Request, writer: Writer) -> Written:
    """The runs of `past`, of which those at its beginning may have been written before."""
    found = past.written
    known = found if found is not None and found.how is how else Written(how)
    if known.runs == len(past.runs):
        return known
    texts, losses, turns = [*known.texts], [*known.losses], known.turns
    for run in past.runs[known.runs :]:
        text, lost = _text(run, turns, request, writer, how)
        if text is not None:
            texts.append(text)
        losses += lost
        turns += run.turns
    known = Written(how, tuple(texts), tuple(losses), turns, len(past.runs))
    past.written = known  # which another thread may do, too, for another upstream
    return known


def _text(
    run: Run, turns: int, request: Request, writer: Writer, how: object
) -> tuple[JSON, tuple[Loss, ...]]:
    """What `writer` makes of `run`, `written` or nothing, and what that loses."""
    if run.placed:
        how = how, turns
    written = run.written
    if written is None or written[0] != how:
        losses: list[Loss] = []
        objects = writer(replace(request, messages=run.messages), turns, losses)
        text = json.written(*map(json.dumps, objects)) if objects else None
        written = how, text, tuple(losses)
        run.written = written
    return written[1:]
