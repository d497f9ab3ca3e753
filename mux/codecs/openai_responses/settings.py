"""Sampling, reasoning, text format and other settings, both ways (translation spec 9 to 11)."""

from __future__ import annotations

from typing import Final

from mux.codecs import _schema, _thinking
from mux.codecs.openai_responses._own import DIALECT, keep, own
from mux.ir import (
    JSON,
    Abilities,
    FormatKind,
    Loss,
    LossKind,
    Object,
    Reasoning,
    ReasoningMode,
    ReasoningState,
    Request,
    ResponseFormat,
    Sampling,
    SamplingRule,
    Visibility,
)
from mux.wire import Doc

_OFF: Final = "none"
_FORMAT_NAME: Final = "response"
MIN_OUTPUT: Final = 16
"""Fewer output tokens than these are an error (pitfall 77)."""


def decode_reasoning(doc: Doc | None) -> Reasoning:
    """``reasoning``. A client that asks for no summary does not see any reasoning."""
    if doc is None:
        return Reasoning(visible=Visibility.HIDDEN)
    word = doc.get_str("effort")
    summary, older = doc.get_str("summary"), doc.get_str("generate_summary")
    fields = doc.rest()
    if summary:
        fields["summary"] = summary
    if older:
        fields["generate_summary"] = older
    effort = _thinking.parse_effort(word) if word else None
    if word and word != _OFF and effort is None:
        fields["effort"] = word
    state = ReasoningState.UNSET
    if word:
        state = ReasoningState.OFF if word == _OFF else ReasoningState.ON
    visible = Visibility.SUMMARY if summary or older else Visibility.HIDDEN
    return Reasoning(state, effort, visible=visible, ext=keep(fields))


def encode_reasoning(request: Request, abilities: Abilities, losses: list[Loss]) -> Object:
    """The members of ``reasoning``, none if nothing is to be said about it."""
    wanted = request.reasoning
    native = request.origin == DIALECT
    if abilities.reasoning is ReasoningMode.NONE:
        if wanted.state is ReasoningState.ON:
            losses.append(Loss(LossKind.DROP, "reasoning"))
        return {}
    out: Object = {}
    if (effort := _effort(wanted, abilities, losses)) is not None:
        out["effort"] = effort
    if not native and wanted.state is not ReasoningState.OFF and _shown(wanted):
        out["summary"] = "auto"
    return out | own(wanted.ext) if native else out


def _effort(wanted: Reasoning, abilities: Abilities, losses: list[Loss]) -> str | None:
    if wanted.state is ReasoningState.OFF:
        return _off(abilities, losses)
    effort = _thinking.wanted_effort(wanted)
    if effort is None:
        if wanted.state is ReasoningState.ON and abilities.reasoning is ReasoningMode.OPT_IN:
            return str(_thinking.clamp(_thinking.LADDER[2], abilities.efforts))
        return None
    clamped = _thinking.clamp(effort, abilities.efforts)
    if clamped is not effort:
        losses.append(Loss(LossKind.DEGRADE, "reasoning_effort", f"{effort} to {clamped}"))
    return str(clamped)


def _off(abilities: Abilities, losses: list[Loss]) -> str | None:
    """The word for no reasoning, or the least of it where the model cannot be without."""
    if abilities.effort_off or abilities.reasoning is ReasoningMode.UNKNOWN:
        return _OFF
    if abilities.reasoning is ReasoningMode.OPT_IN:
        return None
    losses.append(Loss(LossKind.DEGRADE, "reasoning"))
    return str(min(abilities.efforts, key=_thinking.LADDER.index)) if abilities.efforts else None


def _shown(wanted: Reasoning) -> bool:
    if wanted.visible is Visibility.UNSET:
        return wanted.state is ReasoningState.ON
    return wanted.visible is not Visibility.HIDDEN


