"""Whole answers, both ways."""

from __future__ import annotations

from typing import Final

from mux.codecs import _finish, _ids
from mux.codecs.anthropic import replies
from mux.codecs.anthropic._own import extras, nested, own, word
from mux.codecs.anthropic.blocks_in import decode_block
from mux.codecs.anthropic.ends import LATE, decode_finish, encode_finish
from mux.codecs.anthropic.errors import decode_failure
from mux.codecs.anthropic.usage import decode_usage, encode_usage
from mux.errors import InvalidRequest, UpstreamProtocolError
from mux.ir import (
    JSON,
    Answer,
    Ext,
    Object,
    Part,
    Request,
    Response,
    Text,
    Thinking,
    ToolCall,
)
from mux.wire import Doc, json

_KNOWN: Final = frozenset(
    {"id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "usage", *LATE}
)


def decode_response(body: bytes) -> Response:
    """A whole answer. Raises the upstream's error, or `UpstreamProtocolError` if it is none."""
    message = json.load_object(body)
    if message is None:
        raise UpstreamProtocolError("The upstream's answer is not a JSON object")
    if message.get("type") == "error":
        raise decode_failure(nested(message, "error")).error()
    content = message.get("content")
    if not isinstance(content, list):
        raise UpstreamProtocolError("The upstream's answer has no content")
    found = [read_block(block) for block in content]
    parts = tuple(part for part in found if part is not None and _says_something(part))
    calls = sum(isinstance(part, ToolCall) for part in parts)
    usage = nested(message, "usage")
    return Response(
        id=word(message, "id"),
        model=word(message, "model"),
        answers=(Answer(parts, decode_finish(message, calls)),),
        usage=decode_usage(usage) if usage else None,
        ext=early_fields(message),
    )


def read_block(block: JSON) -> Part | None:
    """One block of an upstream; None for one that is not what its type promises."""
    try:
        return decode_block(Doc(block))
    except InvalidRequest:
        return None


def _says_something(part: Part) -> bool:
    """Whether `part` is more than an empty shell, which a stream would not open either."""
    match part:
        case Text():
            return bool(part.text or part.annotations)
        case Thinking():
            return bool(part.texts) or part.signature is not None
        case _:
            return True


def early_fields(message: Object) -> Ext | None:
    """The fields of a message only this dialect knows, but for those a stream tells last."""
    return own(
        {key: value for key, value in message.items() if key not in _KNOWN and value is not None}
    )


def message_of(response: Response, request: Request) -> Object:
    """The message without content and end, in the order its fields are documented."""
    seeds = (response.model, response.created)
    return {
        "id": _ids.response_id("msg_", response.id, *seeds),
        "type": "message",
        "role": "assistant",
        "model": request.model or response.model,
    }


def encode_response(response: Response, request: Request) -> bytes:
    """The body of a whole answer to `request`. Raises `UpstreamFailed` if it ended in an error."""
    view = replies.view_of(request)
    message = message_of(response, request)
    parts = _finish.whole_parts(response.answers[0]) if response.answers else ()
    message["content"] = list[JSON](replies.content(parts, view))
    message |= encode_finish(response.finish)
    message["usage"] = encode_usage(response.usage)
    late = extras(response.finish.ext)
    message |= {key: late[key] for key in LATE if key in late}
    return json.dumps(message | extras(response.ext))
