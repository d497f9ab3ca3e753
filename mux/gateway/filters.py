"""What happens to an answer's events between the upstream's decoder and the client's encoder."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from mux.codecs import Encoded, _ids
from mux.codecs._stops import Stops
from mux.codecs._think_tags import ThinkTags
from mux.codecs._tools import ToolRestorer
from mux.errors import ErrorKind
from mux.gateway.call import Call, Outcome
from mux.gateway.continuing import Continuing
from mux.gateway.conversations import Conversations
from mux.gateway.memory import Memory
from mux.gateway.pump import Filter
from mux.gateway.signatures import Signed, signature_of
from mux.ir import (
    Answer,
    ArgsDelta,
    Event,
    Failure,
    Finish,
    Request,
    Response,
    Start,
    StopReason,
    TextDelta,
    ThinkingDelta,
    UsageUpdate,
    fold,
)
from mux.routing import Candidate

MALFORMED: Final = "malformed_tool_call"
"""The code of an answer that is a tool call the model got wrong: asking again often helps."""

_UNFINISHED: Final = frozenset(
    {StopReason.MALFORMED_TOOL, StopReason.PAUSE, StopReason.CONTINUATION}
)
"""How answers end that filters make something else of."""

_CUTTING: Final = frozenset({"anthropic", "gemini"})
"""Dialects whose upstreams may cut an answer and go on with it when asked."""


class Chain(Struct, kw_only=True):
    """The filters of one answer, in their order. Made for each answer, never shared.

    `begin` it with what was asked; an answer cut by its upstream leaves it `waiting`, and what
    follows runs through the same filters.
    """

    call: Call
    candidate: Candidate
    request: Request
    dialect: str
    native: bool
    outcome: Outcome
    memory: Memory
    clock: Callable[[], float]
    filters: tuple[Filter, ...] = ()
    _continuing: Continuing | None = None
    _usual: bool = False
    """there are no filters but those of every translation, and of answers that are gone on with"""

    def begin(self, encoded: Encoded, request: Request | None = None) -> None:
        """The upstream was asked for `request` by `encoded`."""
        observe = partial(_observed, self.outcome)
        if self.native:
            self.filters = (observe,)
            return
        request = request or self.request
        filters: list[Filter] = []
        if self.call.dialect != self.dialect:
            if self.dialect in _CUTTING and request.n == 1:
                self._continuing = Continuing(request)
                filters.append(self._continuing.events)
            filters.append(_malformed)
        filters.append(partial(_dated, self.call, self.clock))
        more: list[Filter] = []
        if self.candidate.abilities.think_tags:
            more.append(ThinkTags().events)
        if encoded.tools.originals:
            more.append(ToolRestorer(encoded.tools).events)
        if encoded.stops:
            more.append(Stops(encoded.stops, eager=request.n == 1).events)
        signed = Signed(
            self.memory.signatures,
            self.call.client,
            self.candidate.provider.name,
            self.candidate.model,
        )
        filters += [*more, signed.events]
        keeps = self.call.dialect == "openai_responses"
        if keeps:
            filters.append(partial(_kept, self.memory.conversations, self.call, []))
        self._usual = not (more or keeps)
        self.filters = (*filters, observe)

    def dated(self, response: Response) -> Response | None:
        """A whole answer as it comes through the filters, where they would only date it and have
        nothing to note: of most that is true, and they need not be taken apart. Else None."""
        usage = response.usage
        told = usage is not None and None not in (usage.input_total, usage.output_total)
        if not (self._usual and told and all([_plain(answer) for answer in response.answers])):
            return None
        ident, created = _date(self.call, self.clock, response.id, response.created)
        if (ident, created) == (response.id, response.created):
            return response
        return replace(response, id=ident, created=created)

    def apply(self, events: list[Event]) -> list[Event]:
        """`events` after all filters."""
        for change in self.filters:
            events = change(events)
        return events

    @property
    def waiting(self) -> bool:
        """Whether the upstream is to be asked to go on."""
        return self._continuing is not None and self._continuing.waiting

    def resume(self) -> Request:
        """What to ask the upstream so that it goes on."""
        if self._continuing is None:
            return self.request
        return self._continuing.resume()

    def observe(self, events: list[Event]) -> list[Event]:
        """Note what will be told of the answer when it has ended."""
        return _observed(self.outcome, events)


def _plain(answer: Answer) -> bool:
    complete = answer.finish.reason not in _UNFINISHED
    return complete and all([signature_of(part) is None for part in answer.parts])


# A filter that is bound to its chain would keep both alive until the garbage collector comes.


def _observed(outcome: Outcome, events: list[Event]) -> list[Event]:
    """`events`, and in `outcome` what will be told of them."""
    for event in events:
        match event:  # hot: for each event of every stream
            case TextDelta() | ThinkingDelta():
                outcome.written += len(event.text)
            case ArgsDelta():
                outcome.written += len(event.arguments)
            case UsageUpdate():
                outcome.usage = event.usage
            case Failure():
                outcome.error = event.kind
                outcome.failure = event.error()
            case Finish():
                outcome.finished = True
                outcome.reasons += (event.reason,)
            case Start():
                outcome.answer_id, outcome.answer_model = event.id, event.model
            case _:
                pass
    return events


def _dated(call: Call, clock: Callable[[], float], events: list[Event]) -> list[Event]:
    """`events` with the time and the name of the answer, where the upstream gave none."""
    if events and isinstance(start := events[0], Start):
        ident, created = _date(call, clock, start.id, start.created)
        return [replace(start, id=ident, created=created), *events[1:]]
    return events


def _date(call: Call, clock: Callable[[], float], ident: str, created: int) -> tuple[str, int]:
    """Both, made where the upstream gave none."""
    created = created or int(clock())
    return ident or _ids.stable_id("", call.client, created, call.body), created


def _kept(
    conversations: Conversations, call: Call, told: list[Event], events: list[Event]
) -> list[Event]:
    """`events`; the whole answer, all that was `told`, is kept for requests that build on it."""
    told += events
    if events and isinstance(events[-1], Finish):
        conversations.keep(call, fold(told))
    return events


def _malformed(events: list[Event]) -> list[Event]:
    """A call the model got wrong is no answer, and never a success (F35)."""
    last = events[-1] if events else None
    if not isinstance(last, Finish) or last.reason is not StopReason.MALFORMED_TOOL:
        return events
    message = last.explanation or "The model made a tool call that cannot be read; ask again"
    return [*events[:-1], Failure(ErrorKind.SERVER, message, MALFORMED)]
