"""The ``usage`` object of Chat and Completions, and the spellings of their many hosts.

Translation spec section 14: ``prompt_tokens`` holds all input, ``completion_tokens`` all output.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mux.ir import JSON, Object, Usage

_TOP: Final = {
    "prompt_tokens": "input_total",
    "completion_tokens": "output_total",
    # quirk(mistral): older answers call cache reads `num_cached_tokens`.
    "num_cached_tokens": "cache_read",
    # quirk(moonshot): `cached_tokens` stands at the top; so it does at Together.
    "cached_tokens": "cache_read",
    # quirk(deepseek): cache reads are `prompt_cache_hit_tokens`.
    "prompt_cache_hit_tokens": "cache_read",
}
_DETAILS: Final = {
    "prompt_tokens_details": {
        "cached_tokens": "cache_read",
        "cache_write_tokens": "cache_write",
        "audio_tokens": "audio_in",
        "image_tokens": "image_in",
    },
    "completion_tokens_details": {
        "reasoning_tokens": "reasoning",
        "audio_tokens": "audio_out",
    },
    # quirk(openrouter): searches it ran itself are counted in the usage.
    "server_tool_use_details": {"web_search_requests": "web_searches"},
}
"""Where counts stand, and what the IR calls them; of several places the last one holds."""


def decode_usage(raw: Object, dialect: str) -> Usage:
    """The counts in `raw`; what is not a count counts as not said."""
    counts: dict[str, int] = {}
    _take(raw, _TOP, counts)
    for field, names in _DETAILS.items():
        if isinstance(details := raw.get(field), dict):
            _take(details, names, counts)
    if counts.get("reasoning"):
        _add_hidden(counts, _count(raw.get("total_tokens")))
    return Usage(**counts, dialect=dialect, raw=raw)


def encode_usage(usage: Usage, dialect: str) -> Object:
    """The ``usage`` object: the native one if it is of `dialect`, else one with every detail."""
    if usage.dialect == dialect and usage.raw is not None:
        return without_nulls(usage.raw)
    prompt: Object = {
        "cached_tokens": usage.cache_read or 0,
        "cache_write_tokens": usage.cache_write or 0,
        "audio_tokens": usage.audio_in or 0,
    }
    if usage.image_in is not None:
        prompt["image_tokens"] = usage.image_in
    return {
        "prompt_tokens": usage.input_total or 0,
        "completion_tokens": usage.output_total or 0,
        "total_tokens": usage.total,
        "prompt_tokens_details": prompt,
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning or 0,
            "audio_tokens": usage.audio_out or 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def without_nulls(fields: Object) -> Object:
    """`fields` with no null in it nor in its objects: clients do arithmetic with usage."""
    return {
        key: without_nulls(value) if isinstance(value, dict) else value
        for key, value in fields.items()
        if value is not None
    }


def _take(fields: Object, names: Mapping[str, str], counts: dict[str, int]) -> None:
    for field, name in names.items():
        value = fields.get(field)
        if type(value) is int and value >= 0:  # nearly always
            counts[name] = value
        elif value is not None and (count := _count(value)) is not None:
            counts[name] = count


def _add_hidden(counts: dict[str, int], total: int | None) -> None:
    """quirk(xai): reasoning is left out of `completion_tokens`, but not out of the total."""
    output, reasoning = counts.get("output_total"), counts["reasoning"]
    if output is None or total is None:
        return
    if total - counts.get("input_total", 0) - output == reasoning:
        counts["output_total"] = output + reasoning


def _count(value: JSON) -> int | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        return None
    return value
