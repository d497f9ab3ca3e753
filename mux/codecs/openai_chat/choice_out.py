"""One choice of a chat stream: blocks to deltas."""

from __future__ import annotations

from typing import ClassVar, Final

import orjson

from mux.codecs import _finish
from mux.codecs._base import Handlers
from mux.codecs._seams import Seams
from mux.codecs.openai_chat import reasoning_details
from mux.codecs.openai_chat._wire import DIALECT, FUNCTIONS
from mux.codecs.openai_chat.answer_out import (
    encode_annotation,
    encode_audio,
    encode_extra,
    encode_image,
    encode_tokens,
    reasoning_field,
)
from mux.codecs.openai_chat.finish import encode_finish
from mux.ir import (
    JSON,
    Annotation,
    AnnotationDelta,
    ArgsDelta,
    BlockStart,
    BlockStop,
    Finish,
    Media,
    MediaKind,
    Object,
    Part,
    Refusal,
    Request,
    Signature,
    SignatureDelta,
    Text,
    TextDelta,
    Thinking,
    ThinkingBreak,
    ThinkingDelta,
    ToolCall,
    ToolKind,
    Visibility,
)
from mux.wire import json

_BREAK: Final = "\n\n"
_ROLE: Final[Object] = {"role": "assistant", "content": "", "refusal": None}


