"""OpenAI chat completions, and all hosts that speak like it."""

from __future__ import annotations

from typing import Final

from mux.codecs._base import Codec
from mux.codecs._openai_errors import decode_error, encode_error
from mux.codecs.openai_chat._wire import DIALECT
from mux.codecs.openai_chat.check import ChatRules
from mux.codecs.openai_chat.request_in import decode_request
from mux.codecs.openai_chat.request_out import encode_request
from mux.codecs.openai_chat.response import decode_response, encode_response
from mux.codecs.openai_chat.stream_in import ChatStreamDecoder
from mux.codecs.openai_chat.stream_out import ChatStreamEncoder
from mux.ir import Request


class _Server:
    """We play the server."""

    decode_request = staticmethod(decode_request)
    encode_response = staticmethod(encode_response)
    stream_encoder = staticmethod(ChatStreamEncoder)
    encode_error = staticmethod(encode_error)

    @staticmethod
    def stream_type(request: Request) -> str:
        return "text/event-stream; charset=utf-8"


class _Client:
    """We play the client."""

    encode_request = staticmethod(encode_request)
    decode_response = staticmethod(decode_response)
    stream_decoder = staticmethod(ChatStreamDecoder)
    decode_error = staticmethod(decode_error)

    @staticmethod
    def path(request: Request) -> str:
        return "/chat/completions"


CODEC: Final = Codec(name=DIALECT, server=_Server(), client=_Client(), rules=ChatRules)

__all__ = ["CODEC", "ChatStreamDecoder", "ChatStreamEncoder"]
