"""Histories in the order every upstream accepts (translation spec section 4).

After `settle` all call ids are valid and unique, every run of assistant messages that calls tools
is followed at once by one tool message with one result for each call in the order of the calls,
and nothing is empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import is_
from typing import Final, NamedTuple

from msgspec.structs import replace

from mux.codecs import _ids
from mux.errors import Unsupported
from mux.ir import (
    Abilities,
    Loss,
    LossKind,
    Message,
    Part,
    Request,
    Role,
    Text,
    ToolCall,
    ToolResult,
)

_SHORT_PREFILL_CHARS: Final = 16
_CONTINUING: Final = frozenset({"anthropic", "gemini", "ollama"})
"""Dialects whose clients mean "continue this text" by an assistant message at the end."""


def settle(request: Request, losses: list[Loss], before: int = 0) -> Request:
    """`request` with its history in canonical order. Pure; the same history settles the same.

    It is the part of a conversation that comes after `before` turns, which made ids may tell.
    """
    turns = Turns(losses, before)
    for message in request.messages:
        turns.add(message)
    return replace(request, messages=tuple(turns.messages()))


class _Turn:
    """A run of messages, and if they call tools, the calls in order with their results."""

    __slots__ = ("answered", "calls", "messages", "results", "waiting")

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.calls: list[ToolCall] = []
        self.results: dict[str, ToolResult] = {}
        self.answered = False
        """results have begun: what the assistant says next is another turn"""
        self.waiting: dict[str, _Waiting] = {}
        """by the id sent upstream, in the order of the calls"""


class _Waiting(NamedTuple):
    """A call without a result yet, for results that can only be matched by name and order."""

    name: str
    had_id: bool


class Turns:
    """Sorts results to the calls they answer, while ids are made valid and unique."""

    def __init__(self, losses: list[Loss], before: int = 0) -> None:
        self._losses = losses
        self._before = before
        self._turns: list[_Turn] = [_Turn()]
        self.calls: dict[str, tuple[str, _Turn]] = {}
        """original id to (id sent upstream, its turn), the latest call of that id"""
        self.placed = False
        """an id was made, which tells its place"""
        self._used: set[str] = set()
        self._caller: _Turn | None = None

    def add(self, message: Message) -> None:
        others: list[Part] = []
        for part in message.parts:
            if isinstance(part, ToolResult):
                self._answer(part)
            elif not _empty(part):
                others.append(part)
        if not others:
            return
        turn = self._turns[-1]
        if message.role is Role.ASSISTANT:
            if turn.answered or (turn.messages and turn.messages[-1].role is not Role.ASSISTANT):
                turn = self._next()
            said = [
                self._call(part, turn) if isinstance(part, ToolCall) else part for part in others
            ]
            turn.messages.append(_with(message, said))
            return
        if turn.calls:
            turn = self._next()
        turn.messages.append(_with(message, others))

    def messages(self) -> Iterable[Message]:
        for turn in self._turns:
            yield from turn.messages
            if turn.calls:
                yield Message(Role.TOOL, tuple([self._result(turn, call) for call in turn.calls]))

    @property
    def count(self) -> int:
        """How many turns there are."""
        return len(self._turns)

    def _next(self) -> _Turn:
        self._turns.append(_Turn())
        return self._turns[-1]

    def _call(self, part: ToolCall, turn: _Turn) -> ToolCall:
        place = self._before + len(self._turns), len(turn.calls), part.name
        call_id = _ids.call_id(part.id, *place)
        if call_id in self._used:
            call_id = _ids.stable_id("call_", part.id, *place)
        self._used.add(call_id)
        self.calls[part.id] = call_id, turn
        call = part
        if call_id != part.id:
            call, self.placed = replace(part, id=call_id), True
        turn.calls.append(call)
        turn.waiting[call_id] = _Waiting(part.name, bool(part.id))
        self._caller = turn
        return call

    def _answer(self, result: ToolResult) -> None:
        call_id, turn = self._match(result)
        if turn is None:
            self._orphan(result)
            return
        known = result.call_id == call_id
        turn.results[call_id] = result if known else replace(result, call_id=call_id)
        turn.answered = True
        turn.waiting.pop(call_id, None)

    def _match(self, result: ToolResult) -> tuple[str, _Turn | None]:
        if result.call_id in self.calls and result.call_id:
            return self.calls[result.call_id]
        turn = self._caller
        for call_id, call in turn.waiting.items() if turn is not None else ():
            by_order = not result.call_id or not call.had_id
            if by_order and result.name in ("", call.name):
                return call_id, turn
        return "", None

    def _orphan(self, result: ToolResult) -> None:
        self._losses.append(Loss(LossKind.DEGRADE, "orphan_tool_result", result.call_id))
        note = Text(f"[tool result for unknown call {result.call_id or result.name}] {result.text}")
        turn = self._next() if self._turns[-1].calls else self._turns[-1]
        turn.messages.append(Message(Role.USER, (note,)))

    def _result(self, turn: _Turn, call: ToolCall) -> ToolResult:
        found = turn.results.get(call.id)
        if found is None:
            self._losses.append(Loss(LossKind.DEGRADE, "missing_tool_result", call.name))
            found = ToolResult(call.id, (Text("no result"),), is_error=True)
        if (found.name, found.kind) == (call.name, call.kind):
            return found
        return replace(found, name=call.name, kind=call.kind)


def _with(message: Message, parts: list[Part]) -> Message:
    """`message` with `parts`, which may be its own."""
    if len(parts) == len(message.parts) and all(map(is_, parts, message.parts)):
        return message
    return replace(message, parts=tuple(parts))


def _empty(part: Part) -> bool:
    return isinstance(part, Text) and not part.text and part.signature is None


def merge_roles(messages: Iterable[Message]) -> list[Message]:
    """Neighbours of one role joined into one message, as Anthropic and Gemini want them."""
    out: list[Message] = []
    for message in messages:
        if out and out[-1].role is message.role:
            out[-1] = replace(out[-1], parts=out[-1].parts + message.parts)
        else:
            out.append(message)
    return out


def remind(messages: Iterable[Message], losses: list[Loss]) -> list[Message]:
    """Later system messages as tagged user text, for targets that have none (section 3)."""
    out: list[Message] = []
    for message in messages:
        if message.role is not Role.SYSTEM:
            out.append(message)
            continue
        losses.append(Loss(LossKind.DEGRADE, "mid_system"))
        parts = tuple(
            replace(part, text=f"<system-reminder>\n{part.text}\n</system-reminder>")
            for part in message.parts
            if isinstance(part, Text)
        )
        out.append(Message(Role.USER, parts))
    return out


def end_of_history(
    request: Request, abilities: Abilities, losses: list[Loss], *, user_last: bool
) -> Request:
    """The assistant tail by the rules of section 4.

    `user_last`: the target refuses histories that end with the assistant. Raises `Unsupported` for
    a prefill that cannot be dropped without changing the answer.
    """
    messages = request.messages
    if request.continuation is not None:
        return request
    if not messages or messages[-1].role is not Role.ASSISTANT or abilities.prefill:
        return request
    if request.origin in _CONTINUING:
        text = text_of(messages[-1].parts)
        if len(text) > _SHORT_PREFILL_CHARS:
            raise Unsupported(
                "This model cannot continue a text the assistant has begun. End the conversation "
                "with a user message, or use a model that accepts a prefilled answer.",
                param="messages",
                code="prefill_unsupported",
            )
        losses.append(Loss(LossKind.DEGRADE, "prefill", text))
        return replace(request, messages=messages[:-1])
    if not user_last:
        return request
    losses.append(Loss(LossKind.DEGRADE, "assistant_tail"))
    return replace(request, messages=(*messages, Message(Role.USER, (Text("Continue."),))))


def text_of(parts: Sequence[Part]) -> str:
    """The visible text of `parts`, blocks apart by a blank line."""
    return "\n\n".join(part.text for part in parts if isinstance(part, Text))


def result_text(result: ToolResult) -> str:
    """A result for targets without an error flag: errors say so in words (section 7)."""
    return told(result.text, is_error=result.is_error)


def told(text: str, *, is_error: bool) -> str:
    """As `result_text`, where the result's text is `text`."""
    return f"Error: {text}" if is_error and not text.startswith("Error: ") else text
