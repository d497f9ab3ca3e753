"""Files named by address: which of them anybody can fetch, and what they are."""

from __future__ import annotations

import re
from typing import Final

from mux.ir import SourceKind

_KEPT: Final = re.compile(r"https?://[^/]*\.googleapis\.com/|files/|gs://")
_YOUTUBE: Final = re.compile(r"https?://(www\.|m\.)?(youtube\.com|youtu\.be)/")
_EXTENSION: Final = re.compile(r"\.([a-z0-9]{2,4})(?:[?#].*)?\Z")

_MIMES: Final = {
    "gif": "image/gif",
    "heic": "image/heic",
    "heif": "image/heif",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "mp3": "audio/mp3",
    "ogg": "audio/ogg",
    "wav": "audio/wav",
    "mov": "video/mov",
    "mp4": "video/mp4",
    "mpeg": "video/mpeg",
    "webm": "video/webm",
    "csv": "text/csv",
    "html": "text/html",
    "md": "text/markdown",
    "pdf": "application/pdf",
    "txt": "text/plain",
}


def source_of(uri: str) -> SourceKind:
    """``URL`` for what any provider could fetch, ``FILE_ID`` for what only Google can."""
    if uri.startswith(("https://", "http://")) and not _KEPT.match(uri):
        return SourceKind.URL
    return SourceKind.FILE_ID


def guess_mime(uri: str) -> str:
    """The media type an address suggests, empty if none."""
    if _YOUTUBE.match(uri):
        return "video/mp4"
    extension = _EXTENSION.search(uri.lower())
    return _MIMES.get(extension[1], "") if extension is not None else ""
