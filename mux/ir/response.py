"""A whole answer, and the two ways between it and a stream: `fold` and `unfold`."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from mux.ir.content import (
    Annotation,
    Part,
    Refusal,
    ServerCall,
    Signature,
    Text,
    Thinking,
    TokenLogprob,
    ToolCall,
)
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
    StopReason,
    TextDelta,
    ThinkingBreak,
    ThinkingDelta,
    Usage,
    UsageUpdate,
)
from mux.ir.jsontypes import Ext


class Answer(msgspec.Struct, frozen=True):
    """One choice of a response."""

    parts: tuple[Part, ...] = ()
    finish: Finish = Finish(StopReason.STOP)


class Response(msgspec.Struct, frozen=True):
    """A complete answer. `answers` has more than one entry only where n > 1 was asked for."""

    id: str = ""
    model: str = ""
    created: int = 0
    answers: tuple[Answer, ...] = (Answer(),)
    usage: Usage | None = None
    ext: Ext | None = None

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts of the first answer."""
        return self.answers[0].parts if self.answers else ()

    @property
    def finish(self) -> Finish:
        """How the first answer ended."""
        return self.answers[0].finish if self.answers else Finish(StopReason.UNKNOWN)


class _Block:
    """A block under construction: fragments are joined once, when it closes."""

    __slots__ = ("_annotations", "_args", "_logprobs", "_part", "_signature", "_texts")

    def __init__(self, part: Part) -> None:
        self._part = part
        self._texts: list[list[str]] = [[]]
        self._args: list[str] = []
        self._logprobs: list[TokenLogprob] = []
        self._annotations: list[Annotation] = []
        self._signature: Signature | None = None

    def add(self, event: Event) -> None:
        match event:
            case TextDelta():
                self._texts[-1].append(event.text)
                self._logprobs.extend(event.logprobs)
            case ThinkingDelta():
                self._texts[-1].append(event.text)
            case ThinkingBreak():
                self._texts.append([])
            case ArgsDelta():
                self._args.append(event.arguments)
            case AnnotationDelta():
                self._annotations.append(event.annotation)
            case SignatureDelta():
                self._signature = event.signature
            case _:
                raise AssertionError(f"{type(event).__name__} inside a block")

    def close(self) -> Part:
        part = self._part
        texts = ["".join(fragments) for fragments in self._texts]
        match part:
            case Text():
                part = replace(
                    part,
                    text=part.text + texts[0],
                    annotations=part.annotations + tuple(self._annotations),
                    logprobs=part.logprobs + tuple(self._logprobs),
                )
            case Refusal():
                part = replace(
                    part,
                    text=part.text + texts[0],
                    logprobs=part.logprobs + tuple(self._logprobs),
                )
            case Thinking():
                if texts != [""]:
                    part = replace(part, texts=part.texts + tuple(texts))
            case ToolCall() | ServerCall():
                part = replace(part, arguments=part.arguments + "".join(self._args))
            case _:
                pass
        if self._signature is not None:
            part = sign(part, self._signature)
        return part


def sign(part: Part, signature: Signature | None) -> Part:
    """`part` carrying `signature` or none; what cannot carry one is returned as it is."""
    match part:
        case Text():
            return replace(part, signature=signature)
        case Thinking():
            return replace(part, signature=signature)
        case ToolCall():
            return replace(part, signature=signature)
        case _:
            return part


class _Folder:
    """A response under construction."""

    __slots__ = ("_block", "_parts", "answers", "start", "usage")

    def __init__(self) -> None:
        self.start = Start()
        self.usage: Usage | None = None
        self.answers: list[Answer] = []
        self._parts: list[Part] = []
        self._block: _Block | None = None

    def add(self, event: Event) -> None:
        match event:
            case Start():
                self.start = event
            case BlockStart():
                self._block = _Block(event.part)
            case UsageUpdate():
                self.usage = event.usage
            case Finish():
                self.answers.append(Answer(tuple(self._parts), event))
                self._parts = []
            case Failure():
                raise event.error()
            case Choice():
                pass
            case _:
                self._inside(event)

    def _inside(self, event: Event) -> None:
        if self._block is None:
            return
        if isinstance(event, BlockStop):
            self._parts.append(self._block.close())
            self._block = None
        else:
            self._block.add(event)


def fold(events: Iterable[Event]) -> Response:
    """The response a stream amounts to. Raises the `MuxError` of a `Failure` in it."""
    folder = _Folder()
    for event in events:
        folder.add(event)
    start = folder.start
    return Response(
        id=start.id,
        model=start.model,
        created=start.created,
        answers=tuple(folder.answers),
        usage=folder.usage,
        ext=start.ext,
    )


def unfold(response: Response) -> list[Event]:
    """The shortest stream that folds back to `response`."""
    out: list[Event] = [Start(response.id, response.model, response.created, response.ext)]
    last = len(response.answers) - 1
    for number, answer in enumerate(response.answers):
        if number:
            out.append(Choice(number))
        for index, part in enumerate(answer.parts):
            _unfold_part(index, part, out)
        if number == last and response.usage is not None:
            out.append(UsageUpdate(response.usage))
        out.append(answer.finish)
    return out


def _unfold_part(index: int, part: Part, out: list[Event]) -> None:
    head, deltas = _opened(index, part)
    out.append(BlockStart(index, head))
    out += deltas
    if isinstance(part, Text | Thinking) and part.signature is not None:
        out.append(SignatureDelta(index, part.signature))
    out.append(BlockStop(index))


def _opened(index: int, part: Part) -> tuple[Part, list[Event]]:
    """`part` as it looks when its block opens, and the deltas that complete it."""
    match part:
        case Text():
            head = replace(part, text="", annotations=(), logprobs=(), signature=None)
            deltas: list[Event] = []
            if part.text or part.logprobs:
                deltas.append(TextDelta(index, part.text, part.logprobs))
            deltas += [AnnotationDelta(index, annotation) for annotation in part.annotations]
            return head, deltas
        case Refusal():
            opened = replace(part, text="", logprobs=())
            return opened, [TextDelta(index, part.text, part.logprobs)]
        case Thinking():
            deltas = []
            for position, text in enumerate(part.texts):
                if position:
                    deltas.append(ThinkingBreak(index))
                deltas.append(ThinkingDelta(index, text))
            return replace(part, texts=(), signature=None), deltas
        case ToolCall():
            # First the signature: dialects that carry it before the call must not have to wait.
            deltas = [SignatureDelta(index, part.signature)] if part.signature is not None else []
            deltas += [ArgsDelta(index, part.arguments)] if part.arguments else []
            return replace(part, arguments="", signature=None), deltas
        case ServerCall():
            deltas = [ArgsDelta(index, part.arguments)] if part.arguments else []
            return replace(part, arguments=""), deltas
        case _:
            return part, []
