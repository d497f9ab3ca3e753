"""Messages as an upstream of this dialect takes them (translation spec sections 3 to 5, 7, 8)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from mux.codecs import _arguments, _media, _messages
from mux.codecs.ollama._wire import DIALECT
from mux.errors import Unsupported
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
    SourceKind,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)

_NO_OUTPUT: Final = "(no output)"
_BELOW: Final = "[image attached below]"


def encode_system(request: Request) -> list[Object]:
    """The leading system texts."""
    return [{"role": "system", "content": part.text} for part in request.system]


def encode_messages(request: Request, abilities: Abilities, losses: list[Loss]) -> list[Object]:
    """The conversation, later system texts in their place."""
    out: list[Object] = []
    writer = _Writer(request.origin == DIALECT, abilities, losses)
    for message in request.messages:
        out += writer.messages(message)
    return out


def encode_prompt(request: Request, abilities: Abilities, losses: list[Loss]) -> Object:
    """``prompt`` and ``images`` of the one user message that ``/api/generate`` can hold."""
    if len(request.messages) > 1:
        raise Unsupported(
            "A text with a suffix to be filled in cannot follow a conversation; send one prompt.",
            param="suffix",
        )
    writer = _Writer(request.origin == DIALECT, abilities, losses)
    parts = request.messages[0].parts if request.messages else ()
    fields = writer.content(parts, "\n")
    prompt: Object = {"prompt": fields["content"]}
    if "images" in fields:
        prompt["images"] = fields["images"]
    return prompt


class _Writer:
    """Writes messages for one request. `native`: it came in this dialect and keeps everything."""

    def __init__(self, native: bool, abilities: Abilities, losses: list[Loss]) -> None:
        self._native = native
        self._abilities = abilities
        self._losses = losses

    def messages(self, message: Message) -> Iterable[Object]:
        """`message` as it goes out: one for each tool result, none if nothing of it is left."""
        results = [part for part in message.parts if isinstance(part, ToolResult)]
        if results:
            return self._results(message, results)
        if message.role is Role.ASSISTANT:
            return self._assistant(message)
        fields = self.content(message.parts, "\n")
        if not self._native and fields == {"content": ""}:
            return []
        return [{"role": str(message.role), **fields, **_own(message.ext)}]

    def content(self, parts: Iterable[Part], between: str) -> Object:
        """``content`` and ``images`` of `parts`, texts apart by `between`."""
        texts: list[str] = []
        images: list[JSON] = []
        for part in parts:
            match part:
                case Text() | Refusal():
                    texts.append(part.text)
                case Media():
                    self._media(part, texts, images)
                case ServerCall() | ServerResult() | Opaque():
                    self._losses.append(Loss(LossKind.DROP, "server_tool_history"))
                case Thinking() | ToolCall() | ToolResult():
                    pass
        fields: Object = {"content": between.join(texts)}
        if images:
            fields["images"] = images
        return fields

    def _assistant(self, message: Message) -> Iterable[Object]:
        out: Object = {"role": "assistant", **self.content(message.parts, "\n\n")}
        thinking = [part.text for part in message.parts if isinstance(part, Thinking)]
        if any(thinking) and (self._native or self._abilities.echo_reasoning):
            out["thinking"] = "\n\n".join(thinking)
        calls: list[JSON] = [_call(part) for part in message.parts if isinstance(part, ToolCall)]
        if calls:
            out["tool_calls"] = calls
        empty = out == {"role": "assistant", "content": ""}
        return [] if empty and not self._native else [{**out, **_own(message.ext)}]

    def _results(self, message: Message, results: list[ToolResult]) -> Iterable[Object]:
        """The tool messages, and after all of them what they show but cannot carry (F26)."""
        below: list[Part] = []
        out: list[Object] = []
        for result in results:
            text = _messages.result_text(result)
            parts = [*((Text(text),) if text else ()), *self._shown(result, below)]
            fields = self.content(parts, "\n")
            if not (self._native or fields["content"]):
                fields["content"] = _NO_OUTPUT
            if result.name:
                fields["tool_name"] = result.name
            if result.call_id:
                fields["tool_call_id"] = result.call_id
            out.append({"role": "tool", **fields, **_own(message.ext)})
        if below:
            out.append({"role": "user", **self.content(below, "\n")})
        return out

    def _shown(self, result: ToolResult, below: list[Part]) -> Iterable[Part]:
        """What of a result is not text, with words in place of images that cannot stay in it."""
        for part in result.content:
            if isinstance(part, Text):
                continue
            if self._native or not isinstance(part, Media) or part.kind is not MediaKind.IMAGE:
                yield part
            elif not self._abilities.tool_media:
                below.append(part)
                yield Text(_BELOW)
            else:
                yield part

    def _media(self, part: Media, texts: list[str], images: list[JSON]) -> None:
        if not self._native:
            check_media(part, self._abilities)
        if part.source is SourceKind.TEXT:
            texts.append(_media.headed(part))
        else:
            images.append(part.data)


def check_media(part: Media, abilities: Abilities) -> None:
    """Raises `Unsupported`: what a model cannot read would change its answer (section 5)."""
    if part.source is SourceKind.TEXT:
        return
    if part.kind is not MediaKind.IMAGE or part.mime == _media.SVG:
        raise Unsupported(
            f"This model cannot be sent {part.mime or part.kind} content. Send it as text, "
            "or use a model that reads it.",
            param="messages",
        )
    if not abilities.vision:
        raise Unsupported(
            "This model cannot see images. Leave them out, or use a model with vision.",
            param="messages",
        )
    if part.source is not SourceKind.BASE64:
        raise Unsupported(
            "This model's provider takes images as base64 only, not by address or file id.",
            param="messages",
            code="image_url_unsupported",
        )


def _call(part: ToolCall) -> Object:
    """A call in a history; one that came in this dialect keeps what surrounded it."""
    shell = (part.ext or {}).get(DIALECT)
    if shell is None:
        shell = {"id": part.id} if part.id else {}
    function = shell.get("function")
    extra = function if isinstance(function, dict) else {}
    arguments = _arguments.to_object(part.arguments)
    return {**shell, "function": {"name": part.name, "arguments": arguments, **extra}}


def _own(ext: dict[str, Object] | None) -> Object:
    return (ext or {}).get(DIALECT, {})
