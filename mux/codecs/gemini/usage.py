"""Token counts, both ways (translation spec section 14).

Here thoughts are counted beside the candidates, and the prompts of server tools beside the prompt.
"""

from __future__ import annotations

from collections.abc import Iterator

from mux.codecs.gemini._wire import DIALECT
from mux.codecs.gemini.enums import named_object
from mux.ir import JSON, Object, Usage


def merge(known: Object, new: Object) -> Object:
    """The counts after `new` came: later ones win, but no zero over a number (F37)."""
    later = {
        key: value
        for key, value in new.items()
        if value or (value is not None and key not in known)
    }
    return {**known, **later}


def decode_usage(raw: Object) -> Usage:
    """What ``usageMetadata`` says; counts it leaves out are unknown."""
    if any(isinstance(entry.get("modality"), int) for entry in _entries(raw)):
        raw = named_object(raw)
    prompt, used = _count(raw, "promptTokenCount"), _count(raw, "toolUsePromptTokenCount")
    said, thought = _count(raw, "candidatesTokenCount"), _count(raw, "thoughtsTokenCount")
    prompts, answers = raw.get("promptTokensDetails"), raw.get("candidatesTokensDetails")
    return Usage(
        input_total=_sum(prompt, used),
        output_total=_sum(said, thought),
        cache_read=_count(raw, "cachedContentTokenCount"),
        reasoning=thought,
        audio_in=_modality(prompts, "AUDIO"),
        audio_out=_modality(answers, "AUDIO"),
        image_in=_modality(prompts, "IMAGE"),
        tool_prompt=used,
        dialect=DIALECT,
        raw=raw,
    )


def encode_usage(usage: Usage) -> Object:
    """``usageMetadata``; counts nobody knows are left out."""
    if usage.dialect == DIALECT and usage.raw is not None:
        return usage.raw
    out: Object = {}
    reasoning = usage.reasoning or 0
    if usage.input_total is not None:
        out["promptTokenCount"] = usage.input_total - (usage.tool_prompt or 0)
    if usage.cache_read:
        out["cachedContentTokenCount"] = usage.cache_read
    if usage.output_total is not None:
        out["candidatesTokenCount"] = max(0, usage.output_total - reasoning)
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


def _count(raw: Object, key: str) -> int | None:
    value = raw.get(key)
    return value if isinstance(value, int) else None


def _sum(first: int | None, second: int | None) -> int | None:
    return first if second is None else (first or 0) + second


def _modality(details: JSON, word: str) -> int | None:
    if isinstance(details, list):
        for entry in details:
            if isinstance(entry, dict) and entry.get("modality") == word:
                return _count(entry, "tokenCount")
    return None


def _entries(raw: Object) -> Iterator[Object]:
    details = raw.get("promptTokensDetails")
    if isinstance(details, list):
        yield from (entry for entry in details if isinstance(entry, dict))
