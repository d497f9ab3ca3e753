"""A spent budget in the headers that clients of each dialect look at."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from mux.errors import BudgetSpent

_COUNTED: Final = frozenset({"requests", "tokens"})
"""What has headers of its own; of money no dialect speaks."""

_PATIENCE_S: Final = 120.0
"""Official clients try again by themselves; over longer waits they need not."""


def headers(error: BudgetSpent, dialect: str) -> list[tuple[str, str]]:
    """What the answer's head says beside ``retry-after``."""
    out: list[tuple[str, str]] = []
    if error.what in _COUNTED and dialect == "anthropic":
        prefix = f"anthropic-ratelimit-{error.what}"
        reset = datetime.fromtimestamp(error.reset_s, UTC).isoformat(timespec="seconds")
        out += [
            (f"{prefix}-limit", f"{error.limit:.0f}"),
            (f"{prefix}-remaining", "0"),
            (f"{prefix}-reset", reset.replace("+00:00", "Z")),
        ]
    elif error.what in _COUNTED and dialect.startswith("openai"):
        out += [
            (f"x-ratelimit-limit-{error.what}", f"{error.limit:.0f}"),
            (f"x-ratelimit-remaining-{error.what}", "0"),
            (f"x-ratelimit-reset-{error.what}", _duration(error.retry_after_s or 0.0)),
        ]
    if (error.retry_after_s or 0.0) > _PATIENCE_S:
        out.append(("x-should-retry", "false"))
    return out


def _duration(seconds: float) -> str:
    """As OpenAI writes it: ``6m0s``."""
    minutes, rest = divmod(max(1, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m{rest}s"
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
