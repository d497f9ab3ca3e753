"""Reading what was read before: agents send the same messages and tools again with every turn."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Final, Generic, TypeVar, TypeVarTuple, cast

from mux.wire.doc import Doc, Piece
from mux.wire.outline import Unread

R = TypeVar("R")
T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_LIMIT_BYTES: Final = 16 * 1024 * 1024
_LARGE_BYTES: Final = 256 * 1024
"""A larger piece is not remembered: it is a file, and a file is read fast."""

_ENTRY_BYTES: Final = 500
"""What an entry takes beside its text, roughly."""


class Memo(Generic[R]):
    """Results by what they were made of; the least needed go when there are `limit_bytes` of texts.

    A younger and an older half: what is needed moves to the younger one, and when that is full, the
    older one is forgotten. Threads may share it; a race loses an entry at most.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._half_bytes = limit_bytes // 2
        self._young: dict[Hashable, tuple[R, int]] = {}
        self._old: dict[Hashable, tuple[R, int]] = {}
        self._size_bytes = 0

    def get(self, key: Hashable) -> tuple[R, int] | None:
        """What was put under `key`, and its size in bytes."""
        found = self._young.get(key)
        if found is None and (found := self._old.get(key)) is not None:
            self.put(key, *found)
        return found

    def needed_lately(self) -> Mapping[Hashable, tuple[R, int]]:
        """The younger half, to look many things up in; what is not in it may be in the older."""
        return self._young

    def put(self, key: Hashable, result: R, size_bytes: int) -> None:
        """Remember `result`."""
        self._young[key] = result, size_bytes
        self._size_bytes += size_bytes
        if self._size_bytes > self._half_bytes:
            self._old, self._young, self._size_bytes = self._young, {}, 0


_MEMO: Final = Memo[object](_LIMIT_BYTES)


def remembered(read: Callable[[Doc, *Ts], T]) -> Callable[[Doc, *Ts], T]:
    """`read`, which is not asked again for what it has read in a piece of another body.

    It must depend on nothing but the value it reads and its other arguments, which are hashable.
    Its results are shared by requests: nobody changes them. Errors are not remembered.
    """

    def once(doc: Doc, *args: *Ts) -> T:
        if not isinstance(doc, Piece):
            return read(doc, *args)
        if len(doc.text) > _LARGE_BYTES:
            return read(doc.read(), *args)
        key = (once, doc.text, *args)
        found = _MEMO.get(key)
        if found is not None:
            return cast("T", found[0])
        result = read(doc.read(), *args)
        _MEMO.put(key, result, len(doc.text) + _ENTRY_BYTES)
        return result

    return once


def each(read: Callable[[Doc], T], docs: Doc | None) -> list[T]:
    """What `read`, which is `remembered`, makes of each element of the list `docs`, if any."""
    if docs is None:
        return []
    # hot: an agent's request has hundreds, which were read before.
    if not isinstance(docs.value, Unread):
        return [read(doc) for doc in docs.items()]
    known, texts = _MEMO.needed_lately(), cast("Unread", docs.value)
    before = cast("list[T]", texts.made.get(read, []))
    made = before + [
        cast("T", found[0]) if (found := known.get((read, text))) else read(docs.item(place))
        for place, text in enumerate(texts[len(before) :], len(before))
    ]
    texts.made[read] = [*made]  # what is returned is the caller's
    return made
