"""Moments as this dialect writes them: RFC 3339, in UTC."""

from __future__ import annotations

from datetime import UTC, datetime


def encode_time(seconds: int) -> str:
    """`seconds` since the epoch; a number no calendar holds becomes the epoch itself."""
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        moment = datetime.fromtimestamp(0, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def decode_time(text: str) -> int:
    """Seconds since the epoch, 0 if `text` is no moment."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return 0
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
