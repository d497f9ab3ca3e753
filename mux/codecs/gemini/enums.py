"""Enumerations sent as numbers: clients that ask for ``enum-encoding=int`` get them so.

The numbers are those of the Developer API's published protocol buffers.
"""

from __future__ import annotations

from typing import Final

from mux.errors import UpstreamProtocolError
from mux.ir import JSON, Object

FINISH_REASONS: Final = (
    "FINISH_REASON_UNSPECIFIED",
    "STOP",
    "MAX_TOKENS",
    "SAFETY",
    "RECITATION",
    "OTHER",
    "LANGUAGE",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "MALFORMED_FUNCTION_CALL",
    "IMAGE_SAFETY",
    "UNEXPECTED_TOOL_CALL",
    "TOO_MANY_TOOL_CALLS",
    "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_OTHER",
    "NO_IMAGE",
    "IMAGE_RECITATION",
)
CALLING_MODES: Final = ("MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED")

_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "blockReason": (
        "BLOCK_REASON_UNSPECIFIED",
        "SAFETY",
        "OTHER",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "IMAGE_SAFETY",
    ),
    "category": (
        "HARM_CATEGORY_UNSPECIFIED",
        "HARM_CATEGORY_DEROGATORY",
        "HARM_CATEGORY_TOXICITY",
        "HARM_CATEGORY_VIOLENCE",
        "HARM_CATEGORY_SEXUAL",
        "HARM_CATEGORY_MEDICAL",
        "HARM_CATEGORY_DANGEROUS",
        "HARM_CATEGORY_HARASSMENT",
        "HARM_CATEGORY_HATE_SPEECH",
        "HARM_CATEGORY_SEXUALLY_EXPLICIT",
        "HARM_CATEGORY_DANGEROUS_CONTENT",
        "HARM_CATEGORY_CIVIC_INTEGRITY",
    ),
    "probability": ("HARM_PROBABILITY_UNSPECIFIED", "NEGLIGIBLE", "LOW", "MEDIUM", "HIGH"),
    "modality": ("MODALITY_UNSPECIFIED", "TEXT", "IMAGE", "VIDEO", "AUDIO", "DOCUMENT"),
    "trafficType": ("TRAFFIC_TYPE_UNSPECIFIED", "ON_DEMAND", "PROVISIONED_THROUGHPUT"),
    "language": ("LANGUAGE_UNSPECIFIED", "PYTHON"),
    "outcome": (
        "OUTCOME_UNSPECIFIED",
        "OUTCOME_OK",
        "OUTCOME_FAILED",
        "OUTCOME_DEADLINE_EXCEEDED",
    ),
    "urlRetrievalStatus": (
        "URL_RETRIEVAL_STATUS_UNSPECIFIED",
        "URL_RETRIEVAL_STATUS_SUCCESS",
        "URL_RETRIEVAL_STATUS_ERROR",
    ),
}
_FREE: Final = frozenset({"args", "response", "partMetadata"})
"""Members whose keys are somebody else's."""


def word(value: str | int, names: tuple[str, ...]) -> str:
    """The name of an enumeration's value; an unknown number is the number as text."""
    if isinstance(value, str):
        return value.upper()
    return names[value] if 0 <= value < len(names) else str(value)


def named(value: JSON) -> JSON:
    """`value` with every enumeration in it by name."""
    if isinstance(value, list):
        return [named(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: item if key in _FREE else _member(key, item) for key, item in value.items()}


def named_object(value: Object) -> Object:
    """`named`, for an object. Raises `UpstreamProtocolError` for one nested beyond all sense."""
    try:
        out = named(value)
    except RecursionError:
        raise UpstreamProtocolError("the upstream's answer is nested too deeply") from None
    return out if isinstance(out, dict) else value


def _member(key: str, item: JSON) -> JSON:
    if isinstance(item, int) and key in _NAMES:
        return word(item, _NAMES[key])
    return named(item)
