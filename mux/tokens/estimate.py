"""How many tokens a request is about (translation spec section 24).

An estimate on the safe side, from lengths alone; no tokenizer and no network.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Iterable
from typing import Final

from mux.ir import (
    JSON,
    Media,
    MediaKind,
    Message,
    Opaque,
    Part,
    Refusal,
    Request,
    ServerCall,
    ServerResult,
    ServerTool,
    SourceKind,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
)
from mux.wire import json

_PER_MESSAGE: Final = 4
_PER_IMAGE: Final = 1200
_PER_PDF_PAGE: Final = 2000
_BYTES_PER_TOKEN: Final = 500
"""of documents whose pages cannot be counted, and of sound and video"""
_PDF_PAGE: Final = re.compile(rb"/Type\s*/Page(?![A-Za-z])")


def estimate(request: Request) -> int:
    """The input tokens of `request`: its system text, messages, tools and answer schema."""
    tokens = sum(_text(part.text) for part in request.system)
    tokens += sum(_message(message) for message in request.messages)
    tokens += sum(_tool(tool) for tool in request.tools)
    if request.response_format.schema is not None:
        tokens += _data(request.response_format.schema)
    return tokens + _text(request.suffix)


def _text(text: str) -> int:
    """ASCII characters count a quarter of a token each, others three quarters; rounded up."""
    if text.isascii():
        return -(-len(text) // 4)
    plain = len(text.encode("ascii", "ignore"))
    return -(-(plain + 3 * (len(text) - plain)) // 4)


def _data(value: JSON) -> int:
    return -(-len(json.dumps(value)) // 4)


def _message(message: Message) -> int:
    return _PER_MESSAGE + _parts(message.parts)


def _parts(parts: Iterable[Part]) -> int:
    return sum(_part(part) for part in parts)


def _part(part: Part) -> int:
    match part:
        case Text() | Refusal():
            return _text(part.text)
        case Media():
            return _media(part)
        case Thinking():
            return sum(_text(text) for text in part.texts)
        case ToolCall():
            return _text(part.name) + _text(part.arguments)
        case ToolResult():
            return _text(part.name) + _parts(part.content)
        case ServerCall() | ServerResult() | Opaque():
            return _data(part.raw)


def _media(part: Media) -> int:
    if part.source is SourceKind.TEXT:
        return _text(part.data)
    if part.kind is MediaKind.IMAGE:
        return _PER_IMAGE
    if part.source is not SourceKind.BASE64:
        return _PER_PDF_PAGE  # what lies behind an address or an id is at least a page
    if part.kind is MediaKind.DOCUMENT and (pages := _pages(part.data)):
        return pages * _PER_PDF_PAGE
    return -(-(len(part.data) * 3 // 4) // _BYTES_PER_TOKEN)


def _pages(data: str) -> int:
    """The pages of a PDF, as far as its plain part tells; 0 if it does not."""
    try:
        return len(_PDF_PAGE.findall(b64decode(data)))
    except (binascii.Error, ValueError):
        return 0


def _tool(tool: Tool | ServerTool) -> int:
    if isinstance(tool, ServerTool):
        return _data(tool.raw)
    grammar = tool.grammar[1] if tool.grammar is not None else ""
    schema = _data(tool.schema) if tool.schema is not None else 0
    return _text(tool.name) + _text(tool.description) + _text(grammar) + schema
