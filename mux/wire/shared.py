"""Results by the very objects they were made of, which requests that say the same again share."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final, Generic, TypeVar

import msgspec

from mux.wire.memo import Memo

R = TypeVar("R")

_LARGE_BYTES: Final = 1024 * 1024
"""Of larger objects nothing is kept: they hold files, and come once."""

_ENTRY_BYTES: Final = 1000
"""What an entry takes beside texts, roughly."""


class Shared(Generic[R]):
    """What was made of objects, by who they are and not by what they hold; at most `limit_bytes`.

    As long as a result is kept its objects are, too, so that no other ones have their ids.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._memo = Memo[tuple[tuple[object, ...], R]](limit_bytes)

    def find(self, objects: tuple[object, ...], how: Hashable = None) -> R | None:
        """What was kept of `objects`, made in the way `how`."""
        found = self._memo.get((how, *map(id, objects)))
        return None if found is None else found[0][1]

    def keep(self, objects: tuple[object, ...], result: R, how: Hashable = None) -> int:
        """Remember `result`, which requests share from now on. It counts as much as `objects`; how
        much that is, in bytes of JSON."""
        size_bytes = len(msgspec.json.encode(objects))
        if size_bytes <= _LARGE_BYTES:
            key = (how, *map(id, objects))
            self._memo.put(key, (objects, result), 2 * size_bytes + _ENTRY_BYTES)
        return size_bytes


_STAND_INS: Final = Memo[object](1000)


def stand_in(*values: Hashable) -> object:
    """An object that stands for `values`, the same one for equal ones: it takes no time to hash."""
    found = _STAND_INS.get(values)
    if found is not None:
        return found[0]
    one = object()
    _STAND_INS.put(values, one, 1)
    return one
