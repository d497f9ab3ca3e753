"""Messages to the items of a request's ``input``.

Reasoning goes back only to where it came from: an item needs OpenAI's own ciphertext, or the
state OpenAI keeps, and the item that followed it (translation spec section 8). Ids of items are
those of this dialect's own clients; nobody else's history has any.
"""

from __future__ import annotations

from typing import Final

from mux.codecs import _messages
from mux.codecs.openai_responses._own import DIALECT, own
from mux.codecs.openai_responses.media import check_media, encode_media
from mux.codecs.openai_responses.texts import encode_cache, encode_input, encode_output
from mux.ir import (
    JSON,
    Abilities,
    Loss,
    LossKind,
    Media,
    MediaKind,
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
_UNSEEN: Final = "[image: this model cannot see it]"
_BELOW: Final = "[image attached below]"


def encode_input_items(
    request: Request, abilities: Abilities, losses: list[Loss]
) -> tuple[str, list[JSON]]:
    """``instructions`` and ``input``."""
    items = _Items(request, abilities, losses)
    instructions = items.system(request.system)
    for message in request.messages:
        items.message(message)
    return instructions, items.close()


class _Items:
    """The list under construction. One per request."""

    def __init__(self, request: Request, abilities: Abilities, losses: list[Loss]) -> None:
        self._native = request.origin == DIALECT
        self._stateless = not self._native or request.store is False
        self._late = request.own(DIALECT).get("late") if self._native else None
        self._abilities = abilities
        self._losses = losses
        self._out: list[Object] = []
        self._content: list[JSON] | None = None
        """content of the assistant's message item that is still open"""
        self._around: JSON = None
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

    def message(self, message: Message) -> None:
        """One message's items."""
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
                self._user(message)
        self._flush()
        self._ids_gone = False

    def close(self) -> list[JSON]:
        """The items, with those that declare tools back in their places."""
        out = list(self._out) if self._native else _with_followers(self._out)
        for entry in self._late if isinstance(self._late, list) else []:
            if isinstance(entry, dict) and isinstance(at := entry.get("at"), int):
                item = entry.get("item")
                out.insert(at, item if isinstance(item, dict) else _NOTHING)
        return list(out)

    def _flush(self) -> None:
        self._content, self._around = None, None

    def _system_part(self, part: Part) -> None:
        around = own(part.ext).get("message") if isinstance(part, Text) else None
        fields: Object = dict(around) if isinstance(around, dict) else {}
        fields.setdefault("role", "developer")
        self._into_message(fields, self._user_part(part))

    def _user(self, message: Message) -> None:
        fields: Object = {"role": "user", **own(message.ext)}
        below: list[JSON] = []
        for part in message.parts:
            if isinstance(part, ToolResult):
                self._out.append(self._result(part, below))
            elif isinstance(part, Opaque | ServerCall | ServerResult) and not _is_content(part):
                self._kept(part)
            else:
                self._into_message(fields, self._user_part(part))
        if not message.parts and self._native:
            self._open(fields)
        if below:
            self._flush()
            self._open({"role": "user"}).extend(below)

    def _user_part(self, part: Part) -> Object | None:
        match part:
            case Text():
                return self._hinted(part, encode_input(part))
            case Media():
                if not self._native:
                    check_media(part, self._abilities)
                return self._hinted(part, encode_media(part))
            case Refusal():
                return {"type": "input_text", "text": part.text}
            case Opaque(raw=raw) if _is_content(part):
                return _object(raw.get("part"))
            case _:
                self._drop(part)
                return None

    def _hinted(self, part: Text | Media, out: Object) -> Object:
        if part.cache is not None and (self._native or self._abilities.cache_breakpoints):
            out["prompt_cache_breakpoint"] = encode_cache(part.cache)
        return out

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
        match part:
            case Text() | Refusal():
                around = own(part.ext).get("message")
                fields: Object = dict(around) if isinstance(around, dict) else {}
                if phase:
                    fields["phase"] = phase
                content = encode_output(part)
                self._into_message(
                    fields, self._hinted(part, content) if isinstance(part, Text) else content
                )
                return
            case Opaque() if _is_content(part):
                if self._content is not None:
                    self._content.append(_object(part.raw.get("part")))
                return
            case _:
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
            self._losses.append(Loss(LossKind.DROP, "reasoning_history"))
            return
        item: Object = {"type": "reasoning"}
        if item_id := part.id or (signature.id if signature is not None else ""):
            item["id"] = item_id
        item["summary"] = []
        if self._native:
            kind = _SUMMARY if part.summary else _CONTENT
            texts: list[JSON] = [{"type": kind, "text": text} for text in part.texts]
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

    def _result(self, part: ToolResult, below: list[JSON]) -> Object:
        fields = dict(own(part.ext)) if self._native else {}
        raw = fields.pop("item", None)
        if isinstance(raw, dict):
            return raw
        as_list = fields.pop("list", False)
        custom = part.kind is ToolKind.CUSTOM
        item: Object = {"type": "custom_tool_call_output" if custom else "function_call_output"}
        if part.call_id:
            item["call_id"] = part.call_id
        if part.name and self._native:
            item["name"] = part.name
        if as_list:
            item["output"] = [self._output_part(entry) for entry in part.content]
        else:
            item["output"] = self._output(part, below)
        return item | fields

    def _output(self, part: ToolResult, below: list[JSON]) -> JSON:
        """A string where there is only text; what the model is to see as parts, or below (F26)."""
        text = _messages.result_text(part)
        media = [entry for entry in part.content if isinstance(entry, Media)]
        if not media:
            return text
        out: list[JSON] = [{"type": "input_text", "text": text}] if text else []
        for entry in media:
            if entry.kind is MediaKind.IMAGE and not self._abilities.vision:
                self._losses.append(Loss(LossKind.DROP, "image"))
                out.append({"type": "input_text", "text": _UNSEEN})
                continue
            check_media(entry, self._abilities)
            if self._abilities.tool_media:
                out.append(encode_media(entry))
            else:
                below.append(encode_media(entry))
                out.append({"type": "input_text", "text": _BELOW})
        if all(isinstance(entry, dict) and "text" in entry for entry in out):
            return "\n".join(str(entry["text"]) for entry in out if isinstance(entry, dict))
        return out

    def _output_part(self, part: Part) -> JSON:
        return self._user_part(part) or {"type": "input_text", "text": ""}

    def _image(self, part: Media) -> None:
        raw = own(part.ext).get("item")
        if self._native and isinstance(raw, dict):
            self._out.append({**raw, "result": part.data})
            return
        self._losses.append(Loss(LossKind.DROP, "assistant_media"))

    def _kept(self, part: Part) -> None:
        """An item only this dialect knows: back to it, or gone."""
        self._flush()
        raw = part.raw if isinstance(part, Opaque | ServerCall | ServerResult) else None
        if raw is None or not self._native:
            self._drop(part)
        elif raw.get("type") == "reasoning" and self._stateless:
            self._ids_gone = True
        else:
            self._out.append(raw)

    def _drop(self, part: Part) -> None:
        kind = part.kind if isinstance(part, ServerCall | ServerResult) else "part"
        self._losses.append(Loss(LossKind.DROP, f"history.{kind}"))


def _is_content(part: Part) -> bool:
    return isinstance(part, Opaque) and part.dialect == DIALECT and "part" in part.raw


def _object(value: JSON) -> Object:
    return value if isinstance(value, dict) else {}


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
