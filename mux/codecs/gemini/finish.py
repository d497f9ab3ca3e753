"""Why a candidate ended, both ways (translation spec sections 15 and 16)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from msgspec.structs import astuple

from mux.codecs import _finish
from mux.codecs.gemini._wire import ABSENT, DIALECT, Candidate, value
from mux.codecs.gemini.enums import FINISH_REASONS, named_object, word
from mux.codecs.gemini.grounding import Grounding
from mux.codecs.gemini.logprobs import encode_logprobs
from mux.codecs.gemini.parts_in import own
from mux.ir import Finish, Object, StopReason, TokenLogprob

_FILTERED: Final = (
    "SAFETY",
    "RECITATION",
    "LANGUAGE",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "IMAGE_SAFETY",
    "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_RECITATION",
    "MODEL_ARMOR",
    "ESCALATION",
)
_MALFORMED: Final = (
    "MALFORMED_FUNCTION_CALL",
    "UNEXPECTED_TOOL_CALL",
    "TOO_MANY_TOOL_CALLS",
    "MISSING_THOUGHT_SIGNATURE",
    "MALFORMED_RESPONSE",
)
_REASONS: Final[dict[str, StopReason]] = {
    "STOP": StopReason.STOP,
    "MAX_TOKENS": StopReason.LENGTH,
    "CONTINUATION": StopReason.CONTINUATION,
    **dict.fromkeys(_FILTERED, StopReason.CONTENT_FILTER),
    **dict.fromkeys(_MALFORMED, StopReason.MALFORMED_TOOL),
}
_WORDS: Final[dict[StopReason, str]] = {
    StopReason.LENGTH: "MAX_TOKENS",
    StopReason.CONTEXT_WINDOW: "MAX_TOKENS",
    StopReason.CONTENT_FILTER: "SAFETY",
    StopReason.REFUSAL: "SAFETY",
    StopReason.CONTINUATION: "CONTINUATION",
    StopReason.MALFORMED_TOOL: "MALFORMED_FUNCTION_CALL",
    StopReason.ERROR: "OTHER",
}
"""Every other reason is ``STOP`` to a client."""

_DETAILS: Final = (
    "finishMessage",
    "safetyRatings",
    "citationMetadata",
    "groundingMetadata",
    "urlContextMetadata",
    "avgLogprobs",
    "logprobsResult",
    "tokenCount",
    "continuationToken",
)
"""What a candidate says beside its content: the last fields of `Candidate`, in their order."""

_NONE: Final = (ABSENT,) * len(_DETAILS)
_EMPTY: Final = msgspec.Raw(b"{}")


def raw_details(candidate: Candidate) -> dict[str, msgspec.Raw]:
    """What a candidate says beside its content, unread; empty objects left out."""
    raws: tuple[msgspec.Raw, ...] = astuple(candidate)[-len(_DETAILS) :]
    if raws == _NONE:
        return {}
    return {key: raw for key, raw in zip(_DETAILS, raws, strict=True) if raw and raw != _EMPTY}


def read_details(raws: Mapping[str, msgspec.Raw]) -> Object:
    """The details, enumerations by name."""
    if not raws:
        return {}
    found = {key: value(raw) for key, raw in raws.items()}
    return named_object({key: item for key, item in found.items() if item is not None})


def decode_finish(native: str | int, details: Object, feedback: Object, calls: int) -> Finish:
    """The end of a candidate that made `calls` calls; `feedback` is about the prompt."""
    reason = word(native, FINISH_REASONS)
    kept: Object = details
    if feedback:
        kept = {**details, "promptFeedback": named_object(feedback)}
    stop = _REASONS.get(reason, StopReason.UNKNOWN)
    words = details.get("finishMessage")
    explanation = words if isinstance(words, str) else ""
    if stop is StopReason.CONTENT_FILTER and not explanation:
        explanation = f"The model's provider withheld the answer ({reason})."
    elif stop in (StopReason.STOP, StopReason.LENGTH, StopReason.CONTINUATION):
        explanation = ""  # such messages are for developers, not for whoever reads the answer
    finish = Finish(stop, "", explanation, DIALECT, reason, own(kept))
    return _finish.settle(finish, calls)


def is_blocked(feedback: Object) -> bool:
    """Whether the prompt was refused: then there is no candidate."""
    return bool(feedback.get("blockReason"))


def decode_block(feedback: Object) -> Finish:
    """The end of an answer to a prompt that was refused."""
    feedback = named_object(feedback)
    words = feedback.get("blockReasonMessage")
    explanation = (
        words
        if isinstance(words, str)
        else f"The model's provider refused the prompt ({feedback.get('blockReason')})."
    )
    return Finish(
        StopReason.CONTENT_FILTER, "", explanation, DIALECT, "", own({"promptFeedback": feedback})
    )


def encode_reason(finish: Finish, *, refused: bool = False) -> str:
    """``finishReason``: as the upstream said it if it speaks this dialect.

    `refused`: the answer is a refusal in the model's own words, which is a text like any other.
    """
    if finish.dialect == DIALECT and finish.native:
        return finish.native
    if refused and finish.reason is StopReason.REFUSAL:
        return "STOP"
    return _WORDS.get(finish.reason, "STOP")


def encode_details(
    finish: Finish, grounding: Grounding, logprobs: Sequence[TokenLogprob]
) -> Object:
    """The members of a candidate beside its content and reason.

    The upstream's own if it speaks this dialect, else what the answer's parts say of themselves.
    """
    kept = (finish.ext or {}).get(DIALECT)
    if kept is not None or finish.dialect == DIALECT:
        return {key: item for key, item in (kept or {}).items() if key != "promptFeedback"}
    out: Object = {}
    if finish.explanation and encode_reason(finish) == "SAFETY":
        out["finishMessage"] = finish.explanation
    if metadata := grounding.encode():
        out["groundingMetadata"] = metadata
    if logprobs:
        out["logprobsResult"] = encode_logprobs(logprobs)
    return out


def encode_feedback(finish: Finish) -> Object:
    """``promptFeedback`` as a top-level member, or nothing."""
    kept = (finish.ext or {}).get(DIALECT, {})
    return {"promptFeedback": kept["promptFeedback"]} if "promptFeedback" in kept else {}


def refused_prompt(finish: Finish) -> bool:
    """Whether the upstream of this dialect gave no candidate at all."""
    feedback = encode_feedback(finish).get("promptFeedback")
    return not finish.native and isinstance(feedback, dict) and is_blocked(feedback)
