"""``countTokens``, both ways."""

from __future__ import annotations

from mux.codecs.gemini.request import decode_fields, encode_fields, model_path
from mux.codecs.gemini.spelling import read_body
from mux.errors import UpstreamProtocolError
from mux.ir import Abilities, Object, Request
from mux.wire import json


def decode_count(body: bytes, *, model: str | None = None) -> Request:
    """The request whose tokens are asked for: its contents alone, or all of it.

    Raises `InvalidRequest`.
    """
    doc = read_body(body)
    whole = doc.get("generateContentRequest")
    return decode_fields(whole if whole is not None else doc, model=model, stream=False)


def encode_count(input_tokens: int) -> bytes:
    """The body that says how many."""
    return json.dumps({"totalTokens": input_tokens})


def count_path(request: Request) -> str:
    """Where `request` is counted."""
    return model_path(request.model, "countTokens")


def encode_count_request(request: Request, abilities: Abilities) -> bytes:
    """The whole of `request`, so that tools and system instruction are counted too (F40)."""
    fields, _, _ = encode_fields(request, abilities)
    whole: Object = {"model": f"models/{request.model}", **fields}
    return json.dumps({"generateContentRequest": whole})


def decode_count_response(body: bytes) -> int:
    """The number of input tokens. Raises `UpstreamProtocolError`."""
    total = (json.load_object(body) or {}).get("totalTokens")
    if not isinstance(total, int):
        raise UpstreamProtocolError("the upstream's answer holds no number of tokens")
    return total
