"""Whole answers, both ways."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec.structs import replace

from mux.codecs import _finish
from mux.codecs.gemini import _wire
from mux.codecs.gemini._wire import CHUNK, DIALECT, Candidate, Chunk
from mux.codecs.gemini.errors import read_error
from mux.codecs.gemini.finish import (
    decode_block,
    decode_finish,
    encode_details,
    encode_feedback,
    encode_reason,
    is_blocked,
    raw_details,
    read_details,
    refused_prompt,
)
from mux.codecs.gemini.grounding import Grounding, cite, searched
from mux.codecs.gemini.logprobs import decode_logprobs
from mux.codecs.gemini.parts_in import decode_answer_part, own
from mux.codecs.gemini.parts_out import encode_foreign, encode_part
from mux.codecs.gemini.signatures import Carrier, show_signature, signature_of
from mux.codecs.gemini.usage import decode_usage, encode_usage, merge
from mux.errors import UpstreamProtocolError
from mux.ir import (
    Answer,
    Ext,
    Object,
    Part,
    Refusal,
    Request,
    Response,
    Text,
    Thinking,
    TokenLogprob,
    ToolCall,
    Visibility,
)
from mux.wire import json
from mux.wire.frames import FrameReader


def decode_response(body: bytes) -> Response:
    """A whole answer. Raises `MuxError`: `UpstreamProtocolError` if it is none."""
    chunk = FrameReader(CHUNK)(body)
    if chunk is None:
        raise UpstreamProtocolError("the upstream's answer is not one of its dialect")
    if chunk.error:
        raise read_error(0, _wire.value(chunk.error))
    feedback = _wire.fields(chunk.prompt_feedback)
    candidates = sorted(chunk.candidates or (), key=lambda candidate: candidate.index or 0)
    if candidates:
        ident = chunk.response_id or ""
        answers = tuple(_answer(candidate, feedback, ident) for candidate in candidates)
    elif is_blocked(feedback):
        answers = (Answer((), decode_block(feedback)),)
    else:
        raise UpstreamProtocolError("the upstream's answer holds no candidate")
    usage = merge({}, _wire.fields(chunk.usage_metadata))
    created, ext = dating(chunk)
    return Response(
        chunk.response_id or "",
        chunk.model_version or "",
        created,
        answers,
        decode_usage(usage) if usage else None,
        ext,
    )


def dating(chunk: Chunk) -> tuple[int, Ext | None]:
    """When the answer was made, in seconds since the epoch, and what else is about all of it."""
    created = 0
    kept: Object = {}
    if chunk.create_time:
        kept["createTime"] = chunk.create_time
        try:
            created = max(0, int(datetime.fromisoformat(chunk.create_time).timestamp()))
        except (ValueError, OverflowError):
            created = 0
    if chunk.model_status:
        kept["modelStatus"] = _wire.value(chunk.model_status)
    return created, own(kept)


def _answer(candidate: Candidate, feedback: Object, response_id: str) -> Answer:
    parts: list[Part] = []
    for raw in (candidate.content.parts if candidate.content is not None else None) or ():
        part = decode_answer_part(_wire.fields(raw), response_id, len(parts))
        if part is not None:
            parts.append(part)
    details = read_details(raw_details(candidate))
    _annotate(parts, details)
    parts += searched(details, response_id)
    calls = sum(isinstance(part, ToolCall) for part in parts)
    return Answer(
        tuple(parts), decode_finish(candidate.finish_reason or "", details, feedback, calls)
    )


def _annotate(parts: list[Part], details: Object) -> None:
    """Give texts their citations, and the last one the log probabilities."""
    texts = {index: part.text for index, part in enumerate(parts) if isinstance(part, Text)}
    cited = cite(details, texts) if texts else []
    logprobs = decode_logprobs(details.get("logprobsResult"))
    last = max(texts, default=-1)
    for index in texts:
        annotations = tuple(annotation for place, annotation in cited if place == index)
        part = parts[index]
        if isinstance(part, Text) and (annotations or (logprobs and index == last)):
            chosen = logprobs if index == last else ()
            parts[index] = replace(part, annotations=annotations, logprobs=chosen)


def encode_response(response: Response, request: Request) -> bytes:
    """The body of a whole answer to `request`."""
    visible = request.reasoning.visible is not Visibility.HIDDEN
    out: Object = {}
    if not refused_prompt(response.finish):
        out["candidates"] = [
            _candidate(number, answer, visible) for number, answer in enumerate(response.answers)
        ]
    out |= encode_feedback(response.finish)
    usage = encode_usage(response.usage) if response.usage is not None else None
    return json.dumps(out | trailer(request.model, response.id, usage, response.ext))


def trailer(
    model: str, response_id: str, usage: Object | None, ext: Mapping[str, Object] | None
) -> Object:
    """What every chunk and every whole answer ends with."""
    out: Object = {"usageMetadata": usage} if usage else {}
    out["modelVersion"] = model
    if response_id:
        out["responseId"] = response_id
    return out | (ext or {}).get(DIALECT, {})


def encode_candidate(number: int, parts: Sequence[Object], reason: str, details: Object) -> Object:
    """A candidate that ends. One without any part holds an empty text: clients look for it."""
    content: Object = {"role": "model", "parts": [*parts] or [{"text": ""}]}
    return {"content": content, "finishReason": reason, "index": number, **details}


def _candidate(number: int, answer: Answer, visible: bool) -> Object:
    parts: list[Object] = []
    grounding = Grounding()
    logprobs: list[TokenLogprob] = []
    carrier = Carrier()
    for part in _finish.whole_parts(answer):
        if isinstance(part, Thinking):
            parts += _thought(part, visible, carrier)
            continue
        if isinstance(part, Text):
            for annotation in part.annotations:
                grounding.cite(len(parts), part.text, annotation)
            logprobs += part.logprobs
        grounding.meet(part)
        parts += _shown(part, carrier)
    parts += carrier.drop()
    details = encode_details(answer.finish, grounding, logprobs)
    refused = any(isinstance(part, Refusal) for part in answer.parts)
    reason = encode_reason(answer.finish, refused=refused)
    return encode_candidate(number, parts, reason, details)


def _thought(part: Thinking, visible: bool, carrier: Carrier) -> list[Object]:
    """Reasoning if the client may see it; another provider's signature goes to what follows."""
    signature = part.signature
    native = signature is not None and signature.dialect == DIALECT
    out: list[Object] = []
    if visible and (part.text or native):
        encoded = encode_part(part, signature.value if signature is not None and native else "")
        out = [encoded] if encoded is not None else []
    if signature is None or (visible and native):
        return out
    return [*out, *carrier.put(signature)]


def _shown(part: Part, carrier: Carrier) -> list[Object]:
    """Any other part, with its own signature or one that waits for a part that can carry it."""
    signature = signature_of(part)
    before: list[Object] = []
    if signature is not None:
        before, value = carrier.drop(), show_signature(signature)
    else:
        value = carrier.take() if isinstance(part, Text | ToolCall) else ""
    encoded = encode_part(part, value) or encode_foreign(part)
    return [*before, encoded] if encoded is not None else before
