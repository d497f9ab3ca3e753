"""Media: data URLs, media types by file magic, and what becomes of media no model is shown.

Translation spec section 5.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import Final
from urllib.parse import unquote_to_bytes

from msgspec.structs import replace

from mux.errors import Unsupported
from mux.ir import (
    Loss,
    LossKind,
    Media,
    MediaKind,
    Opaque,
    Part,
    Request,
    SourceKind,
    Text,
    ToolResult,
)

_DATA_URL: Final = re.compile(r"data:([^;,]*)((?:;[^;,]*)*),", re.IGNORECASE)
_SNIFF_CHARS: Final = 64
_TEXTUAL: Final = re.compile(r"text/|application/([\w.-]+\+)?(json|xml|x?-?yaml|toml|javascript)\Z")
_UNREAD: Final = "[{} left out: this model cannot read it]"

SVG: Final = "image/svg+xml"
"""The image that no model reads."""

_MAGIC: Final[tuple[tuple[bytes, str], ...]] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"fLaC", "audio/flac"),
    (b"OggS", "audio/ogg"),
)
_RIFF: Final = {b"WEBP": "image/webp", b"WAVE": "audio/wav"}
_FTYP: Final = {b"heic": "image/heic", b"heix": "image/heic", b"mif1": "image/heif"}

_ALIASES: Final = {
    "image/jpg": "image/jpeg",
    "audio/mp3": "audio/mpeg",
    "audio/x-wav": "audio/wav",
    "audio/wave": "audio/wav",
}


def parse_data_url(url: str) -> tuple[str, str] | None:
    """(media type, base64) of a ``data:`` URL, percent-encoded ones too; None for any other URL."""
    match = _DATA_URL.match(url)
    if match is None:
        return None
    data = url[match.end() :]
    if not match[2].lower().endswith(";base64"):
        data = base64.b64encode(unquote_to_bytes(data)).decode()
    return match[1].lower(), data


def data_url(mime: str, data: str) -> str:
    """The ``data:`` URL of base64 `data`."""
    return f"data:{mime or 'application/octet-stream'};base64,{data}"


def sniff(data: str) -> str:
    """The media type the first bytes of base64 `data` give away, empty if they do not."""
    try:
        head = base64.b64decode(data[:_SNIFF_CHARS] + "==", altchars=None)
    except (binascii.Error, ValueError):
        return ""
    for magic, mime in _MAGIC:
        if head.startswith(magic):
            return mime
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12], "")
    if head[4:8] == b"ftyp":
        return _FTYP.get(head[8:12], "")
    return ""


def true_mime(mime: str, data: str) -> str:
    """The media type of base64 `data`: what its bytes say, else what was declared (section 5)."""
    declared = mime.lower().partition(";")[0].strip()
    return sniff(data) or _ALIASES.get(declared, declared)


def kind_of(mime: str) -> MediaKind:
    """Which kind of media `mime` is; whatever is no image, sound or film is a document."""
    major = mime.partition("/")[0].lower()
    if major in (MediaKind.IMAGE, MediaKind.AUDIO, MediaKind.VIDEO):
        return MediaKind(major)
    return MediaKind.DOCUMENT


def headed(part: Media) -> str:
    """A text document as text, for where there are no documents."""
    return f"[file: {part.filename or part.title or 'text'}]\n{part.data}"


def settle(request: Request, check: Callable[[Media], object], losses: list[Loss]) -> Request:
    """`request` with its media as they truly are, and words for those that results cannot show.

    `check` raises `Unsupported` for media the model cannot be sent. What a user attaches is refused
    by that, when it is written. A result stays in an agent's history: refused, it would end the
    session, so the model is told in its place (F26, F36).
    """

    def settled(part: Part) -> Part:
        match part:
            case Media():
                return _known(part)
            case ToolResult():
                shown = (_shown(piece, check, losses) for piece in part.content)
                return replace(part, content=tuple(shown))
            case _:
                return part

    if not any([Media in message.kinds for message in request.messages]):
        return request
    messages = [
        replace(message, parts=tuple(map(settled, message.parts)))
        if Media in message.kinds
        else message
        for message in request.messages
    ]
    return replace(request, messages=tuple(messages))


def _shown(
    piece: Text | Media | Opaque, check: Callable[[Media], object], losses: list[Loss]
) -> Text | Media | Opaque:
    if not isinstance(piece, Media):
        return piece
    piece = _known(piece)
    try:
        check(piece)
    except Unsupported:
        losses.append(Loss(LossKind.DROP, str(piece.kind)))
        return Text(_UNREAD.format(piece.kind))
    return piece


def _known(part: Media) -> Media:
    """`part` with the type its bytes give away, and a document that is text as text."""
    if part.source is not SourceKind.BASE64:
        return part
    found = sniff(part.data)
    mime = true_mime(part.mime, part.data)
    kind = kind_of(found) if found else part.kind
    if kind is MediaKind.DOCUMENT and _TEXTUAL.match(mime):
        text = _decoded(part.data)
        if text is not None:
            return replace(part, source=SourceKind.TEXT, data=text, mime=mime)
    return part if (mime, kind) == (part.mime, part.kind) else replace(part, mime=mime, kind=kind)


def _decoded(data: str) -> str | None:
    try:
        return base64.b64decode(data).decode()
    except ValueError:
        return None
