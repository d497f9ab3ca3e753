"""Whole answers, both ways, and the answer to a request that only loads a model.

A whole answer is a stream of one line and is read as one, so that the two cannot disagree.
"""

from __future__ import annotations

from mux.codecs import _errors, _finish
from mux.codecs.ollama.parts import (
    call,
    closing,
    images,
    logprobs,
    own,
    said,
    shows_thinking,
    thoughts,
)
from mux.codecs.ollama.request import GENERATE
from mux.codecs.ollama.stream_in import LineStreamDecoder
from mux.codecs.ollama.timestamps import encode_time
from mux.ir import JSON, Object, Refusal, Request, Response, Text, ToolCall, fold
from mux.wire import json, ndjson


def decode_response(body: bytes) -> Response:
    """A whole answer of either endpoint. Raises `MuxError`."""
    return fold(LineStreamDecoder().whole(body))


def encode_response(response: Response, request: Request) -> bytes:
    """The body of a whole answer to `request`, in the form of its endpoint."""
    out: Object = {
        "model": request.model,
        "created_at": own(response.ext).get("created_at") or encode_time(response.created),
    }
    if request.variant == GENERATE:
        out |= _content(response, request, "response")
    else:
        out["message"] = {"role": "assistant", **_content(response, request, "content")}
    texts = [part for part in response.parts if isinstance(part, Text | Refusal)]
    if tokens := [token for part in texts for token in part.logprobs]:
        out["logprobs"] = logprobs(tokens)
    return json.dumps(out | closing(response.finish, response.usage))


def _content(response: Response, request: Request, text_field: str) -> Object:
    text = said(response.parts)
    if words := _finish.words_of(response.finish):
        text = f"{text}\n\n{words}" if text else words
    out: Object = {text_field: text}
    native = bool(own(response.ext))
    thinking = thoughts(response.parts, native)
    if thinking and shows_thinking(request):
        out["thinking"] = thinking
    out |= images(response.parts, native=native, generate=request.variant == GENERATE)
    whole = _finish.whole_parts(response.answers[0]) if response.answers else ()
    calls = [part for part in whole if isinstance(part, ToolCall)]
    if calls:
        out["tool_calls"] = [call(part, position) for position, part in enumerate(calls)]
    return out


def encode_load(request: Request, created: int) -> bytes:
    """The answer to a request that `is_load`: the model is ready, or with ``keep_alive`` 0 gone.

    `created` is in seconds since the epoch. One line if a stream was asked for.
    """
    out: Object = {"model": request.model, "created_at": encode_time(created)}
    if request.variant == GENERATE:
        out["response"] = ""
    else:
        out["message"] = {"role": "assistant", "content": ""}
    out["done"] = True
    out["done_reason"] = "unload" if _unloads(own(request.ext).get("keep_alive")) else "load"
    body = json.dumps(out)
    return ndjson.write(body) if request.stream else body


def _unloads(keep_alive: JSON) -> bool:
    """Whether a duration, in seconds or such as ``0s``, is none at all."""
    if isinstance(keep_alive, str):
        return keep_alive == "0" or _errors.duration(keep_alive) == 0
    return keep_alive == 0 and not isinstance(keep_alive, bool)
