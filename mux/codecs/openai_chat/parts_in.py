"""Content parts of requests, read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from mux.codecs import _media
from mux.codecs.openai_chat._wire import DIALECT
from mux.codecs.openai_chat.answer_in import image_url, linked
from mux.ir import (
    CacheHint,
    Ext,
    Media,
    MediaKind,
    Object,
    Opaque,
    Part,
    Refusal,
    SourceKind,
    Text,
    Thinking,
)
from mux.wire import Doc

_CACHE: Final = ("cache_control", "prompt_cache_breakpoint")
_AUDIO: Final = {"mp3": "audio/mpeg"}


def decode_content(doc: Doc | None) -> tuple[Part, ...]:
    """The parts of a ``content``: a string, a list of parts, or nothing."""
    if doc is None:
        return ()
    if isinstance(doc.value, str):
        return (Text(doc.value),)
    return tuple(decode_part(item) for item in doc.items())


def decode_part(doc: Doc) -> Part:
    """One part; of a type nobody else knows, it stays as it is."""
    kind = doc.get_str("type")
    reader = _READERS.get(kind)
    return reader(doc) if reader is not None else Opaque(DIALECT, doc.mapping())


def cache_hint(fields: Object) -> CacheHint | None:
    """The cache breakpoint a part or a tool sets, under OpenAI's name or Anthropic's."""
    for key in _CACHE:
        hint = fields.get(key)
        if isinstance(hint, dict):
            ttl = hint.get("ttl")
            return CacheHint(ttl if isinstance(ttl, str) else "")
    return None


def own(fields: Object) -> Ext | None:
    """Fields only this dialect knows, None if there are none."""
    return {DIALECT: fields} if fields else None


def _text(doc: Doc) -> Part:
    text = doc.need_str("text")
    return Text(text, cache=cache_hint(doc.mapping()), ext=own(doc.rest()))


def _refusal(doc: Doc) -> Part:
    return Refusal(doc.need_str("refusal"))


def _thinking(doc: Doc) -> Part:
    """quirk(mistral): reasoning as a content part, its text in parts of its own."""
    inner = doc.need("thinking")
    if isinstance(inner.value, str):
        text = inner.value
    else:
        text = "".join(piece.get_str("text") for piece in inner.items())
    return Thinking((text,), ext=own({"raw": doc.mapping()}))


def _image(doc: Doc) -> Part:
    inner = doc.need("image_url")
    detail = ""
    fields: Object = {}
    if isinstance(inner.value, str):  # quirk(mistral): the address alone
        url = inner.value
    else:
        url = inner.need_str("url")
        detail = inner.get_str("detail")
        if more := inner.rest():
            fields["image_url"] = more
    image = image_url(url)
    if image is None:
        raise inner.error("the address is empty")
    return _with(image, doc, fields, detail=detail)


def _audio(doc: Doc) -> Part:
    inner = doc.need("input_audio")
    data, form = inner.need_str("data"), inner.get_str("format")
    inline = _media.parse_data_url(data)
    declared, data = inline if inline is not None else ("", data)
    mime = _media.true_mime(_AUDIO.get(form, f"audio/{form}") if form else declared, data)
    audio = Media(MediaKind.AUDIO, SourceKind.BASE64, data, mime)
    return _with(audio, doc, {"format": form} if form else {})


def _file(doc: Doc) -> Part:
    inner = doc.need("file")
    name, file_id = inner.get_str("filename"), inner.get_str("file_id")
    data = inner.get_str("file_data")
    if file_id:
        found = Media(MediaKind.DOCUMENT, SourceKind.FILE_ID, file_id)
    elif data:
        found = _document(data)
    else:
        raise inner.error("needs file_data or file_id")
    more = inner.rest()
    return _with(found, doc, {"file": more} if more else {}, filename=name)


def _document(data: str) -> Media:
    """A document by ``data:`` URL, by address, or as bare base64."""
    if "://" in data[:16] or data[:5].lower() == "data:":
        return linked(MediaKind.DOCUMENT, data)
    return Media(MediaKind.DOCUMENT, SourceKind.BASE64, data, _media.sniff(data))


def _linked(key: str, kind: MediaKind) -> Callable[[Doc], Part]:
    """A reader of some host's part that holds an address under `key`; it also stays as it is."""

    def read(doc: Doc) -> Part:
        inner = doc.need(key)
        url = inner.value if isinstance(inner.value, str) else inner.need_str("url")
        return _with(linked(kind, url), doc, {"raw": doc.mapping()})

    return read


def _with(media: Media, doc: Doc, fields: Object, *, detail: str = "", filename: str = "") -> Part:
    kept = fields if "raw" in fields else {**doc.rest(), **fields}
    return Media(
        media.kind,
        media.source,
        media.data,
        media.mime,
        detail=detail,
        filename=filename,
        cache=cache_hint(doc.mapping()),
        ext=own(kept),
    )


_READERS: Final[dict[str, Callable[[Doc], Part]]] = {
    "text": _text,
    "refusal": _refusal,
    "thinking": _thinking,
    "image_url": _image,
    "input_audio": _audio,
    "file": _file,
    "video_url": _linked("video_url", MediaKind.VIDEO),
    "document_url": _linked("document_url", MediaKind.DOCUMENT),
    "file_url": _linked("file_url", MediaKind.DOCUMENT),
}
"""The last three: OpenRouter's video, Mistral's and Perplexity's documents."""
