"""Content blocks to parts: of requests, of answers, and of a stream's block starts.

A block that only this dialect has but that has a plain reading (a search result, a tool reference)
is text with the block itself kept beside it; one that has none is `Opaque`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from mux.codecs import _arguments, _envelope
from mux.codecs.anthropic._own import DIALECT, extras, own
from mux.codecs.anthropic.citations import decode_citation
from mux.codecs.anthropic.server_results import decode_result, is_ours
from mux.ir import (
    CacheHint,
    Ext,
    Media,
    MediaKind,
    Object,
    Opaque,
    Part,
    ServerCall,
    Signature,
    SourceKind,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from mux.wire import Doc

SERVER_KINDS: Final = {
    "web_search": "web_search",
    "web_fetch": "web_fetch",
    "code_execution": "code_execution",
    "bash_code_execution": "code_execution",
    "tool_search": "tool_search",
    "tool_search_tool_bm25": "tool_search",
    "tool_search_tool_regex": "tool_search",
    "mcp": "mcp",
}
"""Names of provider-run tools to `ServerCall.kind`; all others are ``other``."""

_IN_RESULTS: Final = frozenset({"text", "image", "document", "search_result", "tool_reference"})
"""What a tool's result may hold; anything else in one is kept as it is."""

SERVER_CALLS: Final = frozenset({"server_tool_use", "mcp_tool_use"})
_RESULT: Final = "_tool_result"
_UNSIGNED: Final = "none"

THOUGHTS: Final = ("thinking", "redacted_thinking")
"""The types of blocks that hold reasoning."""


def decode_blocks(content: Doc) -> tuple[Part, ...]:
    """The parts of a message's content, which may be one string."""
    if isinstance(content.value, str):
        return (Text(content.value),)
    return tuple(decode_block(item) for item in content.items())


def decode_block(doc: Doc) -> Part:
    """The part one block amounts to. Raises `InvalidRequest` naming the field."""
    kind = doc.need_str("type")
    decode = _BLOCKS.get(kind)
    if decode is not None:
        return decode(doc)
    if kind in SERVER_CALLS:
        return _server_call(doc, kind)
    if kind.endswith(_RESULT):
        return _server_result(doc, kind.removesuffix(_RESULT))
    return Opaque(DIALECT, doc.mapping())


def unsealed(value: str, kind: str = "sig") -> Signature | None:
    """The signature in `value`; None for an empty one, or our mark for reasoning without one."""
    if not value:
        return None
    signature = _envelope.unseal(value, DIALECT, kind)
    return None if signature is not None and signature.dialect == _UNSIGNED else signature


UNSIGNED: Final = _envelope.seal(Signature(_UNSIGNED, ""), DIALECT)
"""What a client gets as the signature of reasoning that has none: it must not be empty."""


def cache_hint(doc: Doc) -> tuple[CacheHint | None, Ext | None]:
    """The breakpoint of a block or tool, and all fields nobody asked for. Read this last."""
    doc.get("type")
    control = doc.get("cache_control")
    if control is None:
        return None, own(doc.rest())
    control.get("type")
    hint = CacheHint(control.get_str("ttl"))
    rest = doc.rest()
    if more := control.rest():
        rest["cache_control"] = more
    return hint, own(rest)


def _text(doc: Doc) -> Part:
    text = doc.need_str("text")
    annotations = tuple(
        decode_citation(item.mapping(), len(text)) for item in doc.get_items("citations")
    )
    cache, ext = cache_hint(doc)
    return Text(text, annotations=annotations, cache=cache, ext=ext)


def _native_text(doc: Doc, text: str) -> Text:
    """A block of this dialect alone that reads as `text` for all others."""
    cache, _ = cache_hint(doc)
    kept = {key: value for key, value in doc.mapping().items() if key != "cache_control"}
    return Text(text, cache=cache, ext=own(kept))


def _search_result(doc: Doc) -> Part:
    lines = [doc.get_str("title"), doc.get_str("source")]
    lines += [item.get_str("text") for item in doc.get_items("content")]
    return _native_text(doc, "\n".join(line for line in lines if line) or "[search result]")


def _tool_reference(doc: Doc) -> Part:
    return _native_text(doc, doc.need_str("tool_name"))


