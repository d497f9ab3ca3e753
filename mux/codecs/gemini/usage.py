"""Token counts, both ways (translation spec section 14).

Here thoughts are counted beside the candidates, and the prompts of server tools beside the prompt.
"""

from __future__ import annotations

from mux.codecs.gemini._wire import DIALECT
from mux.codecs.gemini.enums import named_object
from mux.ir import JSON, Object, Usage


def merge(known: Object, new: Object) -> Object:
    """The counts after `new` came: later ones win, but no zero over a number (F37)."""
    if known.keys() <= new.keys() and all(new.values()):
        return new
    later = {
        key: value
        for key, value in new.items()
        if value or (value is not None and key not in known)
    }
    return {**known, **later}


def decode_usage(raw: Object) -> Usage:
    """What ``usageMetadata`` says; counts it leaves out are unknown."""
    prompts, answers = raw.get("promptTokensDetails"), raw.get("candidatesTokensDetails")
    if _is_numbered(prompts) or _is_numbered(answers):
        return decode_usage(named_object(raw))
    counts = {key: value for key, value in raw.items() if isinstance(value, int)}
    thoughts, used = counts.get("thoughtsTokenCount"), counts.get("toolUsePromptTokenCount")
    read, written = _modalities(prompts), _modalities(answers)
    return Usage(
        input_total=_sum(counts.get("promptTokenCount"), used),
        output_total=_sum(counts.get("candidatesTokenCount"), thoughts),
        cache_read=counts.get("cachedContentTokenCount"),
        reasoning=thoughts,
        audio_in=read.get("AUDIO"),
        audio_out=written.get("AUDIO"),
        image_in=read.get("IMAGE"),
        tool_prompt=used,
        dialect=DIALECT,
        raw=raw,
    )


def encode_usage(usage: Usage) -> Object:
    """``usageMetadata``; counts nobody knows are left out."""
    if usage.dialect == DIALECT and usage.raw is not None:
        return usage.raw
    out: Object = {}
    reasoning = min(usage.reasoning or 0, usage.output_total or 0)  # the total must be the sum
    if usage.input_total is not None:
        out["promptTokenCount"] = usage.input_total - (usage.tool_prompt or 0)
    if usage.cache_read:
        out["cachedContentTokenCount"] = usage.cache_read
    if usage.output_total is not None:
        out["candidatesTokenCount"] = usage.output_total - reasoning
    if reasoning:
        out["thoughtsTokenCount"] = reasoning
    if usage.tool_prompt:
        out["toolUsePromptTokenCount"] = usage.tool_prompt
    if not out:
        return out
    out["totalTokenCount"] = usage.total
    heard: list[JSON] = [
        {"modality": word, "tokenCount": count}
        for word, count in (("AUDIO", usage.audio_in), ("IMAGE", usage.image_in))
        if count
    ]
    if heard:
        out["promptTokensDetails"] = heard
    if usage.audio_out:
        out["candidatesTokensDetails"] = [{"modality": "AUDIO", "tokenCount": usage.audio_out}]
    return out


def _sum(first: int | None, second: int | None) -> int | None:
    return first if second is None else (first or 0) + second


def _modalities(details: JSON) -> dict[str, int]:
    """The counts of a breakdown, by modality."""
    out: dict[str, int] = {}
    for entry in details if isinstance(details, list) else ():
        if isinstance(entry, dict):
            word, count = entry.get("modality"), entry.get("tokenCount")
            if isinstance(word, str) and isinstance(count, int):
                out[word] = count
    return out


def _is_numbered(details: JSON) -> bool:
    """Whether a breakdown tells modalities by number."""
    first = details[0] if isinstance(details, list) and details else None
    return isinstance(first, dict) and isinstance(first.get("modality"), int)
