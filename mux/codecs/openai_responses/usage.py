"""Token counts, both ways: ``input_tokens`` and ``output_tokens`` each hold everything."""

from __future__ import annotations

from mux.codecs.openai_responses._own import DIALECT
from mux.ir import JSON, Object, Usage


def decode_usage(response: Object) -> Usage | None:
    """The counts of a response object, None if it has none."""
    raw = response.get("usage")
    if not isinstance(raw, dict):
        return None
    read, written = _object(raw.get("input_tokens_details")), raw.get("output_tokens_details")
    searches = _object(_object(response.get("tool_usage")).get("web_search"))
    return Usage(
        input_total=_count(raw.get("input_tokens")),
        output_total=_count(raw.get("output_tokens")),
        cache_read=_count(read.get("cached_tokens")),
        cache_write=_count(read.get("cache_write_tokens")),
        reasoning=_count(_object(written).get("reasoning_tokens")),
        web_searches=_count(searches.get("num_requests")),
        dialect=DIALECT,
        raw=raw,
    )


def encode_usage(usage: Usage | None) -> Object:
    """The ``usage`` object; clients do arithmetic with every one of these numbers (pitfall 57)."""
    counts = usage or Usage()
    out: Object = {
        "input_tokens": counts.input_total or 0,
        "input_tokens_details": {
            "cached_tokens": counts.cache_read or 0,
            "cache_write_tokens": counts.cache_write or 0,
        },
        "output_tokens": counts.output_total or 0,
        "output_tokens_details": {"reasoning_tokens": counts.reasoning or 0},
        "total_tokens": counts.total,
    }
    raw = counts.raw if counts.dialect == DIALECT else None
    if raw is None:
        return out
    for key, value in raw.items():
        known = out.get(key)
        if isinstance(known, dict) and isinstance(value, dict):
            out[key] = known | value
        elif value is not None:
            out[key] = value
    return out


def _count(value: JSON) -> int | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _object(value: JSON) -> Object:
    return value if isinstance(value, dict) else {}
