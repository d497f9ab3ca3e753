"""The Anthropic Messages dialect: ``/v1/messages`` and ``/v1/messages/count_tokens``."""

from __future__ import annotations

from typing import Final

from mux.codecs._base import Codec
from mux.codecs.anthropic import count
from mux.codecs.anthropic._own import DIALECT
from mux.codecs.anthropic.check import MessageRules
from mux.codecs.anthropic.errors import decode_error, encode_error
from mux.codecs.anthropic.request_in import decode_request
from mux.codecs.anthropic.request_out import encode_request, path
from mux.codecs.anthropic.response import decode_response, encode_response
from mux.codecs.anthropic.stream_in import MessageStreamDecoder
from mux.codecs.anthropic.stream_out import MessageStreamEncoder
from mux.ir import Request

__all__ = ["CODEC", "MessageStreamDecoder", "MessageStreamEncoder"]


class _Server:
    decode_request = staticmethod(decode_request)
    encode_response = staticmethod(encode_response)
    stream_encoder = MessageStreamEncoder
    encode_error = staticmethod(encode_error)

    @staticmethod
    def stream_type(_: Request) -> str:
        return "text/event-stream; charset=utf-8"


class _Client:
    path = staticmethod(path)
    encode_request = staticmethod(encode_request)
    decode_response = staticmethod(decode_response)
    stream_decoder = MessageStreamDecoder
    decode_error = staticmethod(decode_error)


class _CountServer:
    decode_count = staticmethod(count.decode_count)
    encode_count = staticmethod(count.encode_count)


class _CountClient:
    count_path = staticmethod(count.count_path)
    encode_count_request = staticmethod(count.encode_count_request)
    decode_count_response = staticmethod(count.decode_count_response)


CODEC: Final = Codec(
    name=DIALECT,
    server=_Server(),
    client=_Client(),
    rules=MessageRules,
    count_server=_CountServer(),
    count_client=_CountClient(),
)
