"""Why a model stopped, put right where upstreams say it wrongly (translation spec section 15)."""

from __future__ import annotations

from msgspec.structs import replace

from mux.ir import Finish, StopReason


def words_of(finish: Finish) -> str:
    """Why the answer was withheld, in words a person can read; empty for any other end (F35)."""
    withheld = finish.reason in (StopReason.REFUSAL, StopReason.CONTENT_FILTER)
    return finish.explanation if withheld else ""


def settle(finish: Finish, calls: int) -> Finish:
    """`finish` made to agree with the number of client tool calls the answer holds.

    ``stop`` with calls means ``tool_calls`` and the reverse; limits and filters are never touched.
    """
    if calls and finish.reason in (StopReason.STOP, StopReason.UNKNOWN):
        return replace(finish, reason=StopReason.TOOL_CALLS, native="")
    if not calls and finish.reason is StopReason.TOOL_CALLS:
        return replace(finish, reason=StopReason.STOP, native="")
    return finish
