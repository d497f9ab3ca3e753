"""The client's stream: not begun before there is something to say, kept alive while there is not.

Until the first content event the HTTP status is still open, so that an upstream's early failure
becomes a real status (translation spec section 17). Silence of `SILENCE_S` ends that: the head is
sent, and from then on each such silence is filled with the dialect's keep-alive. Another upstream
may still be tried as long as no content was sent.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Final

import trio

from mux.codecs import StreamEncoder
from mux.errors import MuxError
from mux.gateway.call import Sink
from mux.gateway.headers import STREAM
from mux.ir import Failure

SILENCE_S: Final = 10.0
_LINES: Final = "application/x-ndjson"


def _nothing() -> None:
    """Whom a commitment tells nothing."""


class ClientStream:
    """A streamed answer to one client. Bytes given before `commit` wait for it.

    What is sent at once ends where an event does, so that a keep-alive may follow it.
    """

    __slots__ = (
        "_busy",
        "_committing",
        "_extra",
        "_head",
        "_held",
        "_last_s",
        "_make",
        "_sending",
        "_sent",
        "_sink",
        "begun",
        "by_line",
        "committed",
        "committed_s",
        "encoder",
    )

    def __init__(
        self,
        sink: Sink,
        make_encoder: Callable[[], StreamEncoder],
        content_type: str,
    ) -> None:
        self._make = make_encoder
        self.encoder = make_encoder()
        self.begun = False
        """the head was sent, and with it the status"""
        self.committed = False
        """content was sent, and with it the choice of the upstream"""
        self.committed_s: float | None = None
        """when that was"""
        self.by_line = content_type.startswith(_LINES)
        """an event is a line, not what a blank line ends"""
        self._sink = sink
        self._head = [("content-type", content_type), *STREAM]
        self._extra: Iterable[tuple[str, str]] = ()
        """what the head says of the upstream that answers"""
        self._committing: Callable[[], None] = _nothing
        self._held = b""
        self._last_s = trio.current_time()
        self._sending = False
        self._sent = 0
        """pieces"""
        self._busy: trio.Event | None = None
        """set while the keep-alive is writing, so that the pump waits for it"""

    @property
    def between_s(self) -> float | None:
        """What lay between two pieces of content, on average; None if there were not two."""
        if self.committed_s is None or self._sent < 2:
            return None
        return (self._last_s - self.committed_s) / (self._sent - 1)

    def restart(
        self, extra: Iterable[tuple[str, str]], committing: Callable[[], None] = _nothing
    ) -> None:
        """Another upstream begins to answer; what the one before it said is forgotten.

        `committing` is called when its first content goes out.
        """
        self.encoder = self._make()
        self._held = b""
        self._extra = extra
        self._committing = committing

    def hold(self, data: bytes) -> None:
        """Keep `data` until the stream is committed."""
        self._held += data

    async def commit(self) -> None:
        """Send the head and what was held: from here on there is no second try."""
        self.committed = True
        self.committed_s = trio.current_time()
        self._committing()
        if self._busy is not None:
            await self._busy.wait()
        if not self.begun:
            await self._begin()
        held, self._held = self._held, b""
        await self.send(held)

    async def send(self, data: bytes) -> None:
        """Send `data`, if it is any, after a keep-alive that may be under way."""
        if not data:
            return
        if self._busy is not None:
            await self._busy.wait()
        self._sending = True
        self._last_s = trio.current_time()
        await self._sink.send(data)
        self._sending = False
        self._sent += 1

    async def end(self) -> None:
        """The answer is complete."""
        await self._sink.end()

    async def fail(self, error: MuxError) -> None:
        """No upstream could answer: raised if the status is still open, else told in the stream."""
        if not self.begun:
            raise error
        await self.send(self.encoder.encode(Failure.of(error)) + self.encoder.eof())
        await self.end()

    @property
    def silent(self) -> bool:
        """Whether nothing was sent for `SILENCE_S`, and nothing is being sent."""
        return not self._sending and trio.current_time() >= self._last_s + SILENCE_S

    async def keep_alive(self) -> None:
        """Fill the silence there is, and those that follow, until cancelled."""
        if not self.begun:
            await self._exclusively(self._begin_now)
        while True:
            if self.silent:
                await self._exclusively(self._ping)
            wait_s = self._last_s + SILENCE_S - trio.current_time()
            await trio.sleep(wait_s if wait_s > 0 else 1)

    async def _begin(self) -> None:
        self.begun = True
        await self._sink.start(200, [*self._head, *self._extra])

    async def _begin_now(self) -> None:
        """Send the head although there is nothing to follow it yet."""
        await self._begin()
        await self._sink.send(b"")

    async def _ping(self) -> None:
        self._last_s = trio.current_time()
        if ping := self.encoder.ping():
            await self._sink.send(ping)

    async def _exclusively(self, write: Callable[[], Awaitable[None]]) -> None:
        self._busy = busy = trio.Event()
        try:
            await write()
        finally:
            self._busy = None
            busy.set()
