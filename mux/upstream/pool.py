"""Idle connections, kept for the next request to the same origin."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque

import trio

from mux.upstream._address import Origin
from mux.upstream._connection import Connection


class Pool:
    """At most `limit` idle connections, none for longer than `idle_s`. Every step is O(1).

    The connection that was used last is taken first, so that surplus ones grow old and go.
    """

    def __init__(self, *, idle_s: float, limit: int) -> None:
        self._idle_s = idle_s
        self._limit = limit
        self._by_age: OrderedDict[Connection, float] = OrderedDict()  # with the time it expires
        self._by_origin: defaultdict[Origin, deque[Connection]] = defaultdict(deque)

    def __len__(self) -> int:
        return len(self._by_age)

    def take(self, origin: Origin) -> Connection | None:
        """A connection to `origin` that looks alive, no longer in the pool."""
        self._expire(trio.current_time())
        idle = self._by_origin[origin]
        while idle:
            connection = idle.pop()
            del self._by_age[connection]
            if not connection.stale():
                return connection
            connection.close()
        return None

    def give(self, connection: Connection) -> None:
        """Keep `connection`, which must be between two requests."""
        now_s = trio.current_time()
        self._by_age[connection] = now_s + self._idle_s
        self._by_origin[connection.origin].append(connection)
        self._expire(now_s)

    def close(self) -> None:
        """Close all idle connections."""
        self._limit = 0
        self._expire(trio.current_time())

    def _expire(self, now_s: float) -> None:
        while self._by_age:
            oldest = next(iter(self._by_age))
            if len(self._by_age) <= self._limit and self._by_age[oldest] > now_s:
                return
            del self._by_age[oldest]
            self._by_origin[oldest.origin].popleft()  # nobody of its origin is older
            oldest.close()
