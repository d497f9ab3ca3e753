"""How long an upstream may take: until it begins, between two pieces, and in all.

That it speaks is not told with every piece but seen from time to time: a quick stream need not pay
for it. So a silence is noticed up to a second late.
"""

from __future__ import annotations

import trio

from mux.config import Settings
from mux.errors import MuxError, UpstreamTimeout
from mux.upstream import Opening, Reply


class Patience:
    """With one upstream answer, for `Waits`. `reply` is what has come of it."""

    __slots__ = (
        "_begin_by_s",
        "_end_by_s",
        "_heard_s",
        "_opening",
        "_received",
        "_settings",
        "reply",
    )

    def __init__(self, settings: Settings, opening: Opening) -> None:
        now_s = trio.current_time()
        self.reply: Reply | None = None
        self._settings = settings
        self._opening = opening
        self._begin_by_s = now_s + settings.first_byte_timeout
        self._end_by_s = now_s + settings.request_timeout
        self._received = 0
        self._heard_s = now_s
        """when it was seen to have spoken"""

    def cancel(self, error: MuxError) -> None:
        """See `Wait.cancel`."""
        self._opening.cancel(error)

    def over(self, now_s: float) -> MuxError | None:
        """See `Wait.over`."""
        if self.reply is not None and self.reply.received != self._received:
            self._received, self._heard_s = self.reply.received, now_s
        settings = self._settings
        if now_s >= self._end_by_s:
            return UpstreamTimeout(
                f"The upstream did not finish within {settings.request_timeout:.0f} s; raise "
                "`request-timeout` to allow it longer"
            )
        if not self._received and now_s >= self._begin_by_s:
            return UpstreamTimeout(
                f"The upstream sent nothing within {settings.first_byte_timeout:.0f} s; try "
                "again, or raise `first-byte-timeout` if the model needs longer to begin"
            )
        if self._received and now_s >= self._heard_s + settings.stream_timeout:
            return UpstreamTimeout(
                f"The upstream fell silent for {settings.stream_timeout:.0f} s in the middle of "
                "its answer; try again, or raise `stream-timeout` if the model pauses longer"
            )
        return None
