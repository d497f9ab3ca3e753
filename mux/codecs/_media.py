"""Media as text: data URLs, media types by file magic, and the kinds they make."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from mux.ir import MediaKind

_DATA_URL: Final = re.compile(r"data:([^;,]*)((?:;[^;,]*)*),", re.IGNORECASE)
_SNIFF_CHARS: Final = 64

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
    """(media type, base64) of a ``data:`` URL that carries base64; None for any other URL."""
    match = _DATA_URL.match(url)
    if match is None or not match[2].lower().endswith(";base64"):
        return None
    return match[1].lower(), url[match.end() :]


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
