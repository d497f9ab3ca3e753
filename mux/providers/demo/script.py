"""The scripted model: a request in, the events of its answer out, with pauses and mishaps.

The same request gives the same answer. Nothing here sleeps or sends: a `Step` says how long to
wait before it, and the transport does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from msgspec import structs

from mux.codecs import _ids
from mux.errors import (
    ErrorKind,
    InvalidRequest,
    MuxError,
    NotFound,
    Overloaded,
    PermissionDenied,
    RateLimited,
    RequestTooLarge,
    Unauthorized,
    UpstreamFailed,
    UpstreamTimeout,
)
from mux.ir import (
    AnnotationDelta,
    ArgsDelta,
    BlockStart,
    BlockStop,
    Choice,
    Event,
    Failure,
    Part,
    Refusal,
    Request,
    SignatureDelta,
    Start,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    TokenLogprob,
    ToolCall,
    ToolResult,
    Usage,
    UsageUpdate,
)
from mux.providers.demo import cues, turn
from mux.providers.demo.plan import Plan, callable_tools, compose, pieces, signature

RETRY_AFTER_S: Final = 2.0
_FAILURES: Final[dict[int, type[MuxError]]] = {
    400: InvalidRequest,
    401: Unauthorized,
    403: PermissionDenied,
    404: NotFound,
    408: UpstreamTimeout,
    413: RequestTooLarge,
    429: RateLimited,
    500: UpstreamFailed,
    502: UpstreamFailed,
    503: Overloaded,
    504: UpstreamTimeout,
    529: Overloaded,
}
_MOST_ANSWERS: Final = 128
_FRAGMENT_CHARS: Final = 12
_LOGPROB: Final = -0.25


@dataclass(frozen=True, slots=True)
class Say:
    """An event, after a pause."""

    event: Event
    delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Cut:
    """The connection breaks."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """No answer at all but an HTTP status and the error its body tells of. The only step."""

    status: int
    error: MuxError


Step: TypeAlias = Say | Cut | Refuse


_MISHAPS: Final[dict[str, Step]] = {
    "midway": Say(Failure(ErrorKind.SERVER, "The demo fails midway, as it was asked to.")),
    "cut": Cut(),
}


def play(request: Request) -> Iterator[Step]:
    """The answer to `request`, whose `origin` is the dialect it is given in."""
    last = turn.last_turn(request)
    names = [tool.name for tool in callable_tools(request)]
    asked = cues.read(last.text, names)
    if last.demand:
        demanded = cues.read(last.demand, names)
        asked = replace(
            asked,
            tools=asked.tools or demanded.tools,
            any_tool=asked.any_tool or demanded.any_tool,
        )
    if asked.status in _FAILURES:
        yield _failed(asked.status)
        return
    answers = range(min(request.n, _MOST_ANSWERS))
    plans = [compose(request, last, asked, number) for number in answers]
    yield from _Voice(request, last.text).answer(plans)


def count(request: Request) -> int:
    """The words of everything the model is given to read: its tokens."""
    words = sum(len(part.text.split()) for part in request.system)
    words += sum(_words(part) for message in request.messages for part in message.parts)
    return words + sum(len(tool.description.split()) for tool in callable_tools(request))


def _words(part: Part) -> int:
    match part:
        case Text() | Refusal() | Thinking() | ToolResult():
            return len(part.text.split())
        case _:
            return 1


def _failed(status: int) -> Refuse:
    wait = RETRY_AFTER_S if status == 429 else None
    message = f"The demo fails with {status}, as it was asked to."
    return Refuse(status, _FAILURES[status](message, retry_after_s=wait))


class _Voice:
    """Says one answer, counting its words."""

    def __init__(self, request: Request, said: str) -> None:
        self._request = request
        self._id = _ids.stable_id("demo_", request.model, len(request.messages), said)
        self._reasoning = 0
        self._output = 0
        self._index = -1

    def answer(self, plans: Sequence[Plan]) -> Iterator[Step]:
        """One choice for each plan."""
        yield Say(Start(self._id, self._request.model))
        for number, plan in enumerate(plans):
            if number:
                yield Say(Choice(number))
            yield from self._choice(plan)
            if plan.breaks:
                return
            if plan is plans[-1]:
                yield Say(UsageUpdate(self._usage()))
            yield Say(plan.finish)

    def _choice(self, plan: Plan) -> Iterator[Step]:
        self._index = -1
        if plan.thinking:
            yield from self._think(plan.thinking)
        if plan.refusal:
            yield from self._write(Refusal(""), plan.refusal, plan)
        elif plan.text:
            yield from self._write(Text(""), plan.text, plan)
        if plan.breaks:
            yield _MISHAPS[plan.breaks]
        else:
            yield from self._call(plan.calls)

    def _think(self, text: str) -> Iterator[Step]:
        yield self._open(Thinking())
        for piece in pieces(text):
            self._reasoning += 1
            self._output += 1
            yield Say(ThinkingDelta(self._index, piece))
        if (proof := signature(self._request.origin, self._id)) is not None:
            yield Say(SignatureDelta(self._index, proof))
        yield Say(BlockStop(self._index))

    def _write(self, part: Part, text: str, plan: Plan) -> Iterator[Step]:
        words = pieces(text)
        if plan.breaks:
            words = words[: (len(words) + 1) // 2]
        delay_s = 1 / plan.rate if plan.rate else 0.0
        yield self._open(part)
        for word in words:
            self._output += 1
            yield Say(TextDelta(self._index, word, self._logprobs(word)), delay_s)
        if plan.breaks:
            return
        if plan.annotation is not None:
            yield Say(AnnotationDelta(self._index, plan.annotation))
        yield Say(BlockStop(self._index))

    def _call(self, calls: Sequence[ToolCall]) -> Iterator[Step]:
        for call in calls:
            yield self._open(structs.replace(call, arguments=""))
            for place in range(0, len(call.arguments), _FRAGMENT_CHARS):
                fragment = call.arguments[place : place + _FRAGMENT_CHARS]
                self._output += 1
                yield Say(ArgsDelta(self._index, fragment))
            yield Say(BlockStop(self._index))

    def _open(self, part: Part) -> Say:
        self._index += 1
        return Say(BlockStart(self._index, part))

    def _logprobs(self, word: str) -> tuple[TokenLogprob, ...]:
        """Every word was fairly likely, and its other spellings less so."""
        wanted = self._request.logprobs
        if wanted is None:
            return ()
        others = (word, word.upper(), word.lower(), word.title())
        top = tuple(
            TokenLogprob(other, _LOGPROB * (place + 1), tuple(other.encode()))
            for place, other in enumerate(dict.fromkeys(others))
        )
        return (TokenLogprob(word, _LOGPROB, tuple(word.encode()), top[:wanted]),)

    def _usage(self) -> Usage:
        return Usage(
            input_total=count(self._request),
            output_total=self._output,
            cache_read=0,
            cache_write=0,
            reasoning=self._reasoning,
        )
