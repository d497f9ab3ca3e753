"""Messages of requests, read (translation spec sections 3, 4, 7 and 8)."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from mux.codecs import _envelope
from mux.codecs.openai_chat import reasoning_details
from mux.codecs.openai_chat._wire import BETWEEN_ENVELOPES, DIALECT
from mux.codecs.openai_chat.answer_in import images
from mux.codecs.openai_chat.parts_in import decode_content, own
from mux.ir import (
    Media,
    MediaKind,
    Message,
    Object,
    Opaque,
    Part,
    Refusal,
    Role,
    Signature,
    SourceKind,
    Text,
    Thinking,
    ToolCall,
    ToolKind,
    ToolResult,
)
from mux.wire import Doc, each, json, remembered

_SYSTEM: Final = ("system", "developer")
_ROLES: Final = (*_SYSTEM, "user", "assistant", "tool", "function")


def decode_messages(docs: Doc) -> tuple[tuple[Text, ...], tuple[Message, ...]]:
    """The leading system texts, and what follows them."""
    system: list[Text] = []
    messages: list[Message] = []
    for number, message in enumerate(each(_message, docs)):
        if message is not None:
            messages.append(message)
        elif messages:
            messages.append(_later_system(docs.item(number)))
        else:
            system += _leading_system(docs.item(number), number)
    return tuple(system), tuple(messages)


@remembered
def _message(doc: Doc) -> Message | None:
    """A message of the conversation; None if the system says it, for which its place counts."""
    role = doc.need("role").one_of(*_ROLES)
    return None if role in _SYSTEM else _READERS[role](doc)


@remembered
def _leading_system(doc: Doc, number: int) -> tuple[Text, ...]:
    """One text a part. `ext` says which were one message, and whose the words are."""
    role = doc.need_str("role")
    texts = [part for part in decode_content(doc.need("content")) if isinstance(part, Text)]
    name, about = doc.get_str("name"), doc.rest()
    if role == "developer":
        about["role"] = role
    if name:
        about["name"] = name
    if len(texts) > 1:
        about["message"] = number
    return tuple(_told(text, about) for text in texts if text.text)


def _told(text: Text, about: Object) -> Text:
    kept = (text.ext or {}).get(DIALECT, {})
    part: Object = {"part": kept} if kept else {}
    return replace(text, ext=own({**about, **part}))


@remembered
def _later_system(doc: Doc) -> Message:
    role = doc.need_str("role")
    parts = decode_content(doc.need("content"))
    name = doc.get_str("name")
    about: Object = {"role": role} if role == "developer" else {}
    return Message(Role.SYSTEM, parts, name, ext=own({**doc.rest(), **about}))


def _user(doc: Doc) -> Message:
    parts = decode_content(doc.need("content"))
    return Message(Role.USER, parts, doc.get_str("name"), ext=own(doc.rest()))


def _assistant(doc: Doc) -> Message:
    said = [*decode_content(doc.get("content"))]
    if refusal := doc.get_str("refusal"):
        said.append(Refusal(refusal))
    if (pictures := doc.get("images")) is not None:
        said += images(pictures.value)
    if (audio := doc.get("audio")) is not None and (audio_id := audio.get_str("id")):
        said.append(Media(MediaKind.AUDIO, SourceKind.FILE_ID, audio_id))
    calls = doc.get_items("tool_calls")
    legacy = doc.get("function_call")
    parts: list[Part] = [*_reasoning(doc), *said]
    for call in calls:
        _call(call, parts)
    if legacy is not None and (name := legacy.get_str("name")):
        parts.append(ToolCall("", name, legacy.get_str("arguments") or "{}"))
    return Message(Role.ASSISTANT, tuple(parts), doc.get_str("name"), ext=own(doc.rest()))


def _reasoning(doc: Doc) -> list[Part]:
    """Reasoning a client sends back, under the name it used."""
    details = doc.get("reasoning_details")
    found = reasoning_details.entries(details.value) if details is not None else []
    signature = reasoning_details.sign(found)
    about: Object = {}
    text = reasoning_details.text_of(found)
    for field in ("reasoning_content", "reasoning"):
        if isinstance(doc.mapping().get(field), str):  # a second name stays what it is: a field
            text = doc.get_str(field)
            about["field"] = field
            break
    if not text and signature is None and not about:
        return []
    return [Thinking((text,) if text else (), signature=signature, ext=own(about))]


def _call(doc: Doc, parts: list[Part]) -> None:
    """Add a call to `parts`, and before it the reasoning whose signatures came back with it."""
    kind = ToolKind.CUSTOM if doc.get_str("type") == ToolKind.CUSTOM else ToolKind.FUNCTION
    custom = kind is ToolKind.CUSTOM
    inner = doc.need("custom" if custom else "function")
    name = inner.need_str("name")
    given = inner.get("input" if custom else "arguments")
    arguments = ""
    if given is not None:  # some clients send the object itself
        arguments = given.value if isinstance(given.value, str) else json.text(given.value)
    extra = doc.get_object("extra_content") or {}
    doc.get("index")  # of a stream; it means nothing here
    call_id = doc.get_str("id")
    about = doc.rest()
    if kept := {key: value for key, value in extra.items() if key != "mux"}:
        about["extra_content"] = kept
    if more := inner.rest():
        about["inner"] = more
    if not custom:
        arguments = arguments if arguments.strip() else "{}"
    _unseal(extra, parts)
    parts.append(ToolCall(call_id, name, arguments, kind, signature=_google(extra), ext=own(about)))


def _google(extra: Object) -> Signature | None:
    google = extra.get("google")
    value = google.get("thought_signature") if isinstance(google, dict) else None
    return Signature("gemini", value) if isinstance(value, str) and value else None


def _unseal(extra: Object, parts: list[Part]) -> None:
    """Give the reasoning its signatures back (translation spec section 8).

    The first one belongs to the text of the message's reasoning; whatever comes with the first
    call was thought before anything was said.
    """
    ours = extra.get("mux")
    sealed = ours.get("sig") if isinstance(ours, dict) else None
    if not isinstance(sealed, str):
        return
    called = any(isinstance(part, ToolCall) for part in parts)
    for envelope in sealed.split(BETWEEN_ENVELOPES):
        if (signature := _envelope.unseal(envelope, DIALECT)) is None:
            continue
        first = parts[0] if parts else None
        if isinstance(first, Thinking) and _unsigned(first) and signature.kind != "redacted":
            parts[0] = replace(first, signature=signature)
        else:
            place = len(parts) if called else sum(isinstance(part, Thinking) for part in parts)
            parts.insert(place, Thinking(signature=signature))


def _unsigned(part: Thinking) -> bool:
    return bool(part.texts) and part.signature is None


def _tool(doc: Doc) -> Message:
    call_id, name = doc.get_str("tool_call_id"), doc.get_str("name")
    return _result(doc, call_id, name)


def _function(doc: Doc) -> Message:
    return _result(doc, "", doc.need_str("name"))


def _result(doc: Doc, call_id: str, name: str) -> Message:
    parts = decode_content(doc.get("content"))
    content = tuple(part for part in parts if isinstance(part, Text | Media | Opaque))
    about = doc.rest()
    if name:
        about["name"] = name
    return Message(Role.TOOL, (ToolResult(call_id, content, name, ext=own(about)),))


_READERS: Final = {
    "user": _user,
    "assistant": _assistant,
    "tool": _tool,
    "function": _function,
}
