"""The range a question about usage is about. All of it is UTC, to the millisecond."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple

from mux.errors import InvalidRequest

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
_DEFAULT_DAYS: Final = 30
_MOST_DAYS: Final = 36_500
_EPOCH: Final = date(1970, 1, 1)


class Period(NamedTuple):
    """From a moment up to, but without, another one, in milliseconds since the epoch."""

    from_ms: int
    to_ms: int

    @classmethod
    def of(cls, now_s: float, *, days: str = "", start: str = "", end: str = "") -> Period:
        """What ``?days``, ``?from`` and ``?to`` ask for; without any, the last 30 days.

        A moment is a date, a date with time, or seconds since the epoch; a date as the end means
        the end of that day. `days` counts back from the end. Raises `InvalidRequest`.
        """
        to_ms = _moment(end, "to", ends=True) if end else round(now_s * 1000) + 1
        if start and days:
            raise InvalidRequest("give days or from, not both", param="days")
        from_ms = _moment(start, "from") if start else to_ms - _days(days) * DAY_MS
        from_ms = max(from_ms, 0)  # before, there are no requests and soon no dates
        if from_ms > to_ms:
            raise InvalidRequest("from is later than to", param="from")
        return cls(from_ms, to_ms)

    @property
    def from_text(self) -> str:
        """The beginning, as ISO 8601."""
        return _text(self.from_ms)

    @property
    def to_text(self) -> str:
        """The end, as ISO 8601."""
        return _text(self.to_ms)


def day_of(day: int) -> str:
    """The date of a day since the epoch."""
    return (_EPOCH + timedelta(days=day)).isoformat()


def day_index(time_s: float) -> int:
    """The day since the epoch that a moment is in."""
    return int(time_s // 86_400)


def _days(text: str) -> int:
    if not text:
        return _DEFAULT_DAYS
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text[:6]) <= _MOST_DAYS:
        raise InvalidRequest(f"days must be a number from 1 to {_MOST_DAYS}", param="days")
    return int(text)


def _moment(text: str, param: str, *, ends: bool = False) -> int:
    """`text` as milliseconds since the epoch."""
    try:
        if text.isascii() and text.isdigit() and len(text) != 8:  # 20261123 is a date
            moment = datetime.fromtimestamp(int(text), UTC)
        else:
            moment = datetime.fromisoformat(text.replace(" ", "+"))  # as queries lose a plus
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=UTC)
            if ends and len(text) <= 10:
                moment += timedelta(days=1)
        return round(moment.timestamp() * 1000)
    except (ValueError, OverflowError, OSError):
        raise InvalidRequest(
            "expected a date such as 2026-11-23, a time such as 2026-11-23T10:00:00Z, or seconds "
            "since the epoch",
            param=param,
        ) from None


def _text(time_ms: int) -> str:
    moment = datetime.fromtimestamp(time_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
