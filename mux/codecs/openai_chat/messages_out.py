"""Messages of requests, written (translation spec sections 3, 4, 7 and 8)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from mux.codecs import _media, _messages
from mux.codecs.openai_chat import reasoning_details
from mux.codecs.openai_chat._wire import DIALECT, FUNCTIONS
from mux.codecs.openai_chat.answer_out import encode_extra, encode_image
from mux.codecs.openai_chat.parts_out import PartWriter, own
from mux.ir import (
    JSON,
    Abilities,
    Loss,
    LossKind,
    Media,
    MediaKind,
    Message,
    Object,
    Part,
    Refusal,
    Request,
    Role,
    SourceKind,
    Text,
    Thinking,
    ToolCall,
    ToolKind,
    ToolResult,
)

_BELOW: Final = "[{} attached below]"
_NO_THOUGHT: Final = " "


def encode_system(request: Request, abilities: Abilities, losses: list[Loss]) -> list[Object]:
    """The leading system texts."""
    return _Writer(request, abilities, losses).system(request.system) if request.system else []


def encode_messages(request: Request, abilities: Abilities, losses: list[Loss]) -> list[Object]:
    """The conversation after the leading system texts. It must be settled."""
    return _Writer(request, abilities, losses).conversation(request.messages)


class _Writer:
    """Writes the messages of one request, in order.

    Results follow at once the message that made the calls; what they show and a tool message
    cannot carry follows after the last result of the turn (pitfalls 174 and 175).
    """

    def __init__(self, request: Request, abilities: Abilities, losses: list[Loss]) -> None:
        self._native = request.origin == DIALECT
        self._legacy = request.variant == FUNCTIONS and self._native
        self._abilities = abilities
        self._losses = losses
        self._parts = PartWriter(self._native, abilities, losses)
        self._results: dict[str, ToolResult] = {}
        self._below: list[Part] = []

    def system(self, texts: Sequence[Text]) -> list[Object]:
        """The leading system messages: one a text, or as the client of this dialect had them."""
        if not self._native:
            role = self._system_role("developer")
            parts = [[text] for text in texts]
            return [{"role": role, "content": self._parts.content([*part])} for part in parts]
        out: list[Object] = []
        open_number: JSON = None
        for text in texts:
            about = dict(own(text.ext))
            number, kept = about.pop("message", None), about.pop("part", None)
            part: Object = {"type": "text", "text": text.text}
            part |= kept if isinstance(kept, dict) else {}
            content = out[-1]["content"] if out else None
            if number is not None and number == open_number and isinstance(content, list):
                content.append(part)
                continue
            open_number = number
            plain = number is None and not kept
            about["role"] = self._system_role(about.get("role"))
            out.append({**about, "content": text.text if plain else [part]})
        return out

    def conversation(self, messages: Sequence[Message]) -> list[Object]:
        """The messages after those, each in its place."""
        self._results = {
            part.call_id: part
            for message in messages
            for part in message.parts
            if isinstance(part, ToolResult)
        }
        out: list[Object] = []
        for message in messages:
            match message.role:
                case Role.SYSTEM:
                    out.append(self._later_system(message))
                case Role.ASSISTANT:
                    out += self._assistant(message)
                case Role.TOOL:
                    out += self._shown()
                case Role.USER:
                    out += self._user(message)
        return out

    def _later_system(self, message: Message) -> Object:
        """A system message inside the conversation, in its place."""
        about = dict(own(message.ext)) if self._native else {"role": "developer"}
        role = self._system_role(about.pop("role", None))
        content = self._parts.content([*message.parts])
        return {"role": role, "content": content, **self._named(message), **about}

    def _user(self, message: Message) -> Iterable[Object]:
        content = self._parts.content([*message.parts])
        if content == "":
            return []
        return [{"role": "user", "content": content, **self._named(message), **self._own(message)}]

    def _assistant(self, message: Message) -> Iterable[Object]:
        """The message, if anything of it is left, and the results of its calls."""
        calls = [part for part in message.parts if isinstance(part, ToolCall)]
        fields = self._said(message.parts) | self._reasoning(message.parts, bool(calls))
        if calls and self._legacy and len(calls) == 1:
            fields["function_call"] = {"name": calls[0].name, "arguments": calls[0].arguments}
        elif calls:
            fields["tool_calls"] = [self._call(call) for call in calls]
        fields |= self._named(message) | self._own(message)
        if not calls and all(not fields.get(key) for key in fields if key != "name"):
            return []
        legacy = "function_call" in fields
        return [{"role": "assistant", **fields}, *[self._result(call, legacy) for call in calls]]

    def _shown(self) -> Iterable[Object]:
        """After the results: the user message with what they show."""
        below, self._below = self._below, []
        return [{"role": "user", "content": self._parts.content(below)}] if below else []

    def _said(self, parts: Sequence[Part]) -> Object:
        """``content``, ``refusal``, ``audio`` and ``images``."""
        texts: list[Part] = []
        out: Object = {"content": None}
        for part in parts:
            match part:
                case Text():
                    texts.append(part)
                case Refusal() if self._native:
                    out["refusal"] = part.text
                case Refusal():
                    texts.append(Text(part.text))
                case Media():
                    self._assistant_media(part, out)
                case Thinking() | ToolCall():
                    if "raw" in own(part.ext) and self._native:
                        texts.append(part)
                case _:
                    self._losses.append(Loss(LossKind.DROP, "server_tool_history"))
        if texts:
            out["content"] = self._text(texts)
        return out

    def _text(self, texts: list[Part]) -> JSON:
        """Several texts: in one string, or for a client of this dialect the list it sent."""
        if not self._native or not (len(texts) > 1 or own(_ext(texts[0]))):
            return _messages.text_of(texts)
        out: list[JSON] = []
        for part in texts:
            if isinstance(part, Text):
                out.append(self._parts.text(part))
            elif isinstance(part, Thinking):
                out.append(own(part.ext)["raw"])
        return out

    def _assistant_media(self, part: Media, out: Object) -> None:
        if self._native and part.kind is MediaKind.AUDIO and part.source is SourceKind.FILE_ID:
            out["audio"] = {"id": part.data}
        elif self._native and (image := encode_image(part)) is not None:
            pictures = out.setdefault("images", [])
            if isinstance(pictures, list):
                pictures.append(image)
        else:
            self._losses.append(Loss(LossKind.DROP, f"assistant_{part.kind}"))

    def _reasoning(self, parts: Sequence[Part], calling: bool) -> Object:
        """Reasoning goes back only where it is wanted (section 8, replay rule 5; F31b)."""
        thoughts = [
            part for part in parts if isinstance(part, Thinking) and "raw" not in own(part.ext)
        ]
        out: Object = {}
        if not thoughts and not self._abilities.echo_reasoning:
            return out
        details = [entry for part in thoughts for entry in reasoning_details.unsign(part.signature)]
        if details:
            out["reasoning_details"] = details
        text = "\n\n".join(part.text for part in thoughts if part.text)
        if field := self._abilities.echo_reasoning:
            if text:
                out[field] = text
            elif calling:  # quirk(kimi): a call without the field is refused, and so is ""
                out[field] = _NO_THOUGHT
        elif self._native and not self._abilities.openai_extras:
            for part in thoughts:
                if isinstance(name := own(part.ext).get("field"), str):
                    out[name] = text
        return out

    def _call(self, call: ToolCall) -> Object:
        about = dict(own(call.ext)) if self._native else {}
        inner = about.pop("inner", None)
        if self._abilities.openai_extras or self._abilities.echo_reasoning:
            about.pop("extra_content", None)  # of Google's host, which this one is not
        fields: Object = {"name": call.name}
        if call.kind is ToolKind.CUSTOM:
            fields["input"] = call.arguments
        else:
            fields["arguments"] = call.arguments if call.arguments.strip() else "{}"
        fields |= inner if isinstance(inner, dict) else {}
        kind = str(call.kind)
        out: Object = {"id": call.id, "type": kind, kind: fields, **about}
        if call.signature is not None and call.signature.dialect == DIALECT:
            out["extra_content"] = encode_extra(call.signature, ())
        return out

    def _result(self, call: ToolCall, legacy: bool) -> Object:
        result = self._results[call.id]
        about = dict(own(result.ext)) if self._native else {}
        content = self._answer(result)
        if legacy:
            return {"role": "function", "name": call.name, "content": content}
        return {"role": "tool", "tool_call_id": call.id, "content": content, **about}

    def _answer(self, result: ToolResult) -> JSON:
        """The ``content`` of a tool message: text; a client of this dialect may have had more."""
        if self._native and not result.is_error:
            return self._parts.content([*result.content])
        texts: list[str] = []
        for part in result.content:
            if isinstance(part, Media):
                texts.append(self._beside(part))
            elif isinstance(part, Text):
                texts.append(part.text)
        return _messages.told("\n".join(texts), is_error=result.is_error)

    def _beside(self, part: Media) -> str:
        """The words that stand for media in a result."""
        if part.source is SourceKind.TEXT:
            return _media.headed(part)
        self._losses.append(Loss(LossKind.DEGRADE, "tool_result_media"))
        self._below.append(part)
        return _BELOW.format(part.kind)

    def _system_role(self, wanted: JSON) -> str:
        """``developer`` where the host knows it, else ``system`` (pitfall 242)."""
        if wanted == "developer" and self._abilities.developer_role:
            return "developer"
        return "system"

    def _named(self, message: Message) -> Object:
        return {"name": message.name} if message.name else {}

    def _own(self, message: Message) -> Object:
        return own(message.ext) if self._native else {}


def _ext(part: Part) -> dict[str, Object] | None:
    return part.ext if isinstance(part, Text | Thinking) else None