class ChoiceWriter:
    """Deltas of one choice, spliced between `head` (up to the delta) and `tail` (after ``]``).

    Of text and refusal, whichever comes first decides where the words go: helpers that parse the
    answer fail when they find both (pitfall 50).
    """

    __slots__ = (
        "_annotations",
        "_args",
        "_calls",
        "_citations",
        "_created",
        "_end",
        "_field",
        "_gap",
        "_head",
        "_images",
        "_legacy",
        "_length",
        "_part",
        "_pending",
        "_reasoned",
        "_refuses",
        "_said_args",
        "_seams",
        "_share",
        "_tail",
        "_text",
        "_visible",
    )

    def __init__(self, head: bytes, tail: bytes, created: int, request: Request) -> None:
        self._head = head
        self._tail = tail
        self._text = head + b'{"content":'
        self._end = b',"logprobs":null,"finish_reason":null}]' + tail
        self._created = created
        self._visible = request.reasoning.visible is not Visibility.HIDDEN
        self._legacy = request.variant == FUNCTIONS and request.origin == DIALECT
        self._part: Part | None = None
        self._seams = Seams()
        self._length = 0
        """characters of content, for the offsets of citations"""
        self._share = 0
        """the open block's part of them"""
        self._refuses = False
        self._reasoned = False
        self._gap = False
        """the next piece of reasoning begins another part"""
        self._field = b""
        self._calls = 0
        self._args: tuple[bytes, bytes] | None = None
        self._said_args = False
        self._images = 0
        self._citations: list[Annotation] = []
        """of the open block"""
        self._annotations: list[JSON] = []
        self._pending: list[Signature] = []

    def role(self) -> bytes:
        """The first chunk, the only one that names the role."""
        return self._delta(_ROLE)

    def finish(self, event: Finish, extra: Object) -> bytes:
        """The last chunks: citations, and the reason to stop, with `extra` beside it."""
        out = b""
        if self._annotations:  # one list in one chunk: accumulators fail at a second (pitfall 37)
            out += self._delta({"annotations": self._annotations})
        if (words := _finish.words_of(event)) and not self._refuses and not self._length:
            out += self._delta({"refusal": words})
        reason = encode_finish(event, refused=self._refuses, legacy=self._legacy)
        end: Object = {"logprobs": None, "finish_reason": reason, **extra}
        end.pop("delta", None)  # quirk(perplexity): its whole answers have one as well
        return out + self._head + b"{}," + json.dumps(end)[1:] + b"]" + self._tail

    def _block(self, event: BlockStart) -> bytes:
        part = self._part = event.part
        self._seams.meet(part)
        self._args = None
        match part:
            case Text() | Refusal():
                self._refuses = self._refuses or (isinstance(part, Refusal) and not self._length)
                self._share = 0
                return b""
            case Thinking():
                self._field = self._head + b"{%b:" % json.dumps(reasoning_field(part))
                self._gap = self._reasoned
                return self._sign_thinking(part.signature)
            case ToolCall():
                return self._call(part)
            case Media():
                return self._media(part)
            case _:  # what a provider ran itself shows in the text and its citations
                return b""

    def _stop(self, event: BlockStop) -> bytes:
        part, self._part = self._part, None
        if isinstance(part, ToolCall):
            empty = not self._said_args and part.kind is ToolKind.FUNCTION
            return self._more_arguments("{}") if empty else b""
        if self._citations:
            base = self._length - self._share
            found = (encode_annotation(cited, base, self._share) for cited in self._citations)
            self._annotations += [annotation for annotation in found if annotation is not None]
            self._citations = []
        return b""

    def _words(self, event: TextDelta) -> bytes:
        text = self._seams.join(event.text)
        if self._refuses:
            return self._delta({"refusal": text}, encode_tokens((), event.logprobs))
        self._length += len(text)
        self._share += len(event.text)
        if event.logprobs:
            return self._delta({"content": text}, encode_tokens(event.logprobs, ()))
        return self._text + orjson.dumps(text) + b"}" + self._end

    def _annotation(self, event: AnnotationDelta) -> bytes:
        self._citations.append(event.annotation)
        return b""

    def _thought(self, event: ThinkingDelta) -> bytes:
        if not self._visible or not event.text:
            return b""
        text = _BREAK + event.text if self._gap else event.text
        self._gap, self._reasoned = False, True
        return self._field + orjson.dumps(text) + b"}" + self._end

    def _thought_break(self, event: ThinkingBreak) -> bytes:
        self._gap = self._reasoned
        return b""

    def _signature(self, event: SignatureDelta) -> bytes:
        if isinstance(self._part, Thinking):
            return self._sign_thinking(event.signature)
        if not isinstance(self._part, ToolCall) or self._legacy:
            return b""
        call: Object = {
            "index": self._calls - 1,
            "function": {"arguments": ""},
            "extra_content": encode_extra(event.signature, ()),
        }
        return self._delta({"tool_calls": [call]})

    def _sign_thinking(self, signature: Signature | None) -> bytes:
        """This dialect's own is a list for one chunk; others wait for the next call's chunk."""
        if signature is None:
            return b""
        if signature.dialect != DIALECT:
            self._pending.append(signature)
            return b""
        details: list[JSON] = [
            entry if "index" in entry else {**entry, "index": number}
            for number, entry in enumerate(reasoning_details.unsign(signature))
            if isinstance(entry, dict)
        ]
        return self._delta({"reasoning_details": details}) if details else b""

    def _call(self, part: ToolCall) -> bytes:
        index, self._calls = self._calls, self._calls + 1
        self._said_args = False
        if self._legacy:
            return self._legacy_call(part) if index == 0 else b""
        kind, field = "function", "arguments"
        if part.kind is ToolKind.CUSTOM:
            kind, field = "custom", "input"
        call: Object = {
            "index": index,
            "id": part.id,
            "type": kind,
            kind: {"name": part.name, field: ""},
        }
        if extra := encode_extra(part.signature, self._pending):
            call["extra_content"] = extra
        self._pending = []
        open_ = b'{"tool_calls":[{"index":%d,"%b":{"%b":' % (index, kind.encode(), field.encode())
        self._args = self._head + open_, b"}}]}" + self._end
        return self._delta({"tool_calls": [call]}) + self._more_arguments(part.arguments)

    def _legacy_call(self, part: ToolCall) -> bytes:
        self._args = self._head + b'{"function_call":{"arguments":', b"}}" + self._end
        out = self._delta({"function_call": {"name": part.name, "arguments": ""}})
        return out + self._more_arguments(part.arguments)

    def _arguments(self, event: ArgsDelta) -> bytes:
        return self._more_arguments(event.arguments)

    def _more_arguments(self, arguments: str) -> bytes:
        if self._args is None or not arguments:
            return b""
        self._said_args = True
        return self._args[0] + orjson.dumps(arguments) + self._args[1]

    def _media(self, part: Media) -> bytes:
        if (image := encode_image(part)) is not None:
            index, self._images = self._images, self._images + 1
            return self._delta({"images": [{"index": index, **image}]})
        if part.kind is not MediaKind.AUDIO:
            return b""
        audio = encode_audio(part, self._created)
        return b"".join(
            self._delta({"audio": {key: audio[key]}})
            for key in ("id", "transcript", "data", "expires_at")
            if audio[key]
        )

    def _delta(self, delta: Object, logprobs: Object | None = None) -> bytes:
        """A chunk with `delta`."""
        out = self._head + json.dumps(delta)
        if logprobs is None:
            return out + self._end
        return out + b',"logprobs":%b,"finish_reason":null}]' % json.dumps(logprobs) + self._tail

    on: ClassVar[Handlers] = {
        BlockStart: _block,
        TextDelta: _words,
        ThinkingDelta: _thought,
        ThinkingBreak: _thought_break,
        ArgsDelta: _arguments,
        SignatureDelta: _signature,
        AnnotationDelta: _annotation,
        BlockStop: _stop,
    }
    """who writes what, by the kind of event"""
