"""Parts to content blocks of a request to an upstream (translation spec sections 4, 5, 7 and 8)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence
from typing import Final

from mux.codecs import _arguments, _media
from mux.codecs.anthropic._own import DIALECT, extras, nested
from mux.codecs.anthropic.citations import native_citations
from mux.errors import Unsupported
from mux.ir import (
    JSON,
    Abilities,
    CacheHint,
    Ext,
    Loss,
    LossKind,
    Media,
    MediaKind,
    Object,
    Opaque,
    Part,
    Refusal,
    Role,
    ServerCall,
    ServerResult,
    SourceKind,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)

_IMAGES: Final = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_PDF: Final = "application/pdf"
_TTLS: Final = {"5m": "5m", "1h": "1h", "12h": "1h"}
"""Lifetimes of a breakpoint by any dialect's word; all others mean the default."""


def with_own(block: Object, cache: CacheHint | None, ext: Ext | None) -> Object:
    """`block` with its breakpoint and the fields only this dialect knows."""
    extra = extras(ext)
    if cache is not None:
        ttl: Object = {"ttl": _TTLS[cache.ttl]} if cache.ttl in _TTLS else {}
        block["cache_control"] = {"type": "ephemeral", **ttl, **nested(extra, "cache_control")}
    return block | {key: extra[key] for key in extra if key != "cache_control"} if extra else block


def text_blocks(part: Text) -> list[Object]:
    """The block of `part`; none for blank text, which is refused (pitfall 101)."""
    if "type" in extras(part.ext):
        return [with_own({}, part.cache, part.ext)]
    if not part.text or part.text.isspace():
        return []
    block: Object = {"type": "text", "text": part.text}
    if citations := native_citations(part.annotations):
        block["citations"] = list[JSON](citations)
    return [with_own(block, part.cache, part.ext)]


