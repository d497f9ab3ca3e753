"""Why a message ended, both ways (translation spec sections 15 and 16)."""

from __future__ import annotations

from typing import Final

from mux.codecs import _finish
from mux.codecs.anthropic._own import DIALECT, extras, nested, own, word
from mux.errors import UpstreamFailed
from mux.ir import Finish, Object, StopReason

_REASONS: Final = {
    "end_turn": StopReason.STOP,
    "max_tokens": StopReason.LENGTH,
    "stop_sequence": StopReason.STOP_SEQUENCE,
    "tool_use": StopReason.TOOL_CALLS,
    "pause_turn": StopReason.PAUSE,
    "refusal": StopReason.REFUSAL,
    "model_context_window_exceeded": StopReason.CONTEXT_WINDOW,
}
_WORDS: Final = {
    **{reason: word for word, reason in _REASONS.items()},
    StopReason.CONTENT_FILTER: "refusal",
    StopReason.CONTINUATION: "max_tokens",
}
"""The word for each reason; ``end_turn`` for those not in it."""

LATE: Final = ("stop_details", "container", "context_management")
"""Fields of a message that a stream tells at its end."""


def decode_finish(message: Object, calls: int) -> Finish:
    """How `message`, or the delta at a stream's end, says it ended. `calls` is the number of
    calls to the client's tools in it."""
    native = word(message, "stop_reason")
    finish = Finish(
        _REASONS.get(native, StopReason.UNKNOWN),
        stop_sequence=word(message, "stop_sequence"),
        explanation=word(nested(message, "stop_details"), "explanation"),
        dialect=DIALECT,
        native=native,
        ext=own({key: message[key] for key in LATE if message.get(key) is not None}),
    )
    return _finish.settle(finish, calls)


def encode_finish(finish: Finish) -> Object:
    """``stop_reason``, ``stop_sequence`` and, where there is something to say, ``stop_details``.

    Raises `UpstreamFailed` for an answer that ended in an error.
    """
    if finish.reason is StopReason.ERROR:
        raise UpstreamFailed(finish.explanation or "The model stopped because of an error")
    reason = _WORDS.get(finish.reason, "end_turn")
    if finish.dialect == DIALECT and finish.native:
        reason = finish.native
    elif reason == "stop_sequence" and not finish.stop_sequence:
        reason = "end_turn"
    out: Object = {"stop_reason": reason, "stop_sequence": finish.stop_sequence or None}
    if (details := extras(finish.ext).get("stop_details")) is not None:
        out["stop_details"] = details
    elif reason == "refusal" and finish.explanation:
        refusal: Object = {"type": "refusal", "category": None, "explanation": finish.explanation}
        out["stop_details"] = refusal
    return out
