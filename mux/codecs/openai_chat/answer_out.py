"""The pieces of an answer, written: whole choices, and what streams write in the same form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mux.codecs import _envelope, _finish, _media
from mux.codecs._openai_logprobs import encode_logprobs
from mux.codecs._openai_stream import LATE
from mux.codecs._seams import Seams
from mux.codecs.openai_chat import reasoning_details
from mux.codecs.openai_chat._wire import BETWEEN_ENVELOPES, DIALECT, FUNCTIONS
from mux.codecs.openai_chat.finish import encode_finish
from mux.ir import (
    JSON,
    Annotation,
    Answer,
    Finish,
    Media,
    MediaKind,
    Object,
    Part,
    Refusal,
    Request,
    Signature,
    SourceKind,
    Text,
    Thinking,
    TokenLogprob,
    ToolCall,
    ToolKind,
    Visibility,
)
from mux.wire import json

_ELSEWHERE: Final = frozenset({*LATE, "message", "logprobs"})
"""What `Finish.ext` holds that is not a field of the choice."""


def encode_choice(index: int, answer: Answer, created: int, request: Request) -> Object:
    """One entry of ``choices``."""
    legacy = request.variant == FUNCTIONS and request.origin == DIALECT
    writer = _Writer(created, request.reasoning.visible is not Visibility.HIDDEN)
    for part in answer.parts:
        writer.add(part)
    finish = answer.finish
    refused = bool(writer.refusal)
    if (words := _finish.words_of(finish)) and not writer.refusal and not writer.content:
        writer.refusal.append(words)
    own = (finish.ext or {}).get(DIALECT, {})
    kept = own.get("message")
    out: Object = {
        "index": index,
        "message": writer.message(legacy=legacy) | (kept if isinstance(kept, dict) else {}),
        "logprobs": writer.logprobs() or own.get("logprobs"),
        "finish_reason": encode_finish(finish, refused=refused, legacy=legacy),
    }
    return out | choice_fields(finish)


def choice_fields(finish: Finish) -> Object:
    """What a choice holds beside its documented fields: Azure's filter results and the like."""
    own = (finish.ext or {}).get(DIALECT, {})
    return {key: own[key] for key in own if key not in _ELSEWHERE}


def late_fields(finish: Finish) -> Object:
    """What of the last `Finish` belongs to the whole answer."""
    own = (finish.ext or {}).get(DIALECT, {})
    return {key: own[key] for key in LATE if key in own}


class _Writer:
    """A message under construction."""

    def __init__(self, created: int, visible: bool) -> None:
        self._created = created
        self._visible = visible
        self._seams = Seams()
        self._length = 0
        self._tokens: list[TokenLogprob] = []
        self._refusal_tokens: list[TokenLogprob] = []
        self._field = ""
        self._reasoning: list[str] = []
        self._details: list[JSON] = []
        self._pending: list[Signature] = []
        self._annotations: list[JSON] = []
        self._images: list[JSON] = []
        self._audio: Object | None = None
        self._calls: list[JSON] = []
        self.content: list[str] = []
        self.refusal: list[str] = []

    def add(self, part: Part) -> None:
        """The next part. Of text and refusal the first one decides where the words go."""
        self._seams.meet(part)
        match part:
            case Text():
                self._say(part.text, part.logprobs, part.annotations)
            case Refusal() if self.content:
                self._say(part.text, part.logprobs, ())
            case Refusal():
                self.refusal.append(self._seams.join(part.text))
                self._refusal_tokens += part.logprobs
            case Thinking():
                self._think(part)
            case ToolCall():
                self._calls.append(encode_call(part, self._pending))
                self._pending = []
            case Media():
                self._show(part)
            case _:  # what a provider ran itself shows in the text and its citations
                pass

    def message(self, *, legacy: bool) -> Object:
        """The ``message``."""
        empty = None if self._calls or self.refusal or self._audio else ""
        out: Object = {
            "role": "assistant",
            "content": "".join(self.content) if self.content else empty,
            "refusal": "".join(self.refusal) or None,
        }
        if self._reasoning:
            out[self._field] = "\n\n".join(self._reasoning)
        if self._details:
            out["reasoning_details"] = self._details
        if self._annotations:
            out["annotations"] = self._annotations
        if self._images:
            out["images"] = self._images
        if self._audio is not None:
            out["audio"] = self._audio
        if self._calls and legacy:
            call = self._calls[0]
            out["function_call"] = call["function"] if isinstance(call, dict) else None
        elif self._calls:
            out["tool_calls"] = self._calls
        return out

    def logprobs(self) -> Object | None:
        """The ``logprobs`` of the choice, None if there are none."""
        return encode_tokens(self._tokens, self._refusal_tokens)

    def _say(
        self, text: str, tokens: tuple[TokenLogprob, ...], citations: tuple[Annotation, ...]
    ) -> None:
        joined = self._seams.join(text)
        if self.refusal:
            self.refusal.append(joined)
            self._refusal_tokens += tokens
            return
        base = self._length + len(joined) - len(text)
        for citation in citations:
            if (found := encode_annotation(citation, base, len(text))) is not None:
                self._annotations.append(found)
        if joined:
            self.content.append(joined)
        self._length += len(joined)
        self._tokens += tokens

    def _think(self, part: Thinking) -> None:
        if self._visible and part.text:
            self._field = self._field or reasoning_field(part)
            self._reasoning.append(part.text)
        if part.signature is None:
            return
        if part.signature.dialect == DIALECT:
            self._details += reasoning_details.unsign(part.signature)
        else:
            self._pending.append(part.signature)

    def _show(self, part: Media) -> None:
        if (image := encode_image(part)) is not None:
            self._images.append(image)
        elif part.kind is MediaKind.AUDIO and self._audio is None:
            self._audio = encode_audio(part, self._created)


