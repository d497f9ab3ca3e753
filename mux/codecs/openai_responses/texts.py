"""Text and refusal parts with their citations and log probabilities, both ways.

Offsets of citations are characters of the part's text (translation spec section 20).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace

from mux.codecs._openai_logprobs import decode_logprobs, encode_logprobs
from mux.codecs.openai_responses._own import DIALECT, keep, own
from mux.ir import Annotation, CacheHint, Object, Refusal, Text, TokenLogprob
from mux.wire import Doc

_TTL: Final = {"1h": "12h", "5m": ""}
"""Anthropic's lifetimes of a cache breakpoint as OpenAI counts them (section 13)."""


def decode_text(part: Doc, message: Object) -> Text:
    """A text part. `message` holds the fields of the item around it, which the part must keep."""
    text = part.need_str("text")
    annotations = tuple(decode_annotation(item) for item in part.get_items("annotations"))
    logprobs = _logprobs(part)
    cache = decode_cache(part.get("prompt_cache_breakpoint"))
    fields = part.rest()
    if message:
        fields["message"] = message
    return Text(text, annotations, logprobs, cache=cache, ext=keep(fields))


def decode_refusal(part: Doc, message: Object) -> Refusal:
    """A refusal part, as `decode_text`."""
    text = part.need_str("refusal")
    logprobs = _logprobs(part)
    fields = part.rest()
    if message:
        fields["message"] = message
    return Refusal(text, logprobs, keep(fields))


def _logprobs(part: Doc) -> tuple[TokenLogprob, ...]:
    found = part.get("logprobs")
    return decode_logprobs(found.value) if found is not None else ()


def encode_input(part: Text) -> Object:
    """A text part of a user's or system message."""
    return {"type": "input_text", "text": part.text, **_fields(part)}


def encode_output(part: Text | Refusal) -> Object:
    """A text or refusal part of an assistant's message in a history."""
    if isinstance(part, Refusal):
        return {"type": "refusal", "refusal": part.text, **_fields(part)}
    out: Object = {"type": "output_text", "text": part.text}
    out["annotations"] = [encode_annotation(item, part.text) for item in _native(part.annotations)]
    if part.logprobs:
        out["logprobs"] = encode_logprobs(fill_bytes(part.logprobs))
    return out | _fields(part)


def _native(annotations: Iterable[Annotation]) -> list[Annotation]:
    """Only these may go back into a history: foreign ones name what the upstream never cited."""
    return [item for item in annotations if item.dialect == DIALECT]


def _fields(part: Text | Refusal) -> Object:
    return {key: value for key, value in own(part.ext).items() if key != "message"}


def decode_cache(hint: Doc | None) -> CacheHint | None:
    """A ``prompt_cache_breakpoint``."""
    return CacheHint(hint.get_str("ttl")) if hint is not None else None


def encode_cache(hint: CacheHint) -> Object:
    """The ``prompt_cache_breakpoint`` for `hint`."""
    ttl = _TTL.get(hint.ttl, hint.ttl)
    return {"mode": "explicit", "ttl": ttl} if ttl else {"mode": "explicit"}


def decode_annotation(item: Doc) -> Annotation:
    """A citation of a web page or a file; the native object travels along."""
    url, title = item.get_str("url"), item.get_str("title") or item.get_str("filename")
    start, end = item.get_int("start_index"), item.get_int("end_index", "index")
    return Annotation(
        url,
        title,
        -1 if start is None else start,
        -1 if end is None else end,
        dialect=DIALECT,
        raw=item.mapping(),
    )


def encode_annotation(item: Annotation, text: str) -> Object:
    """`item` as this dialect writes it, in a part that reads `text` so far."""
    if item.raw is not None and item.dialect == DIALECT:
        return item.raw
    end = item.end if item.end >= 0 else len(text)
    if not item.url:
        return {"type": "file_citation", "file_id": "", "filename": item.title, "index": end}
    return {
        "type": "url_citation",
        "start_index": max(0, item.start),
        "end_index": end,
        "title": item.title or item.url,
        "url": item.url,
    }


def fill_bytes(tokens: Iterable[TokenLogprob]) -> tuple[TokenLogprob, ...]:
    """`tokens` with the bytes of each: streams leave out what whole answers have."""
    return tuple(
        token
        if token.bytes is not None
        else replace(token, bytes=tuple(token.token.encode()), top=fill_bytes(token.top))
        for token in tokens
    )
