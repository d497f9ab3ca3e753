"""Counting tokens: ``/v1/messages/count_tokens`` (translation spec section 24)."""

from __future__ import annotations

from typing import Final

from mux.codecs.anthropic.request_in import decode_request
from mux.codecs.anthropic.request_out import build
from mux.errors import UpstreamProtocolError
from mux.ir import Abilities, Request
from mux.wire import json

_COUNTED: Final = frozenset(
    {
        "model",
        "messages",
        "system",
        "tools",
        "tool_choice",
        "thinking",
        "output_config",
        "cache_control",
        "speed",
        "context_management",
        "mcp_servers",
    }
)
"""The fields that a count takes."""


def decode_count(body: bytes, *, model: str | None = None) -> Request:
    """The request whose tokens are asked for. Raises `InvalidRequest`."""
    return decode_request(body, model=model)


def encode_count(input_tokens: int) -> bytes:
    """The body that says how many."""
    return json.dumps({"input_tokens": input_tokens})


def count_path(request: Request) -> str:
    """Path below the provider's base URL."""
    return "/v1/messages/count_tokens"


def encode_count_request(request: Request, abilities: Abilities) -> bytes:
    """The body to send: the request as it would be sent, without what has no tokens."""
    body, _ = build(request, abilities, [])
    return json.dumps({key: value for key, value in body.items() if key in _COUNTED})


def decode_count_response(body: bytes) -> int:
    """The number of input tokens. Raises `UpstreamProtocolError`."""
    count = (json.load_object(body) or {}).get("input_tokens")
    if isinstance(count, bool) or not isinstance(count, int):
        raise UpstreamProtocolError("The upstream's answer holds no number of input tokens")
    return count