class Blocks:
    """Encodes the parts of one request's messages. `native`: the client spoke this dialect."""

    def __init__(self, abilities: Abilities, losses: list[Loss], *, native: bool) -> None:
        self._abilities = abilities
        self._losses = losses
        self._native = native

    def encode(self, role: Role, parts: Iterable[Part]) -> list[Object]:
        """The blocks of one message. Media that results cannot hold come after all results."""
        out: list[Object] = []
        shown: list[Part] = []
        for part in parts:
            if isinstance(part, Media) and role is Role.ASSISTANT and not self._native:
                out += self._shown_by_assistant(part)
            else:
                out += self._blocks(part)
            if isinstance(part, ToolResult) and not self._abilities.tool_media:
                shown += [inner for inner in part.content if isinstance(inner, Media)]
        return [*out, *(block for media in shown for block in self._blocks(media))]

    def _blocks(self, part: Part) -> list[Object]:
        match part:
            case Text():
                return text_blocks(part)
            case Refusal():
                return text_blocks(Text(part.text))
            case Media():
                return self.media(part)
            case Thinking():
                return self._thinking(part)
            case ToolCall():
                return self._call(part)
            case ToolResult():
                return self._result(part)
            case ServerCall():
                return self._server_call(part)
            case ServerResult():
                return self._server_result(part)
            case Opaque():
                return self._opaque(part)

    def _thinking(self, part: Thinking) -> list[Object]:
        """Only what an upstream of this dialect signed; `drop_unsigned` has seen to the rest."""
        signature = part.signature
        if signature is None:
            return []
        if signature.kind == "redacted":
            block: Object = {"type": "redacted_thinking", "data": signature.value}
        else:
            block = {"type": "thinking", "thinking": part.text, "signature": signature.value}
        return [with_own(block, None, part.ext)]

    def _call(self, part: ToolCall) -> list[Object]:
        block: Object = {
            "type": "tool_use",
            "id": part.id,
            "name": part.name,
            "input": _arguments.to_object(part.arguments),
        }
        return [with_own(block, part.cache, part.ext)]

    def _result(self, part: ToolResult) -> list[Object]:
        block: Object = {"type": "tool_result", "tool_use_id": part.call_id}
        content = [self._inside_result(inner) for inner in part.content]
        text = _plain(content)
        if text is not None:
            block["content"] = text
        elif blocks := [found for inner in content for found in self._blocks(inner)]:
            block["content"] = list[JSON](blocks)
        if part.is_error:
            block["is_error"] = True
        return [with_own(block, part.cache, part.ext)]

    def _inside_result(self, part: Text | Media | Opaque) -> Text | Media | Opaque:
        """`part`, or the words that stand for media a result cannot hold (case F26)."""
        if not isinstance(part, Media):
            return part
        return part if self._abilities.tool_media else Text(f"[{part.kind} attached below]")

    def _server_call(self, part: ServerCall) -> list[Object]:
        if part.dialect != DIALECT or part.raw is None:
            return self._dropped(f"server_call.{part.kind}")
        return [native_call(part)]

    def _server_result(self, part: ServerResult) -> list[Object]:
        if part.dialect != DIALECT or part.raw is None:
            return self._dropped(f"server_result.{part.kind}")
        return [dict(part.raw)]

    def _opaque(self, part: Opaque) -> list[Object]:
        if part.dialect != DIALECT:
            return self._dropped("opaque")
        return [dict(part.raw)]

    def _dropped(self, what: str) -> list[Object]:
        self._losses.append(Loss(LossKind.DROP, what))
        return []

    def _shown_by_assistant(self, part: Media) -> list[Object]:
        """Assistants have no media here: a note stands for them in the history."""
        self._losses.append(Loss(LossKind.DEGRADE, f"assistant_{part.kind}"))
        return text_blocks(Text(part.transcript or f"[{part.kind}]"))

    def media(self, part: Media) -> list[Object]:
        """An image or a document. Raises `Unsupported` for what the model cannot be sent."""
        if part.kind is MediaKind.IMAGE:
            return [with_own(self._image(part), part.cache, part.ext)]
        if part.kind is MediaKind.DOCUMENT:
            block = self._document(part)
            if part.title or part.filename:
                block["title"] = part.title or part.filename
            return [with_own(block, part.cache, part.ext)]
        raise _refused(f"{part.kind} input", "Send text, images or documents.")

    def _image(self, part: Media) -> Object:
        if not self._abilities.vision:
            raise _refused("image input", "Use a model that sees images.")
        if part.source is not SourceKind.BASE64:
            return {"type": "image", "source": self._reference(part)}
        mime = _media.true_mime(part.mime, part.data)
        if mime not in _IMAGES:
            raise _refused(f"an image of type {mime or 'unknown'}", "Send JPEG, PNG, GIF or WebP.")
        source: Object = {"type": "base64", "media_type": mime, "data": part.data}
        return {"type": "image", "source": source}

    def _document(self, part: Media) -> Object:
        if part.source is SourceKind.TEXT:
            return _text_document(part.data)
        mime = part.mime
        if part.source is SourceKind.BASE64:
            mime = _media.true_mime(part.mime, part.data)
            if mime.startswith("text/") and (text := _decoded(part.data)) is not None:
                return _text_document(text)
        if not self._abilities.pdf:
            raise _refused("a PDF document", "Send its text, or use a model that reads PDFs.")
        if part.source is not SourceKind.BASE64:
            return {"type": "document", "source": self._reference(part)}
        if mime != _PDF:
            raise _refused(f"a document of type {mime or 'unknown'}", "Send a PDF or plain text.")
        source: Object = {"type": "base64", "media_type": mime, "data": part.data}
        return {"type": "document", "source": source}

    def _reference(self, part: Media) -> Object:
        if part.source is SourceKind.FILE_ID:
            return {"type": "file", "file_id": part.data}
        if not self._abilities.image_url:
            raise Unsupported(
                f"This model's provider fetches no {part.kind} by its URL. Send its bytes as "
                "base64.",
                param="messages",
                code="image_url_unsupported",
            )
        return {"type": "url", "url": part.data}


def native_call(part: ServerCall) -> Object:
    """A call of a provider-run tool as this dialect's upstream made it; `raw` is all but input."""
    head: Object = {}
    for key, value in (part.raw or {}).items():
        head[key] = value
        if key == "name":
            head["input"] = _arguments.to_object(part.arguments)
    return head


def _plain(content: Sequence[Part]) -> str | None:
    """A result's only text if it may go as a string, which unlike a block may be blank."""
    match content:
        case [Text(text=text, cache=None, annotations=(), ext=ext)] if not extras(ext):
            return text
        case _:
            return None


def _text_document(text: str) -> Object:
    source: Object = {"type": "text", "media_type": "text/plain", "data": text}
    return {"type": "document", "source": source}


def _decoded(data: str) -> str | None:
    try:
        return base64.b64decode(data).decode()
    except (binascii.Error, ValueError):
        return None


def _refused(what: str, advice: str) -> Unsupported:
    return Unsupported(f"This model does not take {what}. {advice}", param="messages")
