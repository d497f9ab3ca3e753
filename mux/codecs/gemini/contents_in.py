"""``contents`` and ``systemInstruction`` to messages, one message a content."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from msgspec.structs import replace

from mux.codecs.gemini._wire import DIALECT
from mux.codecs.gemini.parts_in import decode_part, own
from mux.codecs.gemini.signatures import signature_of
from mux.codecs.gemini.spelling import respell
from mux.ir import Media, Message, Part, Role, Signature, Text, Thinking, ToolCall, ToolResult
from mux.wire import Doc, each, remembered

_ROLES: Final = {
    "": Role.USER,
    "user": Role.USER,
    "function": Role.USER,
    "model": Role.ASSISTANT,
}


def decode_contents(body: Doc) -> tuple[Message, ...]:
    """The conversation. Raises `InvalidRequest`."""
    contents = body.need("contents")
    alone = isinstance(contents.value, dict)
    messages = [_message(contents)] if alone else each(_message, contents)
    if not messages:
        raise contents.error("at least one content is needed")
    return tuple(_joined(messages))


def decode_system(doc: Doc | None) -> tuple[Text, ...]:
    """The system instruction: a content, or text alone. Raises `InvalidRequest`."""
    if doc is None:
        return ()
    if isinstance(doc.value, str):
        return (Text(doc.value),) if doc.value else ()
    docs = doc.items() if isinstance(doc.value, list) else _parts_of(doc)
    return tuple(Text(text) for part in docs if (text := part.need_str("text")))


def _joined(messages: Iterable[Message]) -> Iterator[Message]:
    """`messages` with the model's own pieces made one again.

    Programs put the chunks of a streamed answer into their history as they came: each a part, or
    each a content of its own.
    """
    begun: Message | None = None
    """an answer of which so far only text has come"""
    for message in messages:
        current = message
        if begun is not None and message.role is Role.ASSISTANT and message.ext is None:
            current = replace(message, parts=(*begun.parts, *message.parts))
        elif begun is not None:
            yield begun
        if current.role is Role.ASSISTANT:
            parts = _whole(current.parts)
            if len(parts) < len(current.parts):
                current = replace(current, parts=tuple(parts))
        begun = current if _only_text(current) else None
        if begun is None:
            yield current
    if begun is not None:
        yield begun


def _only_text(message: Message) -> bool:
    texts = all(isinstance(part, Text | Thinking) for part in message.parts)
    return message.role is Role.ASSISTANT and message.ext is None and texts


def _whole(parts: Iterable[Part]) -> list[Part]:
    """`parts` with neighbouring pieces of plain text joined; a signed part stays as it is."""
    out: list[Part] = []
    for part in parts:
        last = out[-1] if out else None
        if (
            isinstance(part, Text)
            and isinstance(last, Text)
            and part == Text(part.text)
            and last == Text(last.text)
        ):
            out[-1] = Text(last.text + part.text)
        else:
            out.append(part)
    return out


@remembered
def _message(doc: Doc) -> Message:
    respell(doc)
    role = _role(doc)
    parts = tuple(_returned([decode_part(part) for part in _parts_of(doc)]))
    if parts and all(isinstance(part, ToolResult) for part in parts):
        role = Role.TOOL
    return Message(role, parts, ext=own(doc.rest()))


def _role(doc: Doc) -> Role:
    word = doc.get_str("role")
    role = _ROLES.get(word)
    if role is None:
        raise doc.need("role").error(f"must be user or model, not {word[:40]!r}")
    return role


def _parts_of(doc: Doc) -> list[Doc]:
    parts = doc.get("parts")
    if parts is None:
        return []
    return [parts] if isinstance(parts.value, dict) else parts.items()


def _returned(parts: list[Part]) -> list[Part]:
    """`parts` with every foreign signature back on the reasoning it was made for.

    Clients of this dialect carry it on the call or text that follows the reasoning.
    """
    out: list[Part] = []
    for part in parts:
        signature = signature_of(part)
        stays = isinstance(part, Thinking) or (signature is not None and signature.kind == "extra")
        if signature is None or signature.dialect == DIALECT or stays:
            out.append(part)
            continue
        _give_back(out, signature)
        if isinstance(part, Text | ToolCall | Media) and part != Text("", signature=signature):
            out.append(replace(part, signature=None))
    return out


def _give_back(out: list[Part], signature: Signature) -> None:
    texts: list[str] = []
    while signature.kind != "redacted" and out:
        last = out[-1]
        if not isinstance(last, Thinking) or last.signature is not None:
            break
        texts[:0] = last.texts
        out.pop()
    # The pieces of a stream come back as parts of their own; what was signed is the whole.
    joined = "".join(texts)
    out.append(Thinking((joined,) if joined else (), summary=True, signature=signature))
