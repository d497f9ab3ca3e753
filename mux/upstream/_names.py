"""Addresses of hosts, remembered for a while.

The system's resolver does not say for how long an answer holds, so that a fixed time stands for
that: short enough to follow a provider that moves, long enough that a crowd asks once.
"""

from __future__ import annotations

import socket
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import trio

KEEP_S: Final = 30.0
_MOST: Final = 1024

_Found: TypeAlias = list[tuple[Any, ...]]


@dataclass(slots=True)
class _Asked:
    """One question; whoever holds the `lock` may ask it."""

    lock: trio.Lock = field(default_factory=trio.Lock)
    found: _Found = field(default_factory=list[tuple[Any, ...]])
    until_s: float = 0.0


class Names(trio.abc.HostnameResolver):
    """Asks the system for each host once in `KEEP_S`, however many want to know. What fails is
    asked again."""

    def __init__(self) -> None:
        self._asked: dict[tuple[object, ...], _Asked] = {}

    @contextmanager
    def used(self) -> Generator[None]:
        """Within, all of trio's connections look up their names here."""
        before = trio.socket.set_custom_hostname_resolver(self)
        try:
            yield
        finally:
            trio.socket.set_custom_hostname_resolver(before)

    async def getaddrinfo(
        self,
        host: bytes | None,
        port: bytes | str | int | None,
        family: int = 0,
        type: int = 0,
        proto: int = 0,
        flags: int = 0,
    ) -> _Found:
        """See `socket.getaddrinfo`."""
        question = (host, port, family, type, proto, flags)
        asked = self._asked.setdefault(question, _Asked())
        async with asked.lock:
            now_s = trio.current_time()
            if not asked.found or now_s >= asked.until_s:
                asked.found = []
                asked.found = await trio.to_thread.run_sync(
                    socket.getaddrinfo, *question, abandon_on_cancel=True
                )
                asked.until_s = trio.current_time() + KEEP_S
                self._bound(now_s)
        return asked.found

    async def getnameinfo(self, sockaddr: tuple[Any, ...], flags: int) -> tuple[str, str]:
        """See `socket.getnameinfo`."""
        return await trio.to_thread.run_sync(
            socket.getnameinfo, sockaddr, flags, abandon_on_cancel=True
        )

    def _bound(self, now_s: float) -> None:
        if len(self._asked) <= _MOST:
            return
        for question, asked in list(self._asked.items()):
            if asked.until_s <= now_s and not asked.lock.locked():
                del self._asked[question]
