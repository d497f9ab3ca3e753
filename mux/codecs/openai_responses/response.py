"""Whole answers, both ways.

Writing one is writing its stream and keeping the last response object, so that both say the same.
"""

from __future__ import annotations

from mux.codecs.openai_responses import compaction
from mux.codecs.openai_responses.errors import decode_failure
from mux.codecs.openai_responses.head import decode_finish, decode_start
from mux.codecs.openai_responses.items_in import decode_item
from mux.codecs.openai_responses.stream_out import ResponseStreamEncoder
from mux.codecs.openai_responses.usage import decode_usage
from mux.errors import InvalidRequest, UpstreamProtocolError
from mux.ir import Answer, Request, Response, unfold
from mux.wire import Doc, json


def decode_response(body: bytes) -> Response:
    """A whole answer. Raises the error of a failed one, `UpstreamProtocolError` if it is none."""
    fields = json.load_object(body)
    if fields is None:
        raise UpstreamProtocolError("the upstream's answer is not a JSON object")
    output = fields.get("output")
    if fields.get("status") == "failed" or (fields.get("error") and not output):
        raise decode_failure(fields.get("error"))
    if not isinstance(output, list):
        raise UpstreamProtocolError("the upstream's answer holds no output")
    try:
        parts = [part for item in Doc(output).items() for part in decode_item(item)]
    except InvalidRequest as error:
        raise UpstreamProtocolError(f"the upstream's output: {error.message}") from None
    start = decode_start(fields)
    return Response(
        start.id,
        start.model,
        start.created,
        (Answer(tuple(parts), decode_finish(fields, parts)),),
        decode_usage(fields),
        start.ext,
    )


def encode_response(response: Response, request: Request) -> bytes:
    """The body of a whole answer to `request`."""
    if request.variant == compaction.VARIANT:
        return compaction.encode(response, request)
    encoder = ResponseStreamEncoder(request)
    for event in unfold(response):
        encoder.encode(event)
    return encoder.response
