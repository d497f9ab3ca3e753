"""A memory that forgets: what is old, and of what is too much the first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Bounded(Generic[K, V]):
    """Values by key, for `ttl_s` seconds of `clock`, at most `entries` of `size_bytes` in all."""

    def __init__(
        self, clock: Callable[[], float], *, ttl_s: float, entries: int, size_bytes: int
    ) -> None:
        self._clock = clock
        self._ttl_s = ttl_s
        self._entries = entries
        self._limit_bytes = size_bytes
        self._kept: OrderedDict[K, tuple[V, float, int]] = OrderedDict()
        self._size_bytes = 0

    def __bool__(self) -> bool:
        return bool(self._kept)

    def put(self, key: K, value: V, size_bytes: int) -> None:
        """Keep `value`, in place of what was kept under `key`."""
        self.drop(key)
        self._kept[key] = value, self._clock() + self._ttl_s, size_bytes
        self._size_bytes += size_bytes
        while len(self._kept) > self._entries or self._size_bytes > self._limit_bytes:
            self.drop(next(iter(self._kept)))

    def get(self, key: K) -> V | None:
        """What is kept under `key`, if it is not too old."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        value, until_s, _ = kept
        if until_s <= self._clock():
            self.drop(key)
            return None
        return value

    def touch(self, key: K) -> None:
        """What is kept under `key` was needed: others are forgotten before it."""
        self._kept.move_to_end(key)

    def drop(self, key: K) -> bool:
        """Forget what is kept under `key`; False if there was nothing."""
        kept = self._kept.pop(key, None)
        if kept is None:
            return False
        self._size_bytes -= kept[2]
        return True
