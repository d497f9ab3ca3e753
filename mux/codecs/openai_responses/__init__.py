"""OpenAI Responses: ``/responses``, a stream of typed items, and ``/responses/input_tokens``."""

from __future__ import annotations

from typing import Final

from mux.codecs._base import Codec
from mux.codecs.openai_responses._own import DIALECT
from mux.codecs.openai_responses.check import ResponseRules
from mux.codecs.openai_responses.count import InputTokensClient, InputTokensServer
from mux.codecs.openai_responses.errors import decode_error, encode_error
from mux.codecs.openai_responses.request import decode_request, encode_request, path
from mux.codecs.openai_responses.response import decode_response, encode_response
from mux.codecs.openai_responses.resume import input_items, response_id, resume
from mux.codecs.openai_responses.stream_in import ResponseStreamDecoder
from mux.codecs.openai_responses.stream_out import ResponseStreamEncoder
from mux.ir import Request

__all__ = [
    "CODEC",
    "ResponseStreamDecoder",
    "ResponseStreamEncoder",
    "input_items",
    "response_id",
    "resume",
]


class _Server:
    decode_request = staticmethod(decode_request)
    encode_response = staticmethod(encode_response)
    encode_error = staticmethod(encode_error)
    stream_encoder = staticmethod(ResponseStreamEncoder)

    @staticmethod
    def stream_type(request: Request, /) -> str:
        return "text/event-stream; charset=utf-8"


class _Client:
    path = staticmethod(path)
    encode_request = staticmethod(encode_request)
    decode_response = staticmethod(decode_response)
    decode_error = staticmethod(decode_error)
    stream_decoder = staticmethod(ResponseStreamDecoder)


CODEC: Final = Codec(
    name=DIALECT,
    server=_Server(),
    client=_Client(),
    rules=ResponseRules,
    count_server=InputTokensServer(),
    count_client=InputTokensClient(),
)
