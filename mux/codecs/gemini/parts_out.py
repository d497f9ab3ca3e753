"""Parts to parts of this dialect: what upstreams get in histories and clients as answers."""

from __future__ import annotations

import base64

from mux.codecs import _arguments
from mux.codecs._free_text import wrap_text
from mux.codecs.gemini._wire import DIALECT
from mux.codecs.gemini.files import guess_mime
from mux.ir import (
    Ext,
    Media,
    Object,
    Opaque,
    Part,
    Refusal,
    ServerCall,
    ServerResult,
    SourceKind,
    Text,
    Thinking,
    ToolCall,
    ToolKind,
)


def encode_part(part: Part, signature: str = "", *, ids: bool = True) -> Object | None:
    """One part with its signature; None for parts this dialect cannot show.

    `ids`: calls carry theirs. Results of the client's tools are not for this function.
    """
    match part:
        case Text(text=text) | Refusal(text=text):
            out: Object = {"text": text}
        case Thinking():
            out = {"text": part.text, "thought": True}
        case ToolCall():
            out = {"functionCall": _call(part, ids)}
        case Media():
            out = encode_media(part)
        case ServerCall(dialect=dialect, raw=raw) | ServerResult(dialect=dialect, raw=raw):
            return raw if dialect == DIALECT else None
        case Opaque(dialect=dialect, raw=raw):
            return raw if dialect == DIALECT else None
        case _:
            return None
    if signature:
        out["thoughtSignature"] = signature
    return merged(out, part.ext)


def encode_foreign(part: Part) -> Object | None:
    """Code another provider ran, or what it printed, for a client; None for all else."""
    match part:
        case ServerCall(kind="code_execution", arguments=arguments):
            fields = _arguments.to_object(arguments)
            code = fields.get("code", fields.get("command", ""))
            return {"executableCode": {"language": "PYTHON", "code": code}}
        case ServerResult(kind="code_execution"):
            outcome = "OUTCOME_FAILED" if part.is_error else "OUTCOME_OK"
            return {"codeExecutionResult": {"outcome": outcome, "output": part.output}}
        case _:
            return None


def encode_media(part: Media) -> Object:
    """The data member of a media part."""
    name: Object = {"displayName": part.filename} if part.filename else {}
    match part.source:
        case SourceKind.BASE64:
            return {"inlineData": {"mimeType": part.mime, "data": part.data, **name}}
        case SourceKind.TEXT:
            data = base64.b64encode(part.data.encode()).decode()
            return {"inlineData": {"mimeType": "text/plain", "data": data, **name}}
        case SourceKind.URL | SourceKind.FILE_ID:
            mime = part.mime or guess_mime(part.data)
            kind: Object = {"mimeType": mime} if mime else {}
            return {"fileData": {**kind, "fileUri": part.data, **name}}


def merged(out: Object, ext: Ext | None) -> Object:
    """`out` with what else the native part held; a null there takes a member away."""
    for key, value in (ext or {}).get(DIALECT, {}).items():
        inner = out.get(key)
        if isinstance(inner, dict) and isinstance(value, dict):
            both = {**inner, **value}
            out[key] = {name: item for name, item in both.items() if item is not None}
        else:
            out[key] = value
    return out


def _call(part: ToolCall, ids: bool) -> Object:
    text = part.arguments
    if part.kind is ToolKind.CUSTOM:
        text = wrap_text(text)
    known: Object = {"id": part.id} if ids and part.id else {}
    return {**known, "name": part.name, "args": _arguments.to_object(text)}
