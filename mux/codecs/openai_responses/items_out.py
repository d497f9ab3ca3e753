"""Messages to the items of a request's ``input``.

Reasoning goes back only to where it came from: an item needs OpenAI's own ciphertext, or the
state OpenAI keeps, and the item that followed it (translation spec section 8). Ids of items are
those of this dialect's own clients; nobody else's history has any.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from mux.codecs.openai_responses import compaction
from mux.codecs.openai_responses._own import DIALECT, own
from mux.codecs.openai_responses.contents_out import Contents, is_content
from mux.ir import (
    JSON,
    Abilities,
    Loss,
    LossKind,
    Media,
    Message,
    Object,
    Opaque,
    Part,
    Refusal,
    Request,
    Role,
    ServerCall,
    ServerResult,
    Text,
    Thinking,
    ToolCall,
    ToolKind,
    ToolResult,
)

_NOTHING: Final[Object] = {}
_SUMMARY: Final = "summary_text"
_CONTENT: Final = "reasoning_text"


def encode_input_items(
    request: Request, abilities: Abilities, losses: list[Loss]
) -> tuple[str, list[JSON]]:
    """``instructions`` and ``input`` of a client of this dialect."""
    items = _Items(request, abilities, losses)
    return items.system(request.system), [*items.write(request.messages)]


def encode_items(request: Request, abilities: Abilities, losses: list[Loss]) -> list[Object]:
    """The items of a conversation, or of a part of it."""
    return _Items(request, abilities, losses).write(request.messages)


class _Items:
    """The list under construction. One per request."""

    def __init__(self, request: Request, abilities: Abilities, losses: list[Loss]) -> None:
        self._native = request.origin == DIALECT
        self._stateless = not self._native or request.store is False
        self._late = request.own(DIALECT).get("late") if self._native else None
        self._losses = losses
        self._contents = Contents(request, abilities, losses)
        self._out: list[Object] = []
        self._content: list[JSON] | None = None
        """content of the assistant's message item that is still open"""
        self._around: Object | None = None
        self._ids_gone = False
        """reasoning was left out, so that ids after it would name a broken chain"""

    def system(self, texts: tuple[Text, ...]) -> str:
        """Leading system texts: what stood in items goes back into items, the rest is returned."""
        plain = [part.text for part in texts if "message" not in own(part.ext)]
        for part in texts:
            if "message" in own(part.ext):
                self._system_part(part)
        self._flush()
        return "\n\n".join(text for text in plain if text)

    def write(self, messages: Iterable[Message]) -> list[Object]:
        """The items of `messages`, with those that declare tools back in their places."""
        for message in messages:
            self._message(message)
        out = list(self._out) if self._native else _with_followers(self._out)
        for entry in self._late if isinstance(self._late, list) else []:
            if isinstance(entry, dict) and isinstance(at := entry.get("at"), int):
                item = entry.get("item")
                out.insert(at, item if isinstance(item, dict) else _NOTHING)
        return out

    def _message(self, message: Message) -> None:
        if message.name and not self._native:
            self._losses.append(Loss(LossKind.DROP, "name"))
        match message.role:
            case Role.SYSTEM:
                for part in message.parts:
                    self._system_part(part)
            case Role.ASSISTANT:
                for part in message.parts:
                    self._said(part, message.phase)
                self._flush()
                return
            case Role.USER | Role.TOOL:
                if not (self._native and compaction.is_asking(message)):
                    self._user(message)
        self._flush()
        self._ids_gone = False

    def _flush(self) -> None:
        self._content, self._around = None, None

    def _system_part(self, part: Part) -> None:
        around = own(part.ext).get("message") if isinstance(part, Text) else None
        fields: Object = dict(around) if isinstance(around, dict) else {}
        fields.setdefault("role", "developer")
        self._into_message(fields, self._contents.of_user(part))

    def _user(self, message: Message) -> None:
        fields: Object = {"role": "user", **own(message.ext)}
        below: list[JSON] = []
        for part in message.parts:
            if isinstance(part, ToolResult):
                self._out.append(self._contents.result(part, below))
            elif isinstance(part, Opaque | ServerCall | ServerResult) and not is_content(part):
                self._kept(part)
            else:
                self._into_message(fields, self._contents.of_user(part))
        if not message.parts and self._native:
            self._open(fields)
        if below:
            self._flush()
            self._open({"role": "user"}).extend(below)

    def _into_message(self, fields: Object, content: Object | None) -> None:
        """Add to the open message item, or open the next one if `fields` are not its own."""
        if content is None:
            return
        if self._content is None or self._around != fields:
            self._open(fields)
        if self._content is not None:
            self._content.append(content)

    def _open(self, fields: Object) -> list[JSON]:
        self._content, self._around = [], fields
        content: JSON = self._content
        item: Object = {"type": "message", "role": fields.get("role", "assistant")}
        rest = {key: value for key, value in fields.items() if key not in ("role", "n")}
        if self._ids_gone:
            rest.pop("id", None)
        self._out.append({**item, "content": content, **rest})
        return self._content

    def _said(self, part: Part, phase: str) -> None:
        if isinstance(part, Text | Refusal):
            around = own(part.ext).get("message")
            fields: Object = dict(around) if isinstance(around, dict) else {}
            if phase:
                fields["phase"] = phase
            self._into_message(fields, self._contents.of_assistant(part))
            return
        if is_content(part):
            self._into_message(self._around or {}, self._contents.of_user(part))
            return
        self._flush()
        match part:
            case Thinking():
                self._reasoning(part)
            case ToolCall():
                self._out.append(self._call(part))
            case Media():
                self._image(part)
            case _:
                self._kept(part)

    def _reasoning(self, part: Thinking) -> None:
        signature = part.signature
        sealed = ""
        if signature is not None and signature.dialect == DIALECT:
            sealed = signature.value
        elif signature is not None or self._stateless:
            self._ids_gone = True
            self._losses.append(Loss(LossKind.DROP, "reasoning"))
            return
        item: Object = {"type": "reasoning"}
        if item_id := part.id or (signature.id if signature is not None else ""):
            item["id"] = item_id
        item["summary"] = []
        if self._native:
            kind = _SUMMARY if part.summary else _CONTENT
            texts: list[JSON] = [{"type": kind, "text": text} for text in part.texts]
            if texts:
                item["summary" if part.summary else "content"] = texts
        if sealed:
            item["encrypted_content"] = sealed
        self._out.append(item | own(part.ext) if self._native else item)

    def _call(self, part: ToolCall) -> Object:
        fields = own(part.ext) if self._native else {}
        raw = fields.get("item")
        if isinstance(raw, dict):
            return raw
        custom = part.kind is ToolKind.CUSTOM
        item: Object = {"type": "custom_tool_call" if custom else "function_call"}
        item["call_id"] = part.id
        item["name"] = part.name
        if part.namespace:
            item["namespace"] = part.namespace
        arguments = part.arguments
        if not (custom or self._native or arguments.strip()):
            arguments = "{}"
        item["input" if custom else "arguments"] = arguments
        out = item | fields
        if self._ids_gone:
            out.pop("id", None)
        return out

    def _image(self, part: Media) -> None:
        raw = own(part.ext).get("item")
        if self._native and isinstance(raw, dict):
            self._out.append({**raw, "result": part.data})
            return
        self._losses.append(Loss(LossKind.DROP, f"assistant_{part.kind}"))

    def _kept(self, part: Part) -> None:
        """An item only this dialect knows: back to it, or gone."""
        self._flush()
        raw = part.raw if isinstance(part, Opaque | ServerCall | ServerResult) else None
        if isinstance(part, ServerResult) and raw is None and self._native:
            return  # its call holds it
        if raw is None or not self._native:
            self._contents.drop(part)
        elif raw.get("type") == "reasoning" and self._stateless:
            self._ids_gone = True
        else:
            self._out.append(raw)


def _with_followers(items: list[Object]) -> list[Object]:
    """`items` without reasoning that nothing of the assistant follows (pitfall 64)."""
    out: list[Object] = []
    for item in reversed(items):
        if item["type"] == "reasoning" and not (out and _is_assistants(out[-1])):
            continue
        out.append(item)
    return out[::-1]


def _is_assistants(item: Object) -> bool:
    kind = item["type"]
    if kind == "message":
        return item.get("role") == "assistant"
    return isinstance(kind, str) and kind in ("reasoning", "function_call", "custom_tool_call")
