"""The pieces of an answer a client of this dialect reads, whole or in lines."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from mux.codecs import _arguments
from mux.codecs._seams import Seams
from mux.codecs.ollama._wire import DIALECT, METRICS
from mux.ir import (
    JSON,
    Ext,
    Finish,
    Media,
    MediaKind,
    Object,
    Part,
    ReasoningState,
    Refusal,
    Request,
    SourceKind,
    StopReason,
    Text,
    Thinking,
    TokenLogprob,
    ToolCall,
    Usage,
    Visibility,
)

_REASONS: Final = {
    StopReason.LENGTH: "length",
    StopReason.CONTEXT_WINDOW: "length",
    StopReason.CONTINUATION: "length",
    StopReason.ERROR: "error",
}


def shows_thinking(request: Request) -> bool:
    """Whether the client wants to see reasoning: unless it says no, it does."""
    reasoning = request.reasoning
    return reasoning.state is not ReasoningState.OFF and reasoning.visible is not Visibility.HIDDEN


def own(ext: Ext | None) -> Object:
    """What only this dialect knows of a struct."""
    return (ext or {}).get(DIALECT, {})


def call(part: ToolCall, position: int) -> Object:
    """A whole call. One that came in this dialect gets what surrounded it, and no more."""
    shell: Object = {"id": part.id, "function": {"index": position}}
    if part.ext is not None:
        shell = part.ext.get(DIALECT, shell)
    function = shell.get("function")
    extra = function if isinstance(function, dict) else {}
    arguments = _arguments.to_object(part.arguments)
    return {**shell, "function": {**extra, "name": part.name, "arguments": arguments}}


def said(parts: Iterable[Part]) -> str:
    """The visible text in `parts`."""
    seams, texts = Seams(), list[str]()
    for part in parts:
        seams.meet(part)
        if isinstance(part, Text | Refusal):
            texts.append(seams.join(part.text))
    return "".join(texts)


def thoughts(parts: Iterable[Part], native: bool) -> str:
    """The thinking in `parts`, pieces apart by a blank line.

    Not so where the answer came in this dialect, whose clients simply append (`native`).
    """
    pieces = [part.text for part in parts if isinstance(part, Thinking) and part.text]
    return ("" if native else "\n\n").join(pieces)


def images(parts: Iterable[Part], *, native: bool, generate: bool) -> Object:
    """The field for the images among `parts` that are here as base64, if there is one.

    The server writes chat images as strings, which the Python client refuses together with the
    whole answer: only an answer that came in this dialect (`native`) has them.
    """
    data: list[JSON] = [
        part.data
        for part in parts
        if isinstance(part, Media)
        and part.kind is MediaKind.IMAGE
        and part.source is SourceKind.BASE64
    ]
    if not data:
        return {}
    if generate:
        return {"image": data[0]}
    return {"images": data} if native else {}


def logprobs(tokens: Iterable[TokenLogprob]) -> list[JSON]:
    """The ``logprobs`` list."""
    return [_candidate(token) | _alternatives(token) for token in tokens]


def _candidate(token: TokenLogprob) -> Object:
    out: Object = {"token": token.token, "logprob": token.logprob}
    if token.bytes is not None:
        out["bytes"] = list(token.bytes)
    return out


def _alternatives(token: TokenLogprob) -> Object:
    return {"top_logprobs": [_candidate(other) for other in token.top]} if token.top else {}


def closing(finish: Finish, usage: Usage | None) -> Object:
    """The last fields of an answer. Durations are known only where this dialect told them."""
    out: Object = {"done": True}
    if reason := _reason(finish):
        out["done_reason"] = reason
    out |= own(finish.ext)
    if usage is None:
        return out
    if usage.dialect == DIALECT and usage.raw is not None:
        return out | {key: usage.raw[key] for key in METRICS if key in usage.raw}
    if usage.input_total:
        out["prompt_eval_count"] = usage.input_total
    if usage.output_total:
        out["eval_count"] = usage.output_total
    return out


def _reason(finish: Finish) -> str:
    """Empty where a server said nothing, as older ones do."""
    if finish.dialect == DIALECT and finish.reason is not StopReason.TOOL_CALLS:
        return finish.native
    return _REASONS.get(finish.reason, "stop")
