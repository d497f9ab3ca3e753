"""Parts of an answer that have one shape in whole answers and in streams."""

from __future__ import annotations

from mux.codecs import _media
from mux.codecs.openai_chat._wire import DIALECT
from mux.ir import JSON, Annotation, Ext, Media, MediaKind, Object, SourceKind, Thinking


def thinking(field: str, *texts: str) -> Thinking:
    """Reasoning that came under the name `field`; an unusual name is kept for the way back."""
    ext: Ext | None = {DIALECT: {"field": field}} if field == "reasoning" else None
    return Thinking(texts, ext=ext)


def citations(value: JSON) -> list[Annotation]:
    """The citations in a list. Other kinds of annotation are kept as they are."""
    if not isinstance(value, list):
        return []
    return [_annotation(entry) for entry in value if isinstance(entry, dict)]


def _annotation(entry: Object) -> Annotation:
    citation = entry.get("url_citation")
    fields: Object = citation if isinstance(citation, dict) else {}
    return Annotation(
        url=_text(fields.get("url")),
        title=_text(fields.get("title")),
        start=_offset(fields.get("start_index")),
        end=_offset(fields.get("end_index")),
        cited_text=_text(fields.get("content")),
        dialect=DIALECT,
        raw=entry,
    )


def images(value: JSON) -> list[Media]:
    """quirk(openrouter): images a model made stand beside the content, as ``image_url`` parts."""
    if not isinstance(value, list):
        return []
    found = [image_url(entry.get("image_url")) for entry in value if isinstance(entry, dict)]
    return [image for image in found if image is not None]


def image_url(value: JSON) -> Media | None:
    """The image in an ``image_url``, which is an object or, at some hosts, its address alone."""
    url = value.get("url") if isinstance(value, dict) else value
    if not isinstance(url, str) or not url:
        return None
    return linked(MediaKind.IMAGE, url)


def linked(kind: MediaKind, url: str) -> Media:
    """Media by address: base64 if the address is a ``data:`` URL."""
    inline = _media.parse_data_url(url)
    if inline is None:
        return Media(kind, SourceKind.URL, url)
    mime, data = inline
    return Media(kind, SourceKind.BASE64, data, _media.true_mime(mime, data))


def audio(fields: Object) -> Media | None:
    """A spoken answer, None if there is nothing in it."""
    data, transcript = _text(fields.get("data")), _text(fields.get("transcript"))
    if not data and not transcript:
        return None
    kept: Object = {key: value for key in ("id", "expires_at") if (value := fields.get(key))}
    return Media(
        MediaKind.AUDIO,
        SourceKind.BASE64,
        data,
        _media.sniff(data),
        transcript=transcript,
        ext={DIALECT: kept} if kept else None,
    )


def _text(value: JSON) -> str:
    return value if isinstance(value, str) else ""


def _offset(value: JSON) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else -1