def decode_text(doc: Doc | None) -> tuple[ResponseFormat, str, Object]:
    """``text``: the format of the answer, its verbosity, and what else is in there."""
    if doc is None:
        return ResponseFormat(), "", {}
    form, verbosity = doc.get("format"), doc.get_str("verbosity")
    fields = doc.rest()
    if form is None:
        return ResponseFormat(), verbosity, fields
    kind = FormatKind(form.need("type").one_of(*FormatKind))
    if kind is not FormatKind.JSON_SCHEMA:
        return ResponseFormat(kind), verbosity, fields
    decoded = ResponseFormat(
        kind,
        form.get_str("name"),
        form.need("schema").mapping(),
        form.get_bool("strict"),
        form.get_str("description"),
    )
    return decoded, verbosity, fields


def encode_text(request: Request, losses: list[Loss]) -> Object:
    """The members of ``text``, none if nothing is to be said about it."""
    out: Object = {}
    form = request.response_format
    if form.kind is FormatKind.JSON_OBJECT:
        out["format"] = {"type": "json_object"}
    elif form.kind is FormatKind.JSON_SCHEMA:
        out["format"] = _schema_format(request, losses)
    if request.verbosity:
        out["verbosity"] = request.verbosity
    own_fields = request.own(DIALECT).get("text")
    return out | own_fields if isinstance(own_fields, dict) else out


def _schema_format(request: Request, losses: list[Loss]) -> Object:
    form = request.response_format
    out: Object = {"type": "json_schema", "name": form.name or _FORMAT_NAME}
    if form.description:
        out["description"] = form.description
    if request.origin == DIALECT:
        out["schema"] = form.schema
        if form.strict is not None:
            out["strict"] = form.strict
        return out
    cleaned = _schema.openai(form.schema)
    out["schema"], strict = cleaned.schema, form.strict
    if strict is None and request.origin != "openai_chat":
        strict = _schema.openai_strict_ok(cleaned.schema)
        if not strict:
            losses.append(Loss(LossKind.DEGRADE, "response_format", "the schema is not enforced"))
    if not cleaned.exact:
        losses.append(Loss(LossKind.DEGRADE, "response_format", "some constraints are gone"))
    out["strict"] = strict or False
    return out


def decode_sampling(doc: Doc) -> Sampling:
    """The two sampling parameters this dialect has."""
    return Sampling(temperature=doc.get_float("temperature"), top_p=doc.get_float("top_p"))


def encode_sampling(request: Request, abilities: Abilities, losses: list[Loss]) -> Object:
    """Temperature and top_p where the model takes them; everything else has no place here."""
    sampling = request.sampling
    wanted: Object = {"temperature": sampling.temperature, "top_p": sampling.top_p}
    out: Object = {key: value for key, value in wanted.items() if value is not None}
    if not _samples(request, abilities):
        losses += [Loss(LossKind.DROP, name) for name in out]
        out = {}
    elif abilities.temperature_xor_top_p and len(out) > 1:
        losses.append(Loss(LossKind.DROP, "top_p"))
        del out["top_p"]
    others: tuple[tuple[str, JSON], ...] = (
        ("top_k", sampling.top_k),
        ("min_p", sampling.min_p),
        ("seed", sampling.seed),
        ("presence_penalty", sampling.presence_penalty),
        ("frequency_penalty", sampling.frequency_penalty),
        ("repeat_penalty", sampling.repeat_penalty),
        ("logit_bias", sampling.logit_bias),
    )
    losses += [Loss(LossKind.DROP, name) for name, value in others if value is not None]
    return out


def _samples(request: Request, abilities: Abilities) -> bool:
    if abilities.sampling is SamplingRule.WHEN_REASONING_OFF:
        return request.reasoning.state is ReasoningState.OFF
    return abilities.sampling is SamplingRule.YES


def encode_max_output(request: Request, abilities: Abilities, losses: list[Loss]) -> int | None:
    """``max_output_tokens`` within what the model takes."""
    wanted = request.max_output
    if wanted is None or request.origin == DIALECT:
        return wanted
    if abilities.max_output is not None and wanted > abilities.max_output:
        losses.append(Loss(LossKind.DEGRADE, "max_tokens"))
        return abilities.max_output
    least = MIN_OUTPUT if abilities.min_output is None else abilities.min_output
    return max(wanted, least)
