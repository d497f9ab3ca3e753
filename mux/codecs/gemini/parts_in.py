"""Parts of this dialect to parts: what clients send in histories and what models answer."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from mux.codecs import _arguments, _ids, _media
from mux.codecs.gemini._wire import DIALECT
from mux.codecs.gemini.enums import named_object
from mux.codecs.gemini.files import guess_mime, source_of
from mux.codecs.gemini.signatures import read_signature, standard_base64
from mux.errors import InvalidRequest
from mux.ir import (
    Ext,
    Media,
    Object,
    Opaque,
    Part,
    ServerCall,
    ServerResult,
    Signature,
    SourceKind,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from mux.wire import Doc, json

_INTERNAL: Final = "other"
"""The kind of ``toolCall`` and ``toolResponse``: steps that only the service can read. What they
found is told by the grounding of the answer."""

_NOTHING: Final = (Text(""), Thinking(summary=True))


def own(fields: Object) -> Ext | None:
    """`fields` as this dialect's ext, None if there are none."""
    return {DIALECT: fields} if fields else None


def decode_part(doc: Doc) -> Part:
    """One part. A call without id keeps an empty one. Raises `InvalidRequest` naming the field."""
    value = doc.get_str("thoughtSignature")
    signature = read_signature(value) if value else None
    thought = doc.get_bool("thought") is True
    if (server := _server(doc, signature)) is not None:
        return server
    if (call := doc.get("functionCall")) is not None:
        return _call(doc, call, signature)
    if (result := doc.get("functionResponse")) is not None:
        return _result(doc, result)
    blob, file, text = doc.get("inlineData"), doc.get("fileData"), doc.get("text")
    if thought and (blob is not None or file is not None):
        return Opaque(DIALECT, _raw(doc, signature))  # a sketch, not a piece of the answer
    if blob is not None:
        return replace(_blob(doc, blob), signature=signature)
    if file is not None:
        return replace(_file(doc, file), signature=signature)
    if thought:
        thoughts = text.string() if text is not None else ""
        return Thinking(
            (thoughts,) if thoughts else (), summary=True, signature=signature, ext=own(doc.rest())
        )
    if text is None and not value and (rest := doc.rest()):
        return Opaque(DIALECT, rest)
    return Text(text.string() if text is not None else "", signature=signature, ext=own(doc.rest()))


def _raw(doc: Doc, signature: Signature | None) -> Object:
    """The part as it is, without a signature that is not this dialect's."""
    raw = doc.mapping()
    if signature is None or signature.dialect != DIALECT:
        raw = {key: value for key, value in raw.items() if key != "thoughtSignature"}
    return named_object(raw)


def _server(doc: Doc, signature: Signature | None) -> ServerCall | ServerResult | None:
    """A piece of what the service's own tools did, if the part is one."""
    for key in ("executableCode", "toolCall"):
        if (call := doc.get(key)) is not None:
            kind = "code_execution" if key == "executableCode" else _INTERNAL
            given = call.get_object("args") if key == "toolCall" else _without_id(call)
            arguments = _arguments.to_text(given)
            raw = _raw(doc, signature)
            return ServerCall(kind, call.get_str("id"), "", arguments, DIALECT, raw)
    for key in ("codeExecutionResult", "toolResponse"):
        if (result := doc.get(key)) is not None:
            kind = "code_execution" if key == "codeExecutionResult" else _INTERNAL
            call_id, raw = result.get_str("id"), _raw(doc, signature)
            failed = result.get_str("outcome") not in ("", "OUTCOME_OK")
            return ServerResult(
                kind,
                call_id,
                DIALECT,
                raw,
                output=result.get_str("output"),
                is_error=failed,
            )
    return None


def _without_id(code: Doc) -> Object:
    return {key: value for key, value in named_object(code.mapping()).items() if key != "id"}


