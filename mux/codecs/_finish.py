"""Why a model stopped, put right where upstreams say it wrongly (translation spec section 15)."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from mux.codecs import _arguments
from mux.ir import Answer, Finish, Part, StopReason, ToolCall, ToolKind

_CUTS: Final = frozenset(
    {
        StopReason.LENGTH,
        StopReason.CONTEXT_WINDOW,
        StopReason.CONTENT_FILTER,
        StopReason.REFUSAL,
        StopReason.CANCELLED,
    }
)


def words_of(finish: Finish) -> str:
    """Why the answer was withheld, in words a person can read; empty for any other end (F35)."""
    withheld = finish.reason in (StopReason.REFUSAL, StopReason.CONTENT_FILTER)
    return finish.explanation if withheld else ""


def is_cut(finish: Finish) -> bool:
    """Whether the answer ended where it did because something cut it off."""
    return finish.reason in _CUTS


def whole_parts(answer: Answer) -> tuple[Part, ...]:
    """The parts, without a call that was cut off.

    For dialects whose calls are objects: closed, half a call would be run as if it were whole
    (F10). The end still says that the limit was reached.
    """
    last = answer.parts[-1] if answer.parts and is_cut(answer.finish) else None
    if isinstance(last, ToolCall) and last.kind is ToolKind.FUNCTION:
        return answer.parts if _arguments.is_whole(last.arguments) else answer.parts[:-1]
    return answer.parts


def settle(finish: Finish, calls: int) -> Finish:
    """`finish` made to agree with the number of client tool calls the answer holds.

    ``stop`` with calls means ``tool_calls`` and the reverse; limits and filters are never touched.
    """
    if calls and finish.reason in (StopReason.STOP, StopReason.UNKNOWN):
        return replace(finish, reason=StopReason.TOOL_CALLS, native="")
    if not calls and finish.reason is StopReason.TOOL_CALLS:
        return replace(finish, reason=StopReason.STOP, native="")
    return finish
