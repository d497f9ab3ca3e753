"""How long an upstream may take: until it begins, between two pieces, and in all.

A silence is noticed up to a second late, so that a quick stream need not pay with every piece for
moving its end.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

import trio

from mux.config import Settings
from mux.errors import MuxError, UpstreamTimeout, UpstreamUnreachable
from mux.gateway.waits import Waits
from mux.upstream import Opening, Reply

_GRAIN_S: Final = 1.0


class Watch:
    """The clock of one upstream answer, a context for everything that waits for it.

    Leaving it raises `UpstreamTimeout` if the upstream took too long, and `Overloaded` if the
    process came to its end meanwhile.
    """

    __slots__ = ("_began", "_opening", "_renew_s", "_settings", "_until_s", "_waits")

    def __init__(self, settings: Settings, waits: Waits, opening: Opening) -> None:
        now_s = trio.current_time()
        self._settings = settings
        self._waits = waits
        self._opening = opening
        self._until_s = now_s + settings.request_timeout
        self._began = False
        self._renew_s = now_s + settings.first_byte_timeout

    def __enter__(self) -> Self:
        self._waits.begin(self._opening, min(self._renew_s, self._until_s))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        over = self.over
        self._waits.end(self._opening)
        if over is not None and isinstance(error, UpstreamUnreachable):
            raise over from None

    @property
    def over(self) -> MuxError | None:
        """Why the upstream was waited for no more, if that is so."""
        return self._error() if self._waits.ended(self._opening) else None

    def heard(self) -> None:
        """Something has come."""
        now_s = trio.current_time()
        if self._began and now_s < self._renew_s:
            return
        self._began = True
        self._renew_s = now_s + _GRAIN_S
        silence_until_s = now_s + self._settings.stream_timeout + _GRAIN_S
        self._waits.renew(self._opening, min(silence_until_s, self._until_s))

    def _error(self) -> MuxError:
        settings = self._settings
        if self._waits.closed:
            return self._waits.error()
        if trio.current_time() >= self._until_s:
            return UpstreamTimeout(
                f"The upstream did not finish within {settings.request_timeout:.0f} s; raise "
                "`request-timeout` to allow it longer"
            )
        if not self._began:
            return UpstreamTimeout(
                f"The upstream sent nothing within {settings.first_byte_timeout:.0f} s; try "
                "again, or raise `first-byte-timeout` if the model needs longer to begin"
            )
        return UpstreamTimeout(
            f"The upstream fell silent for {settings.stream_timeout:.0f} s in the middle of its "
            "answer; try again, or raise `stream-timeout` if the model pauses longer"
        )


class WatchedReply:
    """A reply that its `watch` hears."""

    __slots__ = ("_reply", "_watch", "headers", "status")

    def __init__(self, reply: Reply, watch: Watch) -> None:
        self.status: int = reply.status
        self.headers: Mapping[str, str] = reply.headers
        self._reply = reply
        self._watch = watch

    async def receive_some(self) -> bytes:
        """See `Reply.receive_some`."""
        try:
            data = await self._reply.receive_some()
        except MuxError:
            if (over := self._watch.over) is not None:
                raise over from None
            raise
        if data:
            self._watch.heard()
        return data
