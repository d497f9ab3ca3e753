"""Ollama: ``/api/chat`` and ``/api/generate``, lines of JSON, tool calls always whole."""

from __future__ import annotations

from typing import Final

from mux.codecs._base import Codec
from mux.codecs.ollama._wire import DIALECT
from mux.codecs.ollama.check import LineRules
from mux.codecs.ollama.errors import decode_error, encode_error
from mux.codecs.ollama.request import decode_request, encode_request, is_load, path
from mux.codecs.ollama.response import decode_response, encode_load, encode_response
from mux.codecs.ollama.stream_in import LineStreamDecoder
from mux.codecs.ollama.stream_out import LineStreamEncoder
from mux.ir import Request

__all__ = ["CODEC", "LineStreamDecoder", "LineStreamEncoder", "encode_load", "is_load"]


class _Server:
    decode_request = staticmethod(decode_request)
    encode_response = staticmethod(encode_response)
    encode_error = staticmethod(encode_error)
    stream_encoder = staticmethod(LineStreamEncoder)

    @staticmethod
    def stream_type(request: Request, /) -> str:
        return "application/x-ndjson"


class _Client:
    path = staticmethod(path)
    encode_request = staticmethod(encode_request)
    decode_response = staticmethod(decode_response)
    decode_error = staticmethod(decode_error)
    stream_decoder = staticmethod(LineStreamDecoder)


CODEC: Final = Codec(name=DIALECT, server=_Server(), client=_Client(), rules=LineRules)
