"""OpenAI's legacy completions: a prompt in, text out."""

from __future__ import annotations

from typing import Final

from mux.codecs._base import Codec
from mux.codecs._openai_errors import decode_error, encode_error
from mux.codecs.openai_completions._wire import DIALECT
from mux.codecs.openai_completions.check import CompletionRules
from mux.codecs.openai_completions.prompts import singles
from mux.codecs.openai_completions.request import decode_request, encode_request
from mux.codecs.openai_completions.response import decode_response, encode_response
from mux.codecs.openai_completions.stream import CompletionStreamDecoder, CompletionStreamEncoder
from mux.ir import Request


class _Server:
    """We play the server."""

    decode_request = staticmethod(decode_request)
    encode_response = staticmethod(encode_response)
    stream_encoder = staticmethod(CompletionStreamEncoder)
    encode_error = staticmethod(encode_error)

    @staticmethod
    def stream_type(request: Request) -> str:
        return "text/event-stream; charset=utf-8"


class _Client:
    """We play the client."""

    encode_request = staticmethod(encode_request)
    decode_response = staticmethod(decode_response)
    stream_decoder = staticmethod(CompletionStreamDecoder)
    decode_error = staticmethod(decode_error)

    @staticmethod
    def path(request: Request) -> str:
        return "/completions"


CODEC: Final = Codec(name=DIALECT, server=_Server(), client=_Client(), rules=CompletionRules)

__all__ = ["CODEC", "CompletionStreamDecoder", "CompletionStreamEncoder", "singles"]
