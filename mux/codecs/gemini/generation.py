"""``generationConfig``, both ways (translation spec sections 9 to 11 and 23)."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from mux.codecs import _schema
from mux.codecs.gemini._wire import DIALECT
from mux.codecs.gemini.numbers import get_integer
from mux.codecs.gemini.thinking import decode_thinking, encode_thinking
from mux.codecs.gemini.tools import schema_field
from mux.errors import Unsupported
from mux.ir import (
    JSON,
    Abilities,
    FormatKind,
    Loss,
    LossKind,
    Media,
    Object,
    ReasoningMode,
    ReasoningState,
    Request,
    ResponseFormat,
    Sampling,
    SamplingRule,
)
from mux.wire import Doc

_JSON: Final = "application/json"
STOP_LIMIT: Final = 5
_LOGPROBS_LIMIT: Final = 20
_CANDIDATES_LIMIT: Final = 8
_LOW_OUTPUT: Final = 1024
_TEMPERATURE_LIMIT: Final = 2.0
_PENALTY_LIMITS: Final = (-2.0, 1.99)
"""The upper bound itself is refused."""
_RESOLUTIONS: Final = {"low": "MEDIA_RESOLUTION_LOW", "high": "MEDIA_RESOLUTION_HIGH"}


def decode_generation(doc: Doc, request: Request) -> Request:
    """`request` with what the generation config says. Raises `InvalidRequest`."""
    wanted, kept = _decode_format(doc)
    asked = doc.get_bool("responseLogprobs")
    alternatives = get_integer(doc, "logprobs")
    if not asked and alternatives is not None:
        kept["logprobs"] = alternatives
    top_k = doc.get_float("topK")
    stop, modalities = doc.get("stopSequences"), doc.get("responseModalities")
    decoded = replace(
        request,
        sampling=Sampling(
            temperature=doc.get_float("temperature"),
            top_p=doc.get_float("topP"),
            top_k=None if top_k is None else int(top_k),
            seed=get_integer(doc, "seed"),
            presence_penalty=doc.get_float("presencePenalty"),
            frequency_penalty=doc.get_float("frequencyPenalty"),
        ),
        max_output=get_integer(doc, "maxOutputTokens"),
        stop=stop.strings() if stop is not None else (),
        n=get_integer(doc, "candidateCount") or 1,
        reasoning=decode_thinking(doc.get("thinkingConfig")),
        response_format=wanted,
        logprobs=(alternatives or 0) if asked else None,
        modalities=tuple(map(str.lower, modalities.strings())) if modalities is not None else (),
    )
    kept |= doc.rest()
    if not kept:
        return decoded
    return replace(decoded, ext={DIALECT: {**request.own(DIALECT), "generationConfig": kept}})


def _decode_format(doc: Doc) -> tuple[ResponseFormat, Object]:
    """The format, and the fields that only this dialect can say it with."""
    mime, given = doc.get_str("responseMimeType"), doc.get_object("responseSchema")
    schema: JSON = doc.get_object("responseJsonSchema")
    for entry in doc.get_items("responseFormat"):
        text = entry.get("text")
        if text is not None:
            mime, schema = text.get_str("mimeType"), text.get_object("jsonSchema")
    if mime not in ("", _JSON):
        kept: Object = {"responseMimeType": mime}
        return ResponseFormat(), {**kept, "responseSchema": given} if given else kept
    if schema is not None:
        return ResponseFormat(FormatKind.JSON_SCHEMA, schema=schema), {}
    if given is not None:
        schema = _schema.to_json_schema(given)
        return ResponseFormat(FormatKind.JSON_SCHEMA, schema=schema), {"responseSchema": given}
    return ResponseFormat(FormatKind.JSON_OBJECT if mime else FormatKind.TEXT), {}


def encode_generation(request: Request, abilities: Abilities, losses: list[Loss]) -> Object:
    """``generationConfig``; empty if nothing has to be said. Raises `Unsupported`."""
    native = request.origin == DIALECT
    out = _sampling(request) if native else _fitted_sampling(request, abilities, losses)
    out |= _limits(request) if native else _fitted_limits(request, abilities, losses)
    out |= _format(request, abilities, losses)
    if request.modalities and (native or request.modalities != ("text",)):
        out["responseModalities"] = [word.upper() for word in request.modalities]
    if request.logprobs is not None:
        out |= _logprobs(request.logprobs, native or abilities.logprobs, losses)
    if thinking := encode_thinking(request, abilities, losses):
        out["thinkingConfig"] = thinking
    if not native:
        return out | _resolution(request, losses)
    kept = request.own(DIALECT).get("generationConfig")
    return out | kept if isinstance(kept, dict) else out


def _sampling(request: Request) -> Object:
    sampling = request.sampling
    fields: Object = {
        "temperature": sampling.temperature,
        "topP": sampling.top_p,
        "topK": sampling.top_k,
        "presencePenalty": sampling.presence_penalty,
        "frequencyPenalty": sampling.frequency_penalty,
        "seed": sampling.seed,
    }
    return {key: value for key, value in fields.items() if value is not None}


def _fitted_sampling(request: Request, abilities: Abilities, losses: list[Loss]) -> Object:
    """Sampling as the model takes it: what it refuses is left out, what it bounds is clamped."""
    sampling = request.sampling
    refused = ["min_p", "repeat_penalty", "logit_bias"]
    rule = abilities.sampling
    free = rule is SamplingRule.YES or (
        rule is SamplingRule.WHEN_REASONING_OFF and request.reasoning.state is ReasoningState.OFF
    )
    if not free:
        refused += ["temperature", "top_p", "top_k"]
    if not (free and abilities.penalties):
        refused += ["presence_penalty", "frequency_penalty"]
    if not abilities.seed:
        refused.append("seed")
    losses += [Loss(LossKind.DROP, name) for name in refused if getattr(sampling, name) is not None]
    fitted = replace(
        sampling,
        temperature=_clamped(sampling.temperature, 0.0, _TEMPERATURE_LIMIT),
        presence_penalty=_clamped(sampling.presence_penalty, *_PENALTY_LIMITS),
        frequency_penalty=_clamped(sampling.frequency_penalty, *_PENALTY_LIMITS),
        seed=None if sampling.seed is None else _int32(sampling.seed),
    )
    fitted = replace(fitted, **dict.fromkeys(refused))
    if (sampling.temperature or 0.0) > _TEMPERATURE_LIMIT and fitted.temperature is not None:
        losses.append(Loss(LossKind.DEGRADE, "temperature"))
    return _sampling(replace(request, sampling=fitted))


def _clamped(value: float | None, low: float, high: float) -> float | None:
    return None if value is None else min(max(value, low), high)


def _int32(seed: int) -> int:
    """`seed` in 32 bits; one that fits stays as it is (pitfall 209)."""
    return (seed + 2**31) % 2**32 - 2**31


def _limits(request: Request) -> Object:
    out: Object = {}
    if request.n != 1:
        out["candidateCount"] = request.n
    if request.max_output is not None:
        out["maxOutputTokens"] = request.max_output
    if request.stop:
        out["stopSequences"] = [*request.stop]
    return out


def _fitted_limits(request: Request, abilities: Abilities, losses: list[Loss]) -> Object:
    if request.n > 1 and (not abilities.n or request.n > _CANDIDATES_LIMIT):
        raise Unsupported(
            f"This model cannot give {request.n} answers to one request. Ask for fewer, or once "
            "for each.",
            param="n",
        )
    most, limit = request.max_output, abilities.max_output
    if most is not None and limit is not None and most > limit:
        losses.append(Loss(LossKind.DEGRADE, "max_tokens"))
        most = limit
    thinks = abilities.reasoning in (ReasoningMode.DEFAULT, ReasoningMode.ALWAYS)
    if most is not None and most < _LOW_OUTPUT and thinks:
        losses.append(Loss(LossKind.RISK, "thinking_budget"))
    return _limits(replace(request, max_output=most))


def _format(request: Request, abilities: Abilities, losses: list[Loss]) -> Object:
    wanted = request.response_format
    if wanted.kind is FormatKind.TEXT:
        return {}
    out: Object = {"responseMimeType": _JSON}
    if wanted.kind is FormatKind.JSON_OBJECT or not isinstance(wanted.schema, dict):
        return out
    if request.origin != DIALECT:
        key = "responseJsonSchema" if abilities.json_schema_tools else "responseSchema"
        return out | schema_field(key, wanted.schema, abilities, losses, "response_format")
    kept = request.own(DIALECT).get("generationConfig")
    if isinstance(kept, dict) and "responseSchema" in kept:
        return out
    return {**out, "responseJsonSchema": wanted.schema}


def _logprobs(alternatives: int, able: bool, losses: list[Loss]) -> Object:
    if not able:
        losses.append(Loss(LossKind.DROP, "logprobs"))
        return {}
    out: Object = {"responseLogprobs": True}
    if alternatives:
        out["logprobs"] = min(alternatives, _LOGPROBS_LIMIT)
    return out


def _resolution(request: Request, losses: list[Loss]) -> Object:
    """``mediaResolution`` where all images ask for the same detail: one by one few models do."""
    details = {
        part.detail
        for message in request.messages
        if Media in message.kinds
        for part in message.parts
        if isinstance(part, Media) and part.detail not in ("", "auto")
    }
    if not details:
        return {}
    known = [_RESOLUTIONS[detail] for detail in details if detail in _RESOLUTIONS]
    if len(details) == len(known) == 1:
        return {"mediaResolution": known[0]}
    losses.append(Loss(LossKind.DROP, "detail"))
    return {}
