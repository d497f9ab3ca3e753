"""Messages of a client of this dialect, as the IR has them (translation spec sections 3, 5, 7)."""

from __future__ import annotations

from typing import Final

from mux.codecs import _arguments, _media
from mux.codecs.ollama._wire import DIALECT
from mux.ir import (
    Ext,
    Media,
    MediaKind,
    Message,
    Object,
    Part,
    Role,
    SourceKind,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from mux.wire import Doc, each, remembered

_ROLES: Final = tuple(Role)


def decode_messages(docs: Doc | None) -> tuple[tuple[Text, ...], tuple[Message, ...]]:
    """The leading system texts, and the messages after them. Empty system texts are left out."""
    system: list[Text] = []
    messages: list[Message] = []
    for message in each(_message, docs):
        if message.role is not Role.SYSTEM:
            messages.append(message)
            continue
        texts = [part for part in message.parts if isinstance(part, Text)]
        if messages or len(texts) < len(message.parts):
            messages.append(message)
        else:
            system += texts
    return tuple(system), tuple(messages)


def decode_images(docs: list[Doc]) -> tuple[Media, ...]:
    """Images as base64; a ``data:`` prefix is taken off (pitfall 161)."""
    return tuple(image(doc.string()) for doc in docs)


def image(data: str) -> Media:
    """The media in base64 `data`: an image, unless its first bytes say otherwise."""
    parsed = _media.parse_data_url(data)
    declared, data = parsed if parsed is not None else ("", data)
    mime = _media.true_mime(declared, data)
    kind = _media.kind_of(mime) if mime else MediaKind.IMAGE
    return Media(kind, SourceKind.BASE64, data, mime)


def own(fields: Object) -> Ext | None:
    """`fields` as those only this dialect knows, None if there are none."""
    return {DIALECT: fields} if fields else None


@remembered
def _message(doc: Doc) -> Message:
    role = _role(doc.need("role"))
    if role is Role.TOOL:
        result = _result(doc)
        return Message(role, (result,), ext=own(doc.rest()))
    parts: list[Part] = []
    if thinking := doc.get_str("thinking"):
        parts.append(Thinking((thinking,)))
    if content := doc.get_str("content"):
        parts.append(Text(content))
    parts += decode_images(doc.get_items("images"))
    parts += [_call(call) for call in doc.get_items("tool_calls")]
    return Message(role, tuple(parts), ext=own(doc.rest()))


def _role(doc: Doc) -> Role:
    word = doc.string().lower()
    if word not in _ROLES:
        raise doc.error(f"must be one of {', '.join(_ROLES)}, not {word[:40]!r}")
    return Role(word)


def _result(doc: Doc) -> ToolResult:
    content = doc.get_str("content")
    texts = (Text(content),) if content else ()
    return ToolResult(
        doc.get_str("tool_call_id"),
        (*texts, *decode_images(doc.get_items("images"))),
        name=doc.get_str("tool_name"),
    )


def _call(doc: Doc) -> ToolCall:
    """A call. Its id may be empty: results then find it by name and order (pitfall F19).

    What surrounds name and arguments is kept, so that a call without an id goes back without one.
    """
    function = doc.need("function")
    name = function.need_str("name")
    arguments = function.get("arguments")
    value = arguments.value if arguments is not None else None
    call_id = doc.get_str("id")
    shell = doc.rest()
    if call_id:
        shell["id"] = call_id
    shell["function"] = function.rest()
    return ToolCall(
        call_id,
        name,
        value if isinstance(value, str) else _arguments.to_text(value),
        ext={DIALECT: shell},
    )
