"""Token counts, both ways (translation spec section 14).

``input_tokens`` leaves out what the cache gave and took; a stream tells its counts twice, the
second time cumulatively and perhaps only some of them.
"""

from __future__ import annotations

from typing import Final

from mux.codecs.anthropic._own import DIALECT, nested
from mux.ir import Object, Usage

_INPUT: Final = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
_FINAL: Final = (
    *_INPUT,
    "output_tokens",
    "output_tokens_details",
    "server_tool_use",
    "iterations",
    "fallback_credit",
)
"""What a ``message_delta`` may hold."""


def decode_usage(raw: Object) -> Usage:
    """The counts in a native usage object."""
    fresh, write, read = (_count(raw, key) for key in _INPUT)
    counted = fresh is not None or read is not None or write is not None
    writes = nested(raw, "cache_creation")
    searches = nested(raw, "server_tool_use")
    return Usage(
        input_total=(fresh or 0) + (read or 0) + (write or 0) if counted else None,
        output_total=_count(raw, "output_tokens"),
        cache_read=read,
        cache_write=write,
        cache_write_5m=_count(writes, "ephemeral_5m_input_tokens"),
        cache_write_1h=_count(writes, "ephemeral_1h_input_tokens"),
        reasoning=_count(nested(raw, "output_tokens_details"), "thinking_tokens"),
        web_searches=_count(searches, "web_search_requests"),
        web_fetches=_count(searches, "web_fetch_requests"),
        dialect=DIALECT,
        raw=raw,
    )


def merged(earlier: Object, later: Object) -> Object:
    """`earlier` overwritten by what `later` says.

    Zeros for all of the input say nothing if there was input before (pitfall 89).
    """
    said = {key: value for key, value in later.items() if value is not None}
    if (_count(earlier, _INPUT[0]) or 0) > 0 and not any(said.get(key) for key in _INPUT):
        said = {key: value for key, value in said.items() if key not in _INPUT}
    return {**earlier, **said}


def encode_usage(usage: Usage | None) -> Object:
    """The counts of a whole answer: numbers always, zero where nothing is known."""
    if usage is not None and usage.dialect == DIALECT and usage.raw is not None:
        return _complete(usage.raw)
    usage = usage or Usage()
    read, write = usage.cache_read or 0, usage.cache_write or 0
    out: Object = {
        "input_tokens": max(0, (usage.input_total or 0) - read - write),
        "cache_creation_input_tokens": write,
        "cache_read_input_tokens": read,
        "output_tokens": usage.output_total or 0,
    }
    if usage.cache_write_5m is not None or usage.cache_write_1h is not None:
        out["cache_creation"] = {
            "ephemeral_5m_input_tokens": usage.cache_write_5m or 0,
            "ephemeral_1h_input_tokens": usage.cache_write_1h or 0,
        }
    if usage.reasoning is not None:
        out["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    if usage.web_searches or usage.web_fetches:
        out["server_tool_use"] = {
            "web_search_requests": usage.web_searches or 0,
            "web_fetch_requests": usage.web_fetches or 0,
        }
    return out


def encode_final_usage(usage: Usage | None) -> Object:
    """The counts of a ``message_delta``: true input counts, or none (pitfall 89)."""
    if usage is None:
        return {"output_tokens": 0}
    counts = encode_usage(usage)
    known = _FINAL if usage.input_total is not None else _FINAL[len(_INPUT) :]
    out = {key: counts[key] for key in known if key in counts}
    out.setdefault("output_tokens", 0)
    return out


def _complete(raw: Object) -> Object:
    """`raw` with the numbers that the SDK's types demand; older recordings lack some."""
    out: Object = {**dict.fromkeys(("input_tokens", "output_tokens"), 0), **raw}
    if searches := nested(raw, "server_tool_use"):
        out["server_tool_use"] = {"web_search_requests": 0, "web_fetch_requests": 0, **searches}
    return out


def _count(fields: Object, key: str) -> int | None:
    value = fields.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return max(0, int(value))
