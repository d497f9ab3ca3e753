"""Gemini: generateContent, streamGenerateContent in both framings, and countTokens."""

from __future__ import annotations

from typing import Final

from mux.codecs._base import Codec
from mux.codecs.gemini._wire import DIALECT
from mux.codecs.gemini.check import ChunkRules
from mux.codecs.gemini.count import (
    count_path,
    decode_count,
    decode_count_response,
    encode_count,
    encode_count_request,
)
from mux.codecs.gemini.errors import decode_error, encode_error
from mux.codecs.gemini.request import ARRAY, decode_request, encode_request, path
from mux.codecs.gemini.response import decode_response, encode_response
from mux.codecs.gemini.stream_in import ChunkStreamDecoder
from mux.codecs.gemini.stream_out import ChunkStreamEncoder
from mux.ir import Request

__all__ = ["CODEC", "ChunkStreamDecoder", "ChunkStreamEncoder"]


class _Server:
    decode_request = staticmethod(decode_request)
    encode_response = staticmethod(encode_response)
    encode_error = staticmethod(encode_error)
    stream_encoder = staticmethod(ChunkStreamEncoder)

    @staticmethod
    def stream_type(request: Request, /) -> str:
        return "application/json" if request.variant == ARRAY else "text/event-stream"


class _Client:
    path = staticmethod(path)
    encode_request = staticmethod(encode_request)
    decode_response = staticmethod(decode_response)
    decode_error = staticmethod(decode_error)
    stream_decoder = staticmethod(ChunkStreamDecoder)


class _CountServer:
    decode_count = staticmethod(decode_count)
    encode_count = staticmethod(encode_count)


class _CountClient:
    count_path = staticmethod(count_path)
    encode_count_request = staticmethod(encode_count_request)
    decode_count_response = staticmethod(decode_count_response)


CODEC: Final = Codec(
    name=DIALECT,
    server=_Server(),
    client=_Client(),
    rules=ChunkRules,
    count_server=_CountServer(),
    count_client=_CountClient(),
)