def reasoning_field(part: Thinking) -> str:
    """The name reasoning goes by: what the upstream called it, else what most clients read."""
    field = (part.ext or {}).get(DIALECT, {}).get("field")
    return field if isinstance(field, str) else "reasoning_content"


def encode_call(call: ToolCall, pending: Sequence[Signature]) -> Object:
    """A whole call. `pending`: signatures of the reasoning before it, which travel with it."""
    out: Object = {"id": call.id, "type": str(call.kind)}
    if call.kind is ToolKind.CUSTOM:
        out["custom"] = {"name": call.name, "input": call.arguments}
    else:
        out["function"] = {"name": call.name, "arguments": call.arguments or "{}"}
    if extra := encode_extra(call.signature, pending):
        out["extra_content"] = extra
    return out


def encode_extra(signature: Signature | None, pending: Sequence[Signature]) -> Object:
    """``extra_content``: a call's own signature, and those of the reasoning before it (section 8).

    Google's own key carries Gemini's; all else goes into envelopes under ours.
    """
    extra: Object = {}
    sealed = [_envelope.seal(other, DIALECT) for other in pending]
    if signature is not None and signature.dialect == DIALECT:
        extra = json.load_object(signature.value) or {}
    elif signature is not None and signature.dialect == "gemini":
        extra["google"] = {"thought_signature": signature.value}
    elif signature is not None:
        sealed.append(_envelope.seal(signature, DIALECT))
    if sealed:
        extra["mux"] = {"sig": BETWEEN_ENVELOPES.join(sealed)}
    return extra


def encode_annotation(annotation: Annotation, base: int, length: int) -> JSON:
    """A citation in a text that begins at `base`; unknown offsets are those of the text.

    None for what cites no address.
    """
    if annotation.dialect == DIALECT and annotation.raw is not None and not base:
        return annotation.raw
    if not annotation.url:
        return None
    start = max(annotation.start, 0)
    end = annotation.end if annotation.end >= 0 else length
    return {
        "type": "url_citation",
        "url_citation": {
            "start_index": base + start,
            "end_index": base + end,
            "title": annotation.title,
            "url": annotation.url,
        },
    }


def encode_image(part: Media) -> Object | None:
    """An image the model made, in OpenRouter's form; None for other media."""
    if part.kind is not MediaKind.IMAGE or part.source not in (SourceKind.BASE64, SourceKind.URL):
        return None
    return {"type": "image_url", "image_url": {"url": address(part)}}


def address(part: Media) -> str:
    """Media as an address: its own, or a ``data:`` URL."""
    if part.source is SourceKind.BASE64:
        return _media.data_url(part.mime, part.data)
    return part.data


def encode_audio(part: Media, created: int) -> Object:
    """A spoken answer. Where nobody said until when it is kept, it already is no more."""
    own = (part.ext or {}).get(DIALECT, {})
    return {
        "id": own.get("id") or "audio_0",
        "data": part.data,
        "expires_at": own.get("expires_at") or created,
        "transcript": part.transcript,
    }


def encode_tokens(
    content: Sequence[TokenLogprob], refusal: Sequence[TokenLogprob]
) -> Object | None:
    """``logprobs`` of a choice or a chunk, None if there are none."""
    if not content and not refusal:
        return None
    return {
        "content": encode_logprobs(tuple(content)) if content else None,
        "refusal": encode_logprobs(tuple(refusal)) if refusal else None,
    }
