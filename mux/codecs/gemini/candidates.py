"""One candidate of a stream to blocks: fragments of text are one block, all else comes whole."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec.structs import replace

from mux.codecs.gemini import _wire
from mux.codecs.gemini._wire import DIALECT, Candidate
from mux.codecs.gemini.finish import decode_finish, raw_details, read_details
from mux.codecs.gemini.grounding import cite, searched
from mux.codecs.gemini.logprobs import decode_logprobs, join_logprobs
from mux.codecs.gemini.partial import PartialCall
from mux.codecs.gemini.parts_in import decode_answer_part
from mux.ir import (
    JSON,
    AnnotationDelta,
    ArgsDelta,
    BlockStart,
    BlockStop,
    Event,
    Object,
    Part,
    ServerCall,
    Signature,
    SignatureDelta,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    TokenLogprob,
    ToolCall,
)

_PLAIN: Final = frozenset({"text", "thought", "thoughtSignature"})
"""The members of a part that is a fragment of text."""

_UNFINISHED: Final = (None, "", 0, "FINISH_REASON_UNSPECIFIED")


class CandidateReader:
    """Turns what comes for one candidate into blocks. One per candidate.

    `held` is where its events go while another candidate is the one that streams.
    """

    __slots__ = (
        "_calls",
        "_details",
        "_index",
        "_logprobs",
        "_open",
        "_partial",
        "_response_id",
        "_signed",
        "_texts",
        "held",
        "reason",
    )

    def __init__(self, response_id: str) -> None:
        self.held: list[Event] = []
        self.reason: str | int | None = None
        """as it came; None before it"""
        self._response_id = response_id
        self._index = -1
        self._open: type[Part] | None = None
        """text or thinking, if a block of it is open"""
        self._signed = False
        """the open block has its signature: what follows is another one"""
        self._texts: list[str] = []
        """of the open text block"""
        self._calls = 0
        self._partial: PartialCall | None = None
        self._details: dict[str, msgspec.Raw] = {}
        self._logprobs: JSON = None

    def add(self, candidate: Candidate, out: list[Event]) -> None:
        """The events a piece of the candidate amounts to."""
        logprobs: tuple[TokenLogprob, ...] = ()
        if candidate.logprobs_result:
            result = _wire.value(candidate.logprobs_result)
            logprobs = decode_logprobs(result)
            self._logprobs = join_logprobs(self._logprobs, result)
        content = candidate.content
        for raw in (content.parts if content is not None else None) or ():
            part = _wire.fields(raw)
            if "functionCall" in part:
                self._call(part, out)
            elif part.keys() <= _PLAIN:
                self._plain(part, logprobs, out)
                logprobs = ()
            else:
                self._other(part, out)
        self._details |= raw_details(candidate)
        if candidate.finish_reason not in _UNFINISHED:
            self.reason = candidate.finish_reason

    def finish(self, feedback: Object) -> list[Event]:
        """The end of the candidate: its open block, its citations, and why it stopped."""
        out: list[Event] = []
        if self._partial is not None and self.reason in ("STOP", 1):
            self._other(self._partial.whole(), out)
        details = read_details(self._details)
        if self._logprobs is not None:
            details["logprobsResult"] = self._logprobs
        if self._open is Text:
            text = {self._index: "".join(self._texts)}
            out += [AnnotationDelta(place, found) for place, found in cite(details, text)]
        self._close(out)
        for part in searched(details, self._response_id):
            self._start(part, out)
            out.append(BlockStop(self._index))
        out.append(decode_finish(self.reason or "", details, feedback, self._calls))
        return out

    def _plain(self, part: Object, logprobs: tuple[TokenLogprob, ...], out: list[Event]) -> None:
        """A fragment of text or of thoughts, perhaps with the signature of the whole."""
        text, value = part.get("text"), part.get("thoughtSignature")
        kind = Thinking if part.get("thought") is True else Text
        if not text and not value:
            return
        if self._open is not kind or self._signed:
            self._close(out)
            self._start(kind(summary=True) if kind is Thinking else Text(""), out)
            self._open = kind
        if isinstance(text, str) and text:
            if kind is Thinking:
                out.append(ThinkingDelta(self._index, text))
            else:
                self._texts.append(text)
                out.append(TextDelta(self._index, text, logprobs))
        if isinstance(value, str) and value:
            self._signed = True
            out.append(SignatureDelta(self._index, Signature(DIALECT, value)))

    def _call(self, part: Object, out: list[Event]) -> None:
        call = part["functionCall"]
        if not isinstance(call, dict):
            return
        goes_on = call.get("willContinue") is True or "partialArgs" in call
        if self._partial is not None and (call.get("name") or not goes_on):
            partial, self._partial = self._partial, None
            self._other(partial.whole(), out)
            if not call:
                return
        if not goes_on:
            self._other(part, out)
            return
        if self._partial is None:
            self._partial = PartialCall(part)
        self._partial.add(call.get("partialArgs"))

    def _other(self, part: Object, out: list[Event]) -> None:
        """A part that comes whole."""
        decoded = decode_answer_part(part, self._response_id, self._index + 1)
        if decoded is None:
            return
        self._close(out)
        self._calls += isinstance(decoded, ToolCall)
        index = self._index + 1
        match decoded:
            case ToolCall(arguments=arguments) | ServerCall(arguments=arguments):
                head: Part = replace(decoded, arguments="")
                deltas: list[Event] = [ArgsDelta(index, arguments)]
            case Text(text=text):
                head, deltas = replace(decoded, text=""), [TextDelta(index, text)]
            case Thinking(text=text):
                head, deltas = replace(decoded, texts=()), [ThinkingDelta(index, text)]
            case _:
                head, deltas = decoded, []
        self._start(head, out)
        out += deltas
        out.append(BlockStop(index))

    def _start(self, part: Part, out: list[Event]) -> None:
        self._index += 1
        out.append(BlockStart(self._index, part))

    def _close(self, out: list[Event]) -> None:
        if self._open is None:
            return
        out.append(BlockStop(self._index))
        self._open, self._signed, self._texts = None, False, []
