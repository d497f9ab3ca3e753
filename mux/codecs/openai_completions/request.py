"""Requests, both ways (completions reference, section 2; translation spec section 27)."""

from __future__ import annotations

from typing import Final

from mux.codecs import _state, _stops
from mux.codecs._base import Encoded
from mux.codecs._openai_fields import decode_count, decode_sampling
from mux.codecs.openai_completions._wire import DIALECT
from mux.codecs.openai_completions.prompts import PROMPTS, decode_prompt, prompts, text_prompt
from mux.errors import Unsupported
from mux.ir import (
    JSON,
    Abilities,
    FormatKind,
    Loss,
    LossKind,
    Object,
    ReasoningState,
    Request,
    Role,
    Text,
)
from mux.wire import Doc, json

DEFAULT_LIMIT: Final = 16
"""The output limit this dialect promises where the client sets none."""

_LIMIT_BY_DEFAULT: Final = "limit_by_default"
"""The mark in `Request.ext` of a request without a limit of its own."""

_MARKS: Final = frozenset({PROMPTS, _LIMIT_BY_DEFAULT, "stream_options"})
_GENERATE: Final = "generate"


def decode_request(
    body: bytes, *, model: str | None = None, stream: bool | None = None, variant: str = ""
) -> Request:
    """The request in `body`. Raises `InvalidRequest` naming the field.

    A single text becomes a user message; a batch or tokens stay in `ext` under ``prompts``.
    """
    doc = Doc.parse(body)
    name = model or doc.need_str("model")
    messages, batch = decode_prompt(doc.get("prompt"))
    limit = doc.get_int("max_tokens")
    unlimited = limit is not None and limit < 0
    streamed = doc.get_bool("stream")
    usage, kept = _stream_options(doc)
    if batch is not None:
        kept[PROMPTS] = batch
    if limit is None:
        kept[_LIMIT_BY_DEFAULT] = True
    if unlimited:  # quirk(lmstudio): a negative limit is none; kept for its like
        kept["max_tokens"] = limit
    stop = doc.get("stop")
    return Request(
        model=name,
        messages=messages,
        sampling=decode_sampling(doc),
        max_output=None if unlimited else DEFAULT_LIMIT if limit is None else limit,
        stop=tuple(filter(None, stop.strings())) if stop is not None else (),
        n=decode_count(doc),
        stream=stream if stream is not None else bool(streamed),
        include_usage=usage,
        logprobs=doc.get_int("logprobs"),
        user_id=doc.get_str("user"),
        suffix=doc.get_str("suffix"),
        origin=DIALECT,
        variant=variant,
        ext={DIALECT: {**doc.rest(), **kept}},
    )


def _stream_options(doc: Doc) -> tuple[bool, Object]:
    options = doc.get("stream_options")
    if options is None:
        return False, {}
    usage = bool(options.get_bool("include_usage"))
    more = options.rest()
    return usage, {"stream_options": more} if more else {}


def encode_request(request: Request, abilities: Abilities) -> Encoded:
    """The upstream's request. Raises `Unsupported` for a conversation: there is no place for it."""
    losses: list[Loss] = []
    native = request.origin == DIALECT
    if not native:
        _state.check_state(request, DIALECT, losses)
        _check_plain(request)
        if request.reasoning.state is ReasoningState.ON:
            losses.append(Loss(LossKind.DROP, "reasoning"))
    request, stops = _stops.divide(request, abilities, losses)
    own = request.own(DIALECT) if native else {}
    body: Object = {"model": request.model, "prompt": _prompt(request)}
    if request.suffix:
        body["suffix"] = request.suffix
    if request.max_output is not None and _LIMIT_BY_DEFAULT not in own:
        body["max_tokens"] = request.max_output
    if request.n > 1:
        body["n"] = request.n
    if request.stream:
        body |= _streaming(abilities, own)
    if request.stop:
        body["stop"] = list(request.stop)
    body |= _drawing(request, native, losses)
    if request.user_id and (native or abilities.openai_extras):
        body["user"] = request.user_id
    body |= {key: value for key, value in own.items() if key not in _MARKS}
    return Encoded(json.dumps(body), tuple(losses), stops=stops)


def _prompt(request: Request) -> JSON:
    if request.origin == DIALECT and PROMPTS in request.own(DIALECT):
        return prompts(request)
    return text_prompt(request)


def _streaming(abilities: Abilities, own: Object) -> Object:
    options: Object = {"include_usage": True} if abilities.ask_usage else {}
    more = own.get("stream_options")
    options |= more if isinstance(more, dict) else {}
    return {"stream": True, "stream_options": options} if options else {"stream": True}


def _drawing(request: Request, native: bool, losses: list[Loss]) -> Object:
    """Sampling and log probabilities; hosts of this dialect take what the client's own host did."""
    sampling = request.sampling
    wanted: tuple[tuple[str, JSON, bool], ...] = (
        ("temperature", sampling.temperature, True),
        ("top_p", sampling.top_p, True),
        ("top_k", sampling.top_k, native),
        ("min_p", sampling.min_p, native),
        ("repetition_penalty", sampling.repeat_penalty, native),
        ("presence_penalty", sampling.presence_penalty, True),
        ("frequency_penalty", sampling.frequency_penalty, True),
        ("logit_bias", sampling.logit_bias, native),
        ("seed", sampling.seed, True),
        ("logprobs", request.logprobs, True),
    )
    given = [entry for entry in wanted if entry[1] is not None]
    losses += [Loss(LossKind.DROP, name) for name, _, accepted in given if not accepted]
    return {name: value for name, value, accepted in given if accepted}


def _check_plain(request: Request) -> None:
    """A client of another dialect means a completion only if it sends one bare prompt."""
    bare = (
        request.variant == _GENERATE
        and not request.system
        and not request.tools
        and len(request.messages) == 1
        and request.messages[0].role is Role.USER
        and all(isinstance(part, Text) for part in request.messages[0].parts)
    )
    if not bare:
        raise Unsupported(
            "This model completes text and does not support chat. Use a chat model, or send a "
            "single prompt to a completions endpoint.",
            param="model",
        )
    if request.response_format.kind is not FormatKind.TEXT:
        raise Unsupported(
            "This model completes text and cannot be bound to a format. Leave it out, or use a "
            "chat model.",
            param="format",
        )
