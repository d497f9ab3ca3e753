"""Stop sequences the upstream cannot watch for: the answer is cut where one begins.

Translation spec section 10. An encoder sends what `divide` leaves in the request and hands the rest
to its caller (`Encoded.stops`), who puts a `Stops` between decoder and encoder.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from mux.ir import (
    Abilities,
    BlockStart,
    BlockStop,
    Choice,
    Event,
    Finish,
    Loss,
    LossKind,
    Request,
    StopReason,
    Text,
    TextDelta,
    UsageUpdate,
)


def divide(
    request: Request,
    abilities: Abilities,
    losses: list[Loss],
    *,
    limit: int | None = None,
    blank: bool = True,
) -> tuple[Request, tuple[str, ...]]:
    """`request` with the sequences that can be sent, and those to be watched for here.

    `limit` is how many the dialect takes where nothing else is known of the model; `blank` tells
    whether it takes sequences of white space.
    """
    if not request.stop:
        return request, ()
    wanted = tuple(text for text in request.stop if text)
    sent = tuple(text for text in wanted if blank or text.strip()) if abilities.stop else ()
    sent = sent[: limit if abilities.stop_limit is None else abilities.stop_limit]
    watched = tuple(text for text in wanted if text not in sent)
    if watched:
        losses.append(Loss(LossKind.DEGRADE, "stop"))
    return (replace(request, stop=sent) if sent != request.stop else request), watched


class Stops:
    """A filter over the events of one response, and over whole ones. Never shared.

    `eager`: there is one answer only, so that it ends with the match and the upstream need not be
    heard out; what it would have said of usage is unknown then.
    """

    __slots__ = ("_eager", "_index", "_matched", "_sequences", "_tail")

    def __init__(self, sequences: Sequence[str], *, eager: bool) -> None:
        self._sequences = tuple(sequences)
        self._eager = eager
        self._matched: str | None = None
        self._tail = ""
        """text that may be the beginning of a sequence"""
        self._index = -1
        """the open text block"""

    def events(self, events: list[Event]) -> list[Event]:
        """`events` up to the first match, and then the end."""
        out: list[Event] = []
        for event in events:
            if self._matched is not None:
                self._after(event, self._matched, out)
            elif isinstance(event, TextDelta) and event.index == self._index:
                self._text(event, out)
            else:
                self._other(event, out)
        return out

    def _after(self, event: Event, matched: str, out: list[Event]) -> None:
        """What follows a match: nothing but the end of this choice, and the next one."""
        if self._eager:
            return
        if isinstance(event, Finish):
            out.append(Finish(StopReason.STOP_SEQUENCE, matched))
        elif isinstance(event, Choice):
            self._matched = None
            out.append(event)
        elif isinstance(event, UsageUpdate):
            out.append(event)

    def _other(self, event: Event, out: list[Event]) -> None:
        if isinstance(event, BlockStart):
            self._index = event.index if isinstance(event.part, Text) else -1
        elif isinstance(event, BlockStop) and self._tail:
            out.append(TextDelta(event.index, self._tail))
            self._tail = ""
        out.append(event)

    def _text(self, event: TextDelta, out: list[Event]) -> None:
        text = self._tail + event.text
        found = self._find(text)
        if found is None:
            sure = self._sure(text)
            self._tail = text[sure:]
            if sure or event.logprobs:
                out.append(replace(event, text=text[:sure]))
            return
        place, self._matched = found
        self._tail = ""
        if place:
            out.append(replace(event, text=text[:place]))
        out.append(BlockStop(event.index))
        if self._eager:
            out.append(Finish(StopReason.STOP_SEQUENCE, self._matched))

    def _find(self, text: str) -> tuple[int, str] | None:
        """Where the first sequence in `text` begins, and which it is; of two, the longer."""
        found = [(text.find(one), one) for one in self._sequences]
        return min(
            ((place, one) for place, one in found if place >= 0),
            key=lambda match: (match[0], -len(match[1])),
            default=None,
        )

    def _sure(self, text: str) -> int:
        """How much of `text` belongs to the answer whatever follows."""
        longest = max(len(one) for one in self._sequences) - 1
        for length in range(min(longest, len(text)), 0, -1):
            if any(one.startswith(text[-length:]) for one in self._sequences):
                return len(text) - length
        return len(text)
