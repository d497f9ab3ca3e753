"""Answers of upstreams, written by the codecs themselves."""

from __future__ import annotations

import json
from typing import Any

from mux.codecs import CODECS
from mux.ir import (
    Answer,
    Finish,
    Part,
    Reasoning,
    ReasoningState,
    Request,
    Response,
    StopReason,
    Usage,
    Visibility,
    unfold,
)
from tests.scenes.fake import Script


def spoken(
    dialect: str,
    *parts: Part,
    finish: Finish = Finish(StopReason.STOP),  # noqa: B008 (immutable)
    stream: bool = True,
    usage: Usage = Usage(10, 5),  # noqa: B008 (immutable)
    ident: str = "up_1",
) -> Script:
    """An upstream of `dialect` that answers with `parts`, one event a piece if it streams."""
    response = Response(ident, "m", 1, (Answer(parts, finish),), usage)
    reasoning = Reasoning(ReasoningState.ON, visible=Visibility.FULL)
    request = Request("m", stream=stream, include_usage=True, origin=dialect, reasoning=reasoning)
    server = CODECS[dialect].server
    if not stream:
        return Script(server.encode_response(response, request), content_type="application/json")
    encoder = server.stream_encoder(request)
    pieces = [encoder.encode(event) for event in unfold(response)] + [encoder.eof()]
    kind = server.stream_type(request)
    return Script(*(piece for piece in pieces if piece), content_type=kind)


def refusal(dialect: str, message: str, **fields: str) -> Script:
    """A 400 as an upstream of `dialect` words it."""
    errors: dict[str, Any] = {
        "anthropic": {"type": "error", "error": {"type": "invalid_request_error"}},
        "gemini": {"error": {"code": 400, "status": "INVALID_ARGUMENT"}},
        "ollama": {"error": message},
    }
    body = errors.get(dialect, {"error": {"type": "invalid_request_error", **fields}})
    if isinstance(body["error"], dict):
        body["error"]["message"] = message
    return Script(json.dumps(body).encode(), status=400, content_type="application/json")


def sent(transport: Any, number: int = -1) -> dict[str, Any]:
    """The body of a request the upstream got."""
    body = json.loads(transport.asked[number].body)
    assert isinstance(body, dict)
    return body