def _call(doc: Doc, call: Doc, signature: Signature | None) -> ToolCall:
    arguments = _arguments.to_text(call.get_object("args"))
    call_id, name = call.get_str("id"), call.need_str("name")
    rest = _with_inner(doc, "functionCall", call.rest())
    return ToolCall(call_id, name, arguments, signature=signature, ext=own(rest))


def _result(doc: Doc, result: Doc) -> ToolResult:
    call_id, name = result.get_str("id"), result.get_str("name")
    response = result.get_object("response") or {}
    media = [_shown(part) for part in result.get_items("parts")]
    text, is_error = _text(response)
    inner = result.rest()
    if response != {"error" if is_error else "output": text}:
        inner["response"] = response
    return ToolResult(
        call_id,
        (*((Text(text),) if text else ()), *media),
        name,
        is_error,
        ext=own(_with_inner(doc, "functionResponse", inner)),
    )


def _text(response: Object) -> tuple[str, bool]:
    """A result as text, and whether it tells of an error (translation spec section 7)."""
    for key in ("output", "error"):
        value = response.get(key)
        if len(response) == 1 and value is not None:
            if isinstance(value, str):
                return value, key == "error"
            if key == "error":
                return json.text(value), True
    return json.text(response) if response else "", False


def _shown(doc: Doc) -> Media | Opaque:
    """What a result shows beside its text."""
    blob, file = doc.get("inlineData"), doc.get("fileData")
    if blob is not None:
        return _blob(doc, blob)
    return _file(doc, file) if file is not None else Opaque(DIALECT, doc.mapping())


def _blob(doc: Doc, blob: Doc) -> Media:
    mime, data = blob.get_str("mimeType"), standard_base64(blob.get_str("data"))
    filename = blob.get_str("displayName")
    kind = _media.kind_of(mime or _media.sniff(data))
    rest = _with_inner(doc, "inlineData", blob.rest())
    return Media(kind, SourceKind.BASE64, data, mime, filename=filename, ext=own(rest))


def _file(doc: Doc, file: Doc) -> Media:
    uri, mime = file.need("fileUri").string(), file.get_str("mimeType")
    filename = file.get_str("displayName")
    kind = _media.kind_of(mime or guess_mime(uri))
    rest = _with_inner(doc, "fileData", file.rest())
    return Media(kind, source_of(uri), uri, mime, filename=filename, ext=own(rest))


def _with_inner(doc: Doc, key: str, inner: Object) -> Object:
    """What else the part holds, and what else its data member holds."""
    rest = doc.rest()
    return {**rest, key: inner} if inner else rest


def decode_answer_part(part: Object, response_id: str, index: int) -> Part | None:
    """A part of an answer, the `index`-th of those kept; None for what holds nothing.

    A part of another shape than this dialect's is skipped: dialects grow.
    """
    try:
        decoded = decode_part(Doc(part))
    except InvalidRequest:
        return None
    if isinstance(decoded, ToolCall):
        return _identified(decoded, response_id, index)
    if isinstance(decoded, ServerCall) and not decoded.id:
        return replace(decoded, id=_ids.stable_id("srv_", response_id, index))
    if isinstance(decoded, ServerResult) and not decoded.call_id:  # it follows its call at once
        return replace(decoded, call_id=_ids.stable_id("srv_", response_id, index - 1))
    return None if decoded in _NOTHING else decoded


def _identified(call: ToolCall, response_id: str, index: int) -> ToolCall:
    """`call` with an id every dialect accepts (spec section 7), and the one it came with kept."""
    if _ids.VALID_CALL_ID.match(call.id):
        return call
    call_id = _ids.stable_id("call_", response_id, index, call.id or call.name)
    kept = dict((call.ext or {}).get(DIALECT, {}))
    inner = kept.get("functionCall")
    kept["functionCall"] = {**(inner if isinstance(inner, dict) else {}), "id": call.id or None}
    return replace(call, id=call_id, ext=own(kept))
