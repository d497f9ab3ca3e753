"""Errors in this dialect: ``{"error": "a sentence"}``, always a string (translation spec 18)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from mux.codecs import _errors
from mux.errors import MuxError
from mux.ir import JSON
from mux.wire import json

_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


def encode_error(error: MuxError) -> bytes:
    """The body that tells of `error`, and in a stream the line."""
    return json.dumps({"error": error.message})


def decode_error(status: int, body: bytes, headers: Mapping[str, str] = _NO_HEADERS) -> MuxError:
    """The error an answer of `status` amounts to; a body that is not JSON is not quoted."""
    fields = json.load_object(body) or {}
    return _errors.classify(status, error_text(fields.get("error")), headers=headers)


def error_text(value: JSON) -> str:
    """The sentence in an ``error`` field, empty if there is none.

    Proxies in front of a server answer with an object that holds a ``message``.
    """
    if isinstance(value, dict):
        value = value.get("message")
    return value if isinstance(value, str) else ""
