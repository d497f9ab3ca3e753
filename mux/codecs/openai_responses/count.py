"""``/responses/input_tokens``: how many tokens a request would read (translation spec 24)."""

from __future__ import annotations

from typing import Final

from mux.codecs.openai_responses.request import decode_request, encode_request
from mux.errors import UpstreamProtocolError
from mux.ir import Abilities, Request
from mux.wire import json

_COUNTED: Final = (
    "model",
    "instructions",
    "input",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "reasoning",
    "text",
    "previous_response_id",
    "conversation",
    "truncation",
    "personality",
)
"""What the endpoint takes of a request."""


class InputTokensServer:
    """We are asked to count."""

    def decode_count(self, body: bytes, /, *, model: str | None = None) -> Request:
        """The request whose tokens are asked for. Raises `InvalidRequest`."""
        return decode_request(body, model=model, stream=False)

    def encode_count(self, input_tokens: int, /) -> bytes:
        """The body that says how many."""
        return json.dumps({"object": "response.input_tokens", "input_tokens": input_tokens})


class InputTokensClient:
    """We ask the upstream to count."""

    def count_path(self, request: Request, /) -> str:
        """Where to ask."""
        return "/responses/input_tokens"

    def encode_count_request(self, request: Request, abilities: Abilities, /) -> bytes:
        """The body to send. Raises `Unsupported`."""
        body = json.load_object(encode_request(request, abilities).body) or {}
        return json.dumps({name: body[name] for name in _COUNTED if name in body})

    def decode_count_response(self, body: bytes, /) -> int:
        """The number of input tokens. Raises `UpstreamProtocolError`."""
        count = (json.load_object(body) or {}).get("input_tokens")
        if isinstance(count, bool) or not isinstance(count, int):
            raise UpstreamProtocolError("the upstream's answer holds no input_tokens")
        return count
