"""What a client of this dialect is shown of an answer from anywhere (translation spec 5, 8, 19).

Whole answers are made of these blocks; the stream encoder streams what it can and writes the rest
through the same functions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from msgspec.structs import replace

from mux.codecs import _arguments, _carried, _envelope, _ids
from mux.codecs._free_text import wrap_text
from mux.codecs.anthropic._own import DIALECT, extras
from mux.codecs.anthropic.blocks_in import UNSIGNED
from mux.codecs.anthropic.blocks_out import native_call, with_own
from mux.codecs.anthropic.citations import encode_citation
from mux.codecs.anthropic.reasoning import BETWEEN_TOOLS
from mux.codecs.anthropic.server_results import encode_call, encode_result
from mux.ir import (
    JSON,
    Media,
    Object,
    Opaque,
    Part,
    ReasoningState,
    Refusal,
    Request,
    ServerCall,
    ServerResult,
    Signature,
    Text,
    Thinking,
    ToolCall,
    ToolKind,
    ToolResult,
    Visibility,
)


@dataclass(frozen=True, slots=True)
class View:
    """Which reasoning the client gets: blocks at all, and the text in them."""

    thinking: bool
    text: bool


def view_of(request: Request) -> View:
    """A client that did not enable thinking cannot take blocks of it, not even empty ones."""
    wanted = request.reasoning
    between = extras(wanted.ext).get("type") == BETWEEN_TOOLS
    enabled = wanted.state is ReasoningState.ON or between
    return View(enabled, enabled and wanted.visible is not Visibility.HIDDEN)


class Carrier:
    """Writes the thinking that carries signatures of calls and texts to and fro (section 8).

    A call's signature goes before it. A text's is known only when the text was sent; it waits for
    the next block, because programs take the last block for the answer. One per response.
    """

    __slots__ = ("_shown", "_waiting")

    def __init__(self, view: View) -> None:
        self._shown = view.thinking
        self._waiting: list[Object] = []

    def wait(self, signature: Signature, mark: str) -> None:
        """Take along the signature of a block that is over, or not shown by itself."""
        if self._shown:
            sealed = _carried.seal(signature, mark, DIALECT)
            self._waiting.append({"type": "thinking", "thinking": "", "signature": sealed})

    def before(self, part: Part, signature: Signature | None = None) -> list[Object]:
        """The blocks to write before that of `part`, whose own `signature` may be known."""
        if signature is not None and isinstance(part, ToolCall):
            self.wait(signature, shown_id(part))
        blocks, self._waiting = self._waiting, []
        return blocks


def content(parts: Iterable[Part], view: View) -> list[Object]:
    """The blocks that show `parts`, in order."""
    out: list[Object] = []
    carrier = Carrier(view)
    for part in parts:
        signature = part.signature if isinstance(part, Text | ToolCall) else None
        shown = blocks(part, view)
        if shown:
            out += carrier.before(part, signature)
        out += shown
        if isinstance(part, Text) and signature is not None:
            carrier.wait(signature, _carried.TEXT)
    return out


def blocks(part: Part, view: View) -> list[Object]:
    """The blocks that show `part`; none for what this dialect cannot say."""
    match part:
        case Text() | Refusal():
            return _text(part)
        case Thinking():
            return _thinking(part, view)
        case ToolCall():
            return [_call(part)]
        case Media():
            return [{"type": "text", "text": note(part)}]
        case ServerCall():
            return _server_call(part)
        case ServerResult():
            return _server_result(part)
        case Opaque():
            return [dict(part.raw)] if part.dialect == DIALECT else []
        case ToolResult():
            return []


def _text(part: Text | Refusal) -> list[Object]:
    """Text without any text would be sent back and refused: it is left out."""
    annotations = part.annotations if isinstance(part, Text) else ()
    citations = [
        citation
        for annotation in annotations
        if (citation := encode_citation(annotation)) is not None
    ]
    if not part.text and not citations:
        return []
    block: Object = {"type": "text", "text": part.text}
    if citations:
        block["citations"] = list[JSON](citations)
    return [with_own(block, None, part.ext if isinstance(part, Text) else None)]


def _thinking(part: Thinking, view: View) -> list[Object]:
    signature = part.signature
    text = part.text if view.text else ""
    if not view.thinking or not (text or signature):
        return []
    if signature is not None and signature.dialect == DIALECT and signature.kind == "redacted":
        block: Object = {"type": "redacted_thinking", "data": signature.value}
    else:
        block = {"type": "thinking", "thinking": text, "signature": sealed(signature)}
    return [with_own(block, None, part.ext)]


def sealed(signature: Signature | None) -> str:
    """The signature of a thinking block: never empty, so that clients keep the block."""
    return UNSIGNED if signature is None else _envelope.seal(signature, DIALECT)


def call_head(part: Part | None) -> Object | None:
    """A call as its block starts, without input; None if its input cannot come in pieces."""
    match part:
        case ToolCall(kind=ToolKind.FUNCTION):
            return _tool_use(part, {})
        case ServerCall(raw=raw) if part.dialect == DIALECT and raw is not None:
            return native_call(replace(part, arguments=""))
        case _:
            return None


def _call(part: ToolCall) -> Object:
    text = wrap_text(part.arguments) if part.kind is ToolKind.CUSTOM else part.arguments
    return _tool_use(part, _arguments.to_object(text))


def _tool_use(part: ToolCall, given: Object) -> Object:
    head: Object = {"type": "tool_use", "id": shown_id(part), "name": part.name, "input": given}
    return with_own(head, None, part.ext)


def shown_id(part: ToolCall) -> str:
    """The id of a call as the client sees it."""
    return _ids.call_id(part.id, part.name)


def note(part: Media) -> str:
    """The words that stand for media the model made."""
    return part.transcript or f"[The model made a medium of type {part.mime or part.kind}.]"


def _server_call(part: ServerCall) -> list[Object]:
    """A native call, or another provider's in this dialect's words."""
    if part.dialect == DIALECT and part.raw is not None:
        return [native_call(part)]
    call = encode_call(part)
    return [call] if call is not None else []


def _server_result(part: ServerResult) -> list[Object]:
    if part.dialect == DIALECT and part.raw is not None:
        return [dict(part.raw)]
    result = encode_result(part)
    return [result] if result is not None else []
