"""What messages and outputs of tools hold, from IR to a request's ``input``."""

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
    Object,
    Opaque,
    Part,
    Refusal,
    Request,
    ServerCall,
    ServerResult,
    SourceKind,
    Text,
    ToolKind,
    ToolResult,
)

_BELOW: Final = "[{} attached below]"


def is_content(part: Part) -> bool:
    """Whether `part` is a piece of a message of a type that only this dialect knows."""
    return isinstance(part, Opaque) and part.dialect == DIALECT and "part" in part.raw


class Contents:
    """Writes the content of messages and the outputs of tools for one request."""

    def __init__(self, request: Request, abilities: Abilities, losses: list[Loss]) -> None:
        self._native = request.origin == DIALECT
        self._abilities = abilities
        self._losses = losses

    def of_user(self, part: Part) -> Object | None:
        """A piece of a user's or system message, None if it has no place there."""
        match part:
            case Text():
                return self._hinted(part, encode_input(part))
            case Media():
                if not self._native:
                    check_media(part, self._abilities)
                return self._hinted(part, encode_media(part))
            case Refusal():
                return {"type": "input_text", "text": part.text}
            case Opaque(raw=raw) if is_content(part):
                kept = raw.get("part")
                return kept if isinstance(kept, dict) else None
            case _:
                self.drop(part)
                return None

    def of_assistant(self, part: Text | Refusal) -> Object:
        """A piece of an assistant's message."""
        out = encode_output(part)
        return self._hinted(part, out) if isinstance(part, Text) else out

    def drop(self, part: Part) -> None:
        """Leave `part` out, and say so."""
        kind = part.kind if isinstance(part, ServerCall | ServerResult) else ""
        self._losses.append(Loss(LossKind.DROP, "server_tool_history", kind))

    def _hinted(self, part: Text | Media, out: Object) -> Object:
        if part.cache is not None and (self._native or self._abilities.cache_breakpoints):
            out["prompt_cache_breakpoint"] = encode_cache(part.cache)
        return out

    def result(self, part: ToolResult, below: list[JSON]) -> Object:
        """The item of one result. What it shows but cannot hold is added to `below`."""
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
            content = (self.of_user(entry) for entry in part.content)
            item["output"] = [entry for entry in content if entry is not None]
        else:
            item["output"] = self._output(part, below)
        return item | fields

    def _output(self, part: ToolResult, below: list[JSON]) -> JSON:
        """A string where there is only text, else parts (F26)."""
        text = _messages.result_text(part)
        out: list[JSON] = [_text(text)] if text else []
        shown = False
        for entry in part.content:
            if isinstance(entry, Media):
                said = self._shown(entry, below)
                shown = shown or said["type"] != "input_text"
                out.append(said)
        if shown:
            return out
        return "\n".join(str(entry["text"]) for entry in out if isinstance(entry, dict))

    def _shown(self, media: Media, below: list[JSON]) -> Object:
        """`media` as part of an output, or the words that stand for it."""
        if self._abilities.tool_media or media.source is SourceKind.TEXT:
            return encode_media(media)
        below.append(encode_media(media))
        return _text(_BELOW.format(media.kind))


def _text(text: str) -> Object:
    return {"type": "input_text", "text": text}
