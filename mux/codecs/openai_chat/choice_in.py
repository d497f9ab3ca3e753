"""One choice of a chat stream: deltas to blocks, in the order they come."""

from __future__ import annotations

import base64
import binascii
from typing import Final

from mux.codecs import _finish
from mux.codecs._blocks import BlockSequencer
from mux.codecs._openai_logprobs import decode_logprobs
from mux.codecs._openai_stream import ABSENT, NULL, value
from mux.codecs.openai_chat import answer_in, reasoning_details
from mux.codecs.openai_chat._wire import (
    AudioDelta,
    CallDelta,
    ChunkChoice,
    ContentPart,
    Delta,
)
from mux.codecs.openai_chat.calls_in import CallsReader, is_empty
from mux.codecs.openai_chat.finish import decode_finish
from mux.ir import (
    AnnotationDelta,
    Event,
    Finish,
    Object,
    Part,
    Refusal,
    SignatureDelta,
    Text,
    TextDelta,
    ThinkingBreak,
    ThinkingDelta,
    TokenLogprob,
)

_TEXT: Final = "text"
_REFUSAL: Final = "refusal"
_THINKING: Final = "thinking"
_LEGACY_INDEX: Final = -1
_SILENCE: Final = AudioDelta()


class ChoiceReader:
    """Deltas to events. One per choice; `reason` is the finish reason as it came, None before."""

    __slots__ = (
        "_annotations",
        "_audio",
        "_blocks",
        "_calls",
        "_details",
        "_ext",
        "_media",
        "_named",
        "_refused",
        "_run",
        "_said",
        "_thought",
        "held",
        "reason",
    )

    def __init__(self, answer_id: str, index: int) -> None:
        self._blocks = BlockSequencer()
        self._calls = CallsReader(self._blocks, answer_id, index)
        self._run = ""
        """the key of the text-like block that takes deltas, empty between them"""
        self._annotations: list[AnnotationDelta] = []
        self._details: list[Object] = []
        self._named = False
        """reasoning has come under a name of its own"""
        self._thought: tuple[object, ...] = ()
        """type and index of the reasoning entry being written"""
        self._audio = _Audio()
        self._media = 0
        self._refused = False
        self._said = False
        self._ext: Object = {}
        self.held: list[Event] = []
        """the events of a choice that waits for its turn"""
        self.reason: str | None = None

    @property
    def silent(self) -> bool:
        """Whether nothing at all has come: no content, no reason to stop."""
        return not self._said and not self.reason

    def cut_off(self) -> bool:
        """Whether the end now would cut a call in two (F10)."""
        return not self.reason and self._calls.incomplete()

    def add(self, choice: ChunkChoice, out: list[Event]) -> None:
        """One chunk's share."""
        delta = choice.delta or choice.message
        if delta is not None:
            logprobs: Object = {}
            if choice.logprobs is not ABSENT and bytes(choice.logprobs) != NULL:
                found = value(choice.logprobs)
                logprobs = found if isinstance(found, dict) else {}
            self._delta(delta, logprobs, out)
        if choice.finish_reason:
            self.reason = choice.finish_reason
        if choice.content_filter_results is not ABSENT and (
            results := value(choice.content_filter_results)
        ):
            self._ext["content_filter_results"] = results

    def close(self, out: list[Event]) -> Finish:
        """The choice is over: close its blocks, and say how it ended."""
        self._end_run(out)
        if self._annotations:
            self._switch(_TEXT, Text(""), out)
            self._end_run(out)
        self._calls.finish(out)
        if (audio := self._audio.part()) is not None:
            self._whole(audio, out)
        self._blocks.stop_all(out)
        finish = decode_finish(self.reason or "", refused=self._refused, ext=self._ext)
        return _finish.settle(finish, self._blocks.calls)

    def _delta(self, delta: Delta, logprobs: Object, out: list[Event]) -> None:
        if delta.reasoning_content or delta.reasoning or (delta.reasoning_details is not ABSENT):
            self._reason(delta, out)
        content = delta.content
        if isinstance(content, str):
            if content or logprobs:  # hot: most chunks end here
                tokens = decode_logprobs(logprobs.get("content")) if logprobs else ()
                self._text(content, tokens, out)
        elif content:
            for part in content:
                self._part(part, out)
        if delta.refusal:
            self._refuse(delta.refusal, decode_logprobs(logprobs.get("refusal")), out)
        if delta.tool_calls:
            self._call(delta.tool_calls, out)
        self._rare(delta, out)

    def _rare(self, delta: Delta, out: list[Event]) -> None:
        if delta.annotations is not ABSENT:
            found = answer_in.citations(value(delta.annotations))
            self._annotations += [AnnotationDelta(0, annotation) for annotation in found]
        if delta.images is not ABSENT:
            for image in answer_in.images(value(delta.images)):
                self._whole(image, out)
        if delta.audio is not None and delta.audio != _SILENCE:
            self._said = True
            self._audio.add(delta.audio)
        if delta.function_call is not None:
            self._call([CallDelta(_LEGACY_INDEX, function=delta.function_call)], out)

    def _call(self, pieces: list[CallDelta], out: list[Event]) -> None:
        for piece in pieces:
            if not is_empty(piece):
                self._end_run(out)
                self._said = True
                self._calls.add(piece, out)

    def _text(self, text: str, logprobs: tuple[TokenLogprob, ...], out: list[Event]) -> None:
        if not text and not logprobs:
            return
        if self._run is not _TEXT:
            self._switch(_TEXT, Text(""), out)
        index = self._blocks.index(_TEXT)
        if index >= 0:
            out.append(TextDelta(index, text, logprobs))
        else:
            self._blocks.put(_TEXT, TextDelta(index, text, logprobs), out)

    def _refuse(self, text: str, logprobs: tuple[TokenLogprob, ...], out: list[Event]) -> None:
        self._refused = True
        self._switch(_REFUSAL, Refusal(""), out)
        index = self._blocks.index(_REFUSAL)
        self._blocks.put(_REFUSAL, TextDelta(index, text, logprobs), out)

    def _part(self, part: ContentPart, out: list[Event]) -> None:
        if part.text:
            self._text(part.text, (), out)
        thinking = part.thinking
        if isinstance(thinking, list):
            thinking = "".join(piece.text or "" for piece in thinking)
        if thinking:
            self._think(thinking, "", out)

    def _reason(self, delta: Delta, out: list[Event]) -> None:
        """Reasoning under any of its names; a host that sends two means the same by both."""
        details: list[Object] = []
        if delta.reasoning_details is not ABSENT:
            details = reasoning_details.entries(value(delta.reasoning_details))
        named = delta.reasoning_content or delta.reasoning
        if named:
            self._named = True
            field = "reasoning_content" if delta.reasoning_content else "reasoning"
            self._think(named, field, out)
        for entry in details:
            self._entry(entry, out)

    def _entry(self, entry: Object, out: list[Event]) -> None:
        """An entry of ``reasoning_details``; its text counts if it has no other place."""
        text = "" if self._named else reasoning_details.text_of([entry])
        if text or reasoning_details.is_opaque(entry):
            self._switch(_THINKING, answer_in.thinking(""), out)
        if self._run == _THINKING:
            self._details.append(entry)
        if not text:
            return
        which = entry.get("type"), entry.get("index")
        if self._thought not in ((), which):
            self._blocks.put(_THINKING, ThinkingBreak(self._blocks.index(_THINKING)), out)
        self._thought = which
        self._think(text, "", out)

    def _think(self, text: str, field: str, out: list[Event]) -> None:
        if self._run is not _THINKING:
            self._switch(_THINKING, answer_in.thinking(field), out)
        self._blocks.put(_THINKING, ThinkingDelta(self._blocks.index(_THINKING), text), out)

    def _whole(self, part: Part, out: list[Event]) -> None:
        """A block of which nothing more will come."""
        self._end_run(out)
        self._said = True
        self._media += 1
        self._blocks.start(self._media, part, out)
        self._blocks.stop(self._media, out)

    def _switch(self, run: str, part: Part, out: list[Event]) -> None:
        """Let `run` take what comes now, in a new block if another run had its turn."""
        self._said = True
        if self._run == run:
            return
        self._end_run(out)
        self._run = run
        self._blocks.start(run, part, out)

    def _end_run(self, out: list[Event]) -> None:
        run = self._run
        if not run:
            return
        index = self._blocks.index(run)
        if run == _THINKING:
            signature = reasoning_details.sign(reasoning_details.merge(self._details))
            if signature is not None:
                self._blocks.put(run, SignatureDelta(index, signature), out)
            self._details, self._thought = [], ()
        elif run == _TEXT:
            for annotation in self._annotations:
                self._blocks.put(run, AnnotationDelta(index, annotation.annotation), out)
            self._annotations = []
        self._blocks.stop(run, out)
        self._run = ""


class _Audio:
    """A spoken answer, collected: the IR has no pieces of media."""

    __slots__ = ("_data", "_expires_at", "_id", "_text")

    def __init__(self) -> None:
        self._id = ""
        self._data: list[str] = []
        self._text: list[str] = []
        self._expires_at: int | None = None

    def add(self, delta: AudioDelta) -> None:
        self._id = delta.id or self._id
        self._data.append(delta.data or "")
        self._text.append(delta.transcript or "")
        if delta.expires_at is not None:
            self._expires_at = delta.expires_at

    def part(self) -> Part | None:
        fields: Object = {
            "id": self._id,
            "data": _joined(self._data),
            "transcript": "".join(self._text),
            "expires_at": self._expires_at,
        }
        return answer_in.audio(fields)


def _joined(pieces: list[str]) -> str:
    """Pieces that are base64 each by itself, as one."""
    try:
        data = b"".join(base64.b64decode(piece) for piece in pieces)
    except binascii.Error:
        return "".join(pieces)
    return base64.b64encode(data).decode()
