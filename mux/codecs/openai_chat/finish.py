"""Why a choice ended (translation spec section 15)."""

from __future__ import annotations

from typing import Final

from mux.codecs.openai_chat._wire import DIALECT
from mux.ir import Finish, Object, StopReason

_READ: Final = {
    "": StopReason.STOP,
    "stop": StopReason.STOP,
    "tool_calls": StopReason.TOOL_CALLS,
    "function_call": StopReason.TOOL_CALLS,
    "length": StopReason.LENGTH,
    "content_filter": StopReason.CONTENT_FILTER,
    # quirk(together): the token that ended the text
    "eos": StopReason.STOP,
    # quirk(mistral): the window is full
    "model_length": StopReason.CONTEXT_WINDOW,
    # quirk(vllm): somebody cancelled the request
    "abort": StopReason.CANCELLED,
}
_WRITTEN: Final = {
    StopReason.TOOL_CALLS: "tool_calls",
    StopReason.LENGTH: "length",
    StopReason.CONTEXT_WINDOW: "length",
    StopReason.CONTINUATION: "length",
    StopReason.CONTENT_FILTER: "content_filter",
}


def decode_finish(reason: str, *, refused: bool = False, ext: Object | None = None) -> Finish:
    """The end of a choice. Empty: the host gave no reason. A refusal ends with ``stop``."""
    read = _READ.get(reason, StopReason.UNKNOWN)
    if refused and read is StopReason.STOP:
        read = StopReason.REFUSAL
    return Finish(read, dialect=DIALECT, native=reason, ext={DIALECT: ext} if ext else None)


def encode_finish(finish: Finish, *, refused: bool, legacy: bool) -> str:
    """The ``finish_reason``. `refused`: a refusal was written, and then ``stop`` is right.

    `legacy`: the client declared functions and not tools.
    """
    if finish.reason is StopReason.TOOL_CALLS:
        return "function_call" if legacy else "tool_calls"
    if finish.dialect == DIALECT and finish.native:
        return finish.native
    if finish.reason is StopReason.REFUSAL:
        return "stop" if refused else "content_filter"
    return _WRITTEN.get(finish.reason, "stop")
