"""Bodies taken apart, so that of one which goes on where an earlier one ended only the end is read.

An agent's next request says what its last one said, and one turn more: the bytes are the same but
in one place, the end of its messages.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from mux.ir.jsontypes import Object

_ELEMENTS: Final = msgspec.json.Decoder(list[msgspec.Raw])

LONG_BYTES: Final = 4096
"""A shorter body is read whole in less time than it is taken apart."""
_FEW: Final = 4
"""Bodies whose list is shorter are not kept: most of them are no beginning of a conversation."""
_MOST: Final = 64
"""How many bodies are kept, which is how many are looked at where none is the right one."""
_LIMIT_BYTES: Final = 16 * 1024 * 1024
_LARGE_BYTES: Final = 2 * 1024 * 1024


class Unread(list[bytes]):
    """A list whose elements are the JSON texts of what is in it.

    `made` holds what readers have made of its first elements, for lists that begin as this one.
    """

    __slots__ = ("made",)

    def __init__(self, elements: Iterable[bytes], made: dict[object, list[object]]) -> None:
        super().__init__(elements)
        self.made = made


class Outline(msgspec.Struct, eq=False):
    """A JSON object in `body` and the list in it that grows, under `name`.

    `head` ends where the first of its `elements` begins, between two of which there is `gap`;
    `tail` begins where the last one ends. `members` are those of the object, which bodies share.
    """

    body: bytes
    name: str
    head: bytes
    tail: bytes
    gap: bytes
    elements: Unread
    members: Object
    new: int = 0
    """from where on the body is not as an earlier one"""
    without: frozenset[bytes] = frozenset()
    """marks that are not in `body`"""
    earlier_without: frozenset[bytes] = frozenset()
    """marks that are not in what it has in common with the earlier one"""

    def probe(self) -> tuple[bytes, int]:
        """An element from the middle, by which a conversation is known, and its place in `body`."""
        middle = len(self.elements) // 2
        before = sum(map(len, self.elements[:middle])) + middle * len(self.gap)
        return self.elements[middle], len(self.head) + before

    def next(self, body: bytes) -> Outline | None:
        """The outline of `body`, if that is like this one but for later elements of the list."""
        if not (body.startswith(self.head) and body.endswith(self.tail)):
            return None
        gap, end = len(self.gap), len(body) - len(self.tail)
        place = len(self.head)
        known = 0
        for element in self.elements:
            if not body.startswith(element, place):
                break
            place += len(element) + gap
            known += 1
        readers = list(self.elements.made.items())  # at once: threads add to it
        made = {read: results[:known] for read, results in readers}
        elements = Unread(self.elements[:known], made)
        if place - gap != end:
            if not known or not body.startswith(self.gap, place - gap):
                return None
            try:
                more = elements_of(b"[%b]" % body[place:end])
            except (msgspec.DecodeError, RecursionError):
                return None
            if not more:  # there is a comma, and nothing behind it
                return None
            elements += more
        return Outline(
            body,
            self.name,
            self.head,
            self.tail,
            self.gap,
            elements,
            self.members,
            place - gap,
            earlier_without=self.without,
        )

    def holds(self, mark: bytes) -> bool:
        """Whether `mark` is somewhere in `body`."""
        if mark in self.without:
            return False
        part = self.body
        if mark in self.earlier_without:
            beyond = len(mark) - 1
            part = part[max(0, self.new - beyond) : len(part) - len(self.tail) + beyond]
        if mark in part:
            return True
        self.without |= {mark}
        return False


def elements_of(text: bytes) -> list[bytes]:
    """The texts of what is in `text`, a JSON list. Raises `msgspec.DecodeError`."""
    return list(map(bytes, _ELEMENTS.decode(text)))


class Outlines:
    """Those of the last bodies. Threads may share it; a race loses one at most."""

    def __init__(self) -> None:
        self._kept: tuple[tuple[bytes, int, Outline], ...] = ()

    def next(self, body: bytes) -> Outline | None:
        """The outline of `body`, if it goes on where one of them ended."""
        for probe, place, outline in self._kept:
            if body.startswith(probe, place) and (found := outline.next(body)) is not None:
                self._keep(found, outline)
                return found
        return None

    def keep(self, outline: Outline) -> None:
        """Remember `outline`, unless it is of a body that none is likely to go on from."""
        if len(outline.elements) >= _FEW:
            self._keep(outline, None)

    def _keep(self, outline: Outline, earlier: Outline | None) -> None:
        if len(outline.body) > _LARGE_BYTES:
            return
        kept = [(*outline.probe(), outline), *[row for row in self._kept if row[2] is not earlier]]
        size_bytes = sum([len(row[2].body) for row in kept])
        while len(kept) > _MOST or size_bytes > _LIMIT_BYTES:
            size_bytes -= len(kept.pop()[2].body)
        self._kept = tuple(kept)

    def holds(self, body: bytes, mark: bytes) -> bool:
        """Whether `mark` is in `body`, which is looked for where no earlier one was the same."""
        if len(body) < LONG_BYTES:
            return mark in body
        for _, _, outline in self._kept:
            if outline.body is body:
                return outline.holds(mark)
        found = self.next(body)  # another body has taken its place, which may be as like it
        return mark in body if found is None else found.holds(mark)


OUTLINES: Final = Outlines()
