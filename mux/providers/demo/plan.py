"""What the scripted model will say to a request, before it says it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from msgspec import structs

from mux.codecs import _ids
from mux.ir import (
    Annotation,
    ChoiceMode,
    Finish,
    FormatKind,
    Media,
    MediaKind,
    ReasoningState,
    Request,
    Signature,
    StopReason,
    Tool,
    ToolCall,
    ToolChoice,
    ToolKind,
)
from mux.providers.demo.cues import Cues
from mux.providers.demo.instance import instance
from mux.providers.demo.turn import Answered, Turn
from mux.wire import json

REFUSAL: Final = "I was asked to refuse, so I refuse."
CITED: Final = "Some domains are kept for use in documents, and this is a citation of one."
SOURCE: Final = Annotation(
    url="https://example.com/", title="Example Domain", cited_text="kept for use in documents"
)
_FORCED: Final = (ChoiceMode.REQUIRED, ChoiceMode.NAMED, ChoiceMode.ALLOWED_REQUIRED)
_QUOTED_CHARS: Final = 2000
_STOP: Final = Finish(StopReason.STOP)
_FREE_TEXT: Final = "demo input"
_PIECE: Final = re.compile(r"\s*\S+|\s+\Z")
_PERCEIVED: Final = {
    MediaKind.IMAGE: ("see", "image"),
    MediaKind.AUDIO: ("hear", "recording"),
    MediaKind.VIDEO: ("watch", "video"),
    MediaKind.DOCUMENT: ("read", "document"),
}
_SIGNATURE_KINDS: Final = {"anthropic": "sig", "gemini": "sig", "openai_responses": "enc"}
"""Dialects that sign reasoning, and what kind of thing that is there."""
_SIGNATURE: Final = "ZGVtby1zaWduYXR1cmU="


@dataclass(frozen=True, slots=True)
class Plan:
    """One answer. `breaks` is empty, or ``midway`` (an error) or ``cut`` (the connection)."""

    thinking: str = ""
    text: str = ""
    refusal: str = ""
    annotation: Annotation | None = None
    calls: tuple[ToolCall, ...] = ()
    finish: Finish = _STOP
    rate: float = 0.0
    breaks: str = ""


def pieces(text: str) -> list[str]:
    """`text` in words with the space before them; joined they are `text`. A word is a token."""
    return _PIECE.findall(text)


def signature(dialect: str, seed: str) -> Signature | None:
    """The proof of reasoning that `dialect` expects, if it has one."""
    kind = _SIGNATURE_KINDS.get(dialect)
    if kind is None:
        return None
    item = _ids.stable_id("rs_", seed) if kind == "enc" else ""
    return Signature(dialect, _SIGNATURE, kind, id=item)


def compose(request: Request, turn: Turn, cues: Cues, number: int = 0) -> Plan:
    """The answer to `request`, within its limits; the `number`-th of several, from 0."""
    plan = Plan(rate=cues.rate, breaks="midway" if cues.midway else "cut" if cues.cut else "")
    if cues.think or request.reasoning.state is ReasoningState.ON:
        plan = replace(plan, thinking=_thinking(turn))
    if cues.refuse:
        return replace(plan, refusal=REFUSAL, finish=Finish(StopReason.REFUSAL))
    if calls := _calls(request, turn, cues):
        plan = replace(plan, calls=calls, finish=Finish(StopReason.TOOL_CALLS))
    elif cues.cite:
        start = CITED.index(SOURCE.cited_text)
        place = structs.replace(SOURCE, start=start, end=start + len(SOURCE.cited_text))
        plan = replace(plan, text=CITED, annotation=place)
    else:
        plan = replace(plan, text=_text(request, turn, cues, number))
    plan = _stopped(plan, request.stop)
    if cues.short:
        return _shortened(plan, len(pieces(plan.thinking)) + len(pieces(plan.text)) // 2)
    return plan if request.max_output is None else _shortened(plan, request.max_output)


def _thinking(turn: Turn) -> str:
    words = _counted(len(turn.text.split()), "word")
    return f"The last message has {words}. The script knows what to say."


# -- calls ----------------------------------------------------------------------------------------


def _calls(request: Request, turn: Turn, cues: Cues) -> tuple[ToolCall, ...]:
    place = len(request.messages), turn.text
    return tuple(
        ToolCall(
            _ids.stable_id("call_", *place, number, tool.name),
            tool.name,
            _arguments(tool, cues),
            kind=tool.kind,
            namespace=tool.namespace,
        )
        for number, tool in enumerate(_wanted(request, cues))
    )


def _wanted(request: Request, cues: Cues) -> tuple[Tool, ...]:
    """The tools to call: by the request's tool choice, within it by the user's cues."""
    choice = request.tool_choice or ToolChoice(ChoiceMode.AUTO)
    tools = callable_tools(request)
    if choice.mode is ChoiceMode.NONE or not tools:
        return ()
    if choice.names:
        tools = tuple(tool for tool in tools if tool.name in choice.names) or tools
    wanted = tuple(tool for name in cues.tools for tool in tools if tool.name == name)
    if cues.all_tools:
        wanted = tools
    elif not wanted and (cues.any_tool or choice.mode in _FORCED):
        wanted = tools[:1]
    return wanted[:1] if request.parallel_tools is False else wanted


def callable_tools(request: Request) -> tuple[Tool, ...]:
    """The tools the client runs."""
    return tuple(tool for tool in request.tools if isinstance(tool, Tool))


def _arguments(tool: Tool, cues: Cues) -> str:
    if tool.kind is ToolKind.CUSTOM:
        return _FREE_TEXT
    if cues.arguments is not None:
        return json.text(cues.arguments)
    value = instance(tool.schema) if isinstance(tool.schema, dict) else {}
    return json.text(value if isinstance(value, dict) else {})


# -- text -----------------------------------------------------------------------------------------


def _text(request: Request, turn: Turn, cues: Cues, number: int) -> str:
    wanted = request.response_format
    if wanted.kind is FormatKind.JSON_SCHEMA:
        return json.text(instance(wanted.schema))
    if wanted.kind is FormatKind.JSON_OBJECT:
        return json.text({"said": _quoted(turn.text)})
    if turn.results:
        return "\n".join(_answered(each) for each in turn.results)
    if cues.words:
        return " ".join(cues.words)
    echo = _echo(request, turn)
    return f"{echo} [answer {number + 1}]" if number else echo


def _echo(request: Request, turn: Turn) -> str:
    counts = ", ".join(
        (
            _counted(len(turn.text.split()), "word"),
            _counted(len(request.messages), "message"),
            _counted(len(request.tools), "tool"),
        )
    )
    said = f"You said: {_quoted(turn.text)}" if turn.text else "You said nothing"
    return " ".join([f"{said} ({counts})", *_perceived(turn.media)])


def _answered(answered: Answered) -> str:
    result = answered.result
    name = answered.name or "your tool"
    verb = "failed" if result.is_error else "answered"
    media = [part for part in result.content if isinstance(part, Media)]
    said = _quoted(result.text) if result.text or media else "nothing"
    return " ".join([f"{name} {verb}: {said}", *_perceived(media)])


def _perceived(media: Iterable[Media]) -> Iterator[str]:
    """A sentence for each kind of media."""
    for kind, (verb, noun) in _PERCEIVED.items():
        types = [part.mime or "of unknown type" for part in media if part.kind is kind]
        if types:
            yield f"I {verb} {_counted(len(types), noun)} ({', '.join(dict.fromkeys(types))})."


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _quoted(text: str) -> str:
    return text if len(text) <= _QUOTED_CHARS else f"{text[:_QUOTED_CHARS]}…"


# -- limits ---------------------------------------------------------------------------------------


def _stopped(plan: Plan, stops: Iterable[str]) -> Plan:
    """`plan` up to the stop sequence that comes first in its text."""
    found = [(plan.text.index(stop), stop) for stop in stops if stop and stop in plan.text]
    if not found:
        return plan
    place, stop = min(found)
    finish = Finish(StopReason.STOP_SEQUENCE, stop_sequence=stop)
    return replace(plan, text=plan.text[:place], annotation=None, finish=finish)


def _shortened(plan: Plan, limit: int) -> Plan:
    """`plan` in at most `limit` words, reasoning included. Calls have none, but come last."""
    thinking, text = pieces(plan.thinking), pieces(plan.text)
    if len(thinking) + len(text) <= limit:
        return plan
    return replace(
        plan,
        thinking="".join(thinking[:limit]),
        text="".join(text[: max(0, limit - len(thinking))]),
        annotation=None,
        calls=(),
        finish=Finish(StopReason.LENGTH),
    )
