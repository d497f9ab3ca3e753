"""Images and files, both ways (translation spec section 5)."""

from __future__ import annotations

from typing import Final

from mux.codecs import _media
from mux.codecs.openai_responses._own import DIALECT, keep, own
from mux.codecs.openai_responses.texts import decode_cache
from mux.errors import Unsupported
from mux.ir import Abilities, Media, MediaKind, Object, SourceKind
from mux.wire import Doc

_FILENAME: Final = "document.pdf"
"""What a file is called that came without a name: the API demands one."""


def decode_image(part: Doc) -> Media:
    """An ``input_image``: by address, by data URL or by file id."""
    return _decoded(part, MediaKind.IMAGE, "image_url", "file_id")


def decode_file(part: Doc) -> Media:
    """An ``input_file``: as data (with or without a data URL around it), by address or by id."""
    return _decoded(part, MediaKind.DOCUMENT, "file_data", "file_url", "file_id")


def _decoded(part: Doc, kind: MediaKind, *sources: str) -> Media:
    fields: Object = {}
    name = next((name for name in sources if part.get(name) is not None), "")
    if not name:
        raise part.error(f"one of {', '.join(sources)} is required")
    data, mime, source = part.need(name).string(), "", SourceKind.URL
    filename = part.get_str("filename")
    if name == "file_id":
        source = SourceKind.FILE_ID
    elif (parsed := _media.parse_data_url(data)) is not None:
        (mime, data), source = parsed, SourceKind.BASE64
    elif name == "file_data":
        mime, source = _media.sniff(data), SourceKind.BASE64
        fields["bare"] = True
    if kind is MediaKind.DOCUMENT and mime:
        kind = _media.kind_of(mime)
        if kind is not MediaKind.DOCUMENT:
            fields["file"] = True
    detail = part.get_str("detail")
    cache = decode_cache(part.get("prompt_cache_breakpoint"))
    return Media(
        kind,
        source,
        data,
        mime,
        detail=detail,
        filename=filename,
        cache=cache,
        ext=keep(part.rest() | fields),
    )


def encode_media(part: Media) -> Object:
    """`part` as ``input_image`` or ``input_file``; `check_media` says whether it can be sent."""
    fields = dict(own(part.ext))
    bare, file = fields.pop("bare", False), fields.pop("file", False)
    out: Object
    if part.source is SourceKind.TEXT:
        return {"type": "input_text", "text": _media.headed(part)}
    if part.kind is MediaKind.IMAGE and not file:
        out = {"type": "input_image"}
        if part.source is SourceKind.FILE_ID:
            out["file_id"] = part.data
        else:
            out["image_url"] = _address(part)
    else:
        out = _file(part, bare=bool(bare))
    if part.detail:
        out["detail"] = part.detail
    return out | fields


def _file(part: Media, *, bare: bool) -> Object:
    out: Object = {"type": "input_file"}
    if part.filename:
        out["filename"] = part.filename
    match part.source:
        case SourceKind.FILE_ID:
            out["file_id"] = part.data
        case SourceKind.URL:
            out["file_url"] = part.data
        case _:
            if not bare and DIALECT not in (part.ext or {}):
                out.setdefault("filename", part.title or _FILENAME)
            out["file_data"] = part.data if bare else _address(part)
    return out


def _address(part: Media) -> str:
    if part.source is SourceKind.URL:
        return part.data
    return _media.data_url(part.mime or _media.sniff(part.data), part.data)


def check_media(part: Media, abilities: Abilities) -> None:
    """Raises `Unsupported` for what the model could not read: that would change its answer."""
    if part.kind in (MediaKind.AUDIO, MediaKind.VIDEO):
        raise _refused(f"{part.kind} input", "messages", "unsupported_media")
    if part.kind is MediaKind.IMAGE:
        if not abilities.vision:
            raise _refused("images", "messages", "unsupported_media")
        if part.mime == _media.SVG:
            raise _refused("SVG images", "messages", "unsupported_media")
        if part.source is SourceKind.URL and not abilities.image_url:
            raise _refused("images by address", "messages", "image_url_unsupported")
    elif part.source is not SourceKind.TEXT and not abilities.pdf:
        raise _refused("documents", "messages", "unsupported_media")


def _refused(what: str, param: str, code: str) -> Unsupported:
    return Unsupported(
        f"The chosen model does not take {what}. Leave it out, send it in another form, or use a "
        "model that does.",
        param=param,
        code=code,
    )