def _image(doc: Doc) -> Part:
    return _media(doc, MediaKind.IMAGE)


def _document(doc: Doc) -> Part:
    return _media(doc, MediaKind.DOCUMENT)


_SOURCES: Final = {
    "base64": (SourceKind.BASE64, "data"),
    "text": (SourceKind.TEXT, "data"),
    "url": (SourceKind.URL, "url"),
    "file": (SourceKind.FILE_ID, "file_id"),
}


def _media(doc: Doc, kind: MediaKind) -> Part:
    source = doc.need("source")
    form = source.need_str("type")
    if form == "content":
        return _content_document(doc, source)
    if form not in _SOURCES:
        return Opaque(DIALECT, doc.mapping())
    source_kind, key = _SOURCES[form]
    title = doc.get_str("title")
    data, mime = source.need(key).string(), source.get_str("media_type")
    cache, ext = cache_hint(doc)
    return Media(kind, source_kind, data, mime=mime, title=title, cache=cache, ext=ext)


def _content_document(doc: Doc, source: Doc) -> Part:
    """A document made of blocks: as text for all others, its source kept as it is."""
    content = source.need("content")
    if isinstance(content.value, str):
        text = content.value
    else:
        text = "\n".join(item.get_str("text") or "[image]" for item in content.items())
    title = doc.get_str("title")
    cache, ext = cache_hint(doc)
    kept: Object = {**extras(ext), "source": source.mapping()}
    return Media(
        MediaKind.DOCUMENT,
        SourceKind.TEXT,
        text,
        mime="text/plain",
        title=title,
        cache=cache,
        ext=own(kept),
    )


def _thinking(doc: Doc) -> Part:
    text = doc.get_str("thinking")
    signature = unsealed(doc.get_str("signature"))
    _, ext = cache_hint(doc)
    return Thinking((text,) if text else (), signature=signature, ext=ext)


def _redacted(doc: Doc) -> Part:
    signature = unsealed(doc.need_str("data"), "redacted")
    _, ext = cache_hint(doc)
    return Thinking(signature=signature, ext=ext)


def _tool_use(doc: Doc) -> Part:
    call_id, name = doc.need_str("id"), doc.need_str("name")
    given = doc.get("input")
    arguments = _arguments.to_text(given.value if given is not None else None)
    cache, ext = cache_hint(doc)
    return ToolCall(call_id, name, arguments, cache=cache, ext=ext)


def _tool_result(doc: Doc) -> Part:
    call_id = doc.need_str("tool_use_id")
    content = _result_content(doc.get("content"))
    is_error = doc.get_bool("is_error") or False
    cache, ext = cache_hint(doc)
    return ToolResult(call_id, content, is_error=is_error, cache=cache, ext=ext)


def _result_content(content: Doc | None) -> tuple[Text | Media | Opaque, ...]:
    if content is None:
        return ()
    if isinstance(content.value, str):
        return (Text(content.value),) if content.value else ()
    parts: list[Text | Media | Opaque] = []
    for item in content.items():
        part = decode_block(item) if item.get_str("type") in _IN_RESULTS else None
        if not isinstance(part, Text | Media | Opaque):
            part = Opaque(DIALECT, item.mapping())
        parts.append(part)
    return tuple(parts)


def _server_call(doc: Doc, form: str) -> Part:
    call_id, name = doc.need_str("id"), doc.need_str("name")
    given = doc.get("input")
    arguments = _arguments.to_text(given.value if given is not None else None)
    kind = "mcp" if form == "mcp_tool_use" else SERVER_KINDS.get(name, "other")
    if is_ours(call_id):
        return ServerCall(kind, call_id, name, arguments)
    raw = {key: value for key, value in doc.mapping().items() if key != "input"}
    return ServerCall(kind, call_id, name, arguments, DIALECT, raw)


def _server_result(doc: Doc, name: str) -> Part:
    return decode_result(doc.mapping(), SERVER_KINDS.get(name, "other"))


_BLOCKS: Final[dict[str, Callable[[Doc], Part]]] = {
    "text": _text,
    "image": _image,
    "document": _document,
    "search_result": _search_result,
    "tool_reference": _tool_reference,
    "thinking": _thinking,
    "redacted_thinking": _redacted,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
}
