"""Content parts of requests, written (translation spec section 5)."""

from __future__ import annotations

from typing import Final

from mux.codecs import _media
from mux.codecs.openai_chat._wire import DIALECT
from mux.codecs.openai_chat.answer_out import address
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
    SourceKind,
    Text,
)

_AUDIO_FORMATS: Final = {"audio/wav": "wav", "audio/mpeg": "mp3"}
_EXPLICIT: Final[Object] = {"mode": "explicit"}


def own(ext: Ext | None) -> Object:
    """The fields only this dialect knows."""
    return (ext or {}).get(DIALECT, {})


class PartWriter:
    """Writes parts for one request. `native`: it came in this dialect and keeps everything."""

    def __init__(self, native: bool, abilities: Abilities, losses: list[Loss]) -> None:
        self.native = native
        self._abilities = abilities
        self._losses = losses

    def content(self, parts: list[Part]) -> JSON:
        """A ``content``: one plain text as a string, anything else as a list of parts."""
        written = [fields for part in parts if (fields := self.part(part)) is not None]
        if not written:
            return ""
        if len(written) == 1 and written[0].keys() == {"type", "text"}:
            return written[0]["text"]
        return list(written)

    def part(self, part: Part) -> Object | None:
        """One content part, None for what has no form here. Raises `Unsupported`."""
        match part:
            case Text():
                return self.text(part)
            case Refusal():
                return {"type": "refusal", "refusal": part.text}
            case Media():
                return self._media(part)
            case Opaque(dialect=dialect, raw=raw) if dialect == DIALECT and self.native:
                return raw
            case _:
                self._losses.append(Loss(LossKind.DROP, "part"))
                return None

    def text(self, part: Text) -> Object:
        """A ``text`` part."""
        kept = own(part.ext) if self.native else {}
        return {"type": "text", "text": part.text, **self._cache(part.cache), **kept}

    def _cache(self, hint: CacheHint | None) -> Object:
        """A breakpoint for clients of other dialects; this dialect's own comes back as it was."""
        if hint is None or self.native or not self._abilities.cache_breakpoints:
            return {}
        return {"prompt_cache_breakpoint": dict(_EXPLICIT)}

    def _media(self, part: Media) -> Object:
        fields = own(part.ext) if self.native else {}
        raw = fields.get("raw")
        if isinstance(raw, dict):
            return raw
        if not self.native:
            check_media(part, self._abilities)
        match part.kind:
            case MediaKind.IMAGE:
                written = self._image(part, fields)
            case MediaKind.AUDIO:
                written = self._audio(part, fields)
            case _:
                written = self._document(part, fields)
        others = {key: value for key, value in fields.items() if key not in _BESIDE}
        return {**written, **self._cache(part.cache), **others}

    def _image(self, part: Media, fields: Object) -> Object:
        image: Object = {"url": address(part)}
        if part.detail:
            image["detail"] = part.detail
        return {"type": "image_url", "image_url": image | _inner(fields, "image_url")}

    def _audio(self, part: Media, fields: Object) -> Object:
        form = _AUDIO_FORMATS.get(part.mime) or fields.get("format")
        if form is None or part.source is not SourceKind.BASE64:
            raise Unsupported(
                f"Audio of type {part.mime or 'unknown'} cannot be sent to this model. Send WAV or "
                "MP3 as base64.",
                param="messages",
            )
        return {"type": "input_audio", "input_audio": {"data": part.data, "format": form}}

    def _document(self, part: Media, fields: Object) -> Object:
        if part.source is SourceKind.TEXT:
            return {"type": "text", "text": _media.headed(part)}
        file: Object = {}
        name = part.filename or part.title
        if part.source is SourceKind.FILE_ID:
            file["file_id"] = part.data
        else:
            file["file_data"] = address(part)
            name = name or ("" if self.native else _default_name(part))
        if name:
            file["filename"] = name
        return {"type": "file", "file": file | _inner(fields, "file")}


def check_media(part: Media, abilities: Abilities) -> None:
    """Raises `Unsupported` for media that this model or this dialect cannot be sent."""
    if part.source is SourceKind.TEXT:
        return
    accepted = {
        MediaKind.IMAGE: abilities.vision,
        MediaKind.AUDIO: abilities.audio,
        MediaKind.VIDEO: False,
        MediaKind.DOCUMENT: abilities.pdf,
    }
    if not accepted[part.kind]:
        raise Unsupported(
            f"This model cannot be sent {part.mime or part.kind} content. Send it as text, or "
            "use a model that reads it.",
            param="messages",
        )
    by_address = part.source is SourceKind.URL
    if by_address and (part.kind is not MediaKind.IMAGE or not abilities.image_url):
        raise Unsupported(
            f"This model's provider does not fetch a {part.kind} from an address. Send it as "
            "base64.",
            param="messages",
            code="image_url_unsupported",
        )
    if part.kind is not MediaKind.DOCUMENT and part.source is SourceKind.FILE_ID:
        raise Unsupported(
            f"This model's provider takes no {part.kind} by file id. Send it as base64.",
            param="messages",
        )
    if part.mime == _media.SVG:
        raise Unsupported("SVG images cannot be read. Send PNG or JPEG.", param="messages")


_BESIDE: Final = frozenset({"format", "image_url", "file", "raw"})
"""Keys of a media part's own fields that are not fields of the part itself."""


def _inner(fields: Object, key: str) -> Object:
    more = fields.get(key)
    return more if isinstance(more, dict) else {}


def _default_name(part: Media) -> str:
    """OpenAI wants a name with every file it is sent."""
    return "document.pdf" if part.mime == "application/pdf" else "document"
