"""Arguments that come in pieces, each with the path where it belongs (Vertex)."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

from mux.ir import JSON, Object

_STEP: Final = re.compile(r"""\.([^.\[\]]+)|\[(\d+)\]|\['([^']*)'\]|\["([^"]*)"\]""")
_VALUES: Final = ("stringValue", "numberValue", "boolValue", "nullValue")
_INDEX_LIMIT: Final = 10_000
_DEPTH_LIMIT: Final = 100


class PartialCall:
    """A call under way: the object its part began with, and its arguments so far."""

    __slots__ = ("_args", "_open", "_part", "_pieces")

    def __init__(self, part: Object) -> None:
        self._part = part
        self._args: Object = {}
        self._open = ""
        """the path of the string that goes on"""
        self._pieces: list[str] = []

    def add(self, pieces: JSON) -> None:
        """Put the ``partialArgs`` of a part in their places."""
        for piece in pieces if isinstance(pieces, list) else ():
            if isinstance(piece, dict):
                self._put(piece)

    def whole(self) -> Object:
        """The part as it would have come in one piece."""
        self._close()
        call = self._part["functionCall"]
        apart = ("partialArgs", "willContinue")
        known = call.items() if isinstance(call, dict) else ()
        kept = {key: value for key, value in known if key not in apart}
        return {**self._part, "functionCall": {**kept, "args": self._args}}

    def _put(self, piece: Object) -> None:
        path = piece.get("jsonPath")
        key = next((name for name in _VALUES if name in piece), None)
        if not isinstance(path, str) or key is None:
            return
        if path != self._open:
            self._close()
        value = None if key == "nullValue" else piece[key]
        if not isinstance(value, str):
            _set(self._args, _steps(path), value)
            return
        self._open = path
        self._pieces.append(value)
        if piece.get("willContinue") is not True:
            self._close()

    def _close(self) -> None:
        """Put the string that is complete in its place."""
        if self._open:
            _set(self._args, _steps(self._open), "".join(self._pieces))
        self._open, self._pieces = "", []


def _steps(path: str) -> list[str | int]:
    """``$.a.b[0]`` as keys and indices."""
    return [
        int(match[2]) if match[2] is not None else match[1] or match[3] or match[4] or ""
        for match in _STEP.finditer(path)
    ]


def _set(root: Object, steps: list[str | int], value: JSON) -> None:
    if not 0 < len(steps) <= _DEPTH_LIMIT:
        return
    place: JSON = root
    for step, following in pairwise(steps):
        inner = _at(place, step)
        if isinstance(following, int):
            inner = inner if isinstance(inner, list) else []
        else:
            inner = inner if isinstance(inner, dict) else {}
        _assign(place, step, inner)
        place = inner
    _assign(place, steps[-1], value)


def _at(place: JSON, step: str | int) -> JSON:
    if isinstance(place, dict):
        return place.get(str(step))
    if isinstance(place, list) and isinstance(step, int) and step < len(place):
        return place[step]
    return None


def _assign(place: JSON, step: str | int, value: JSON) -> None:
    if isinstance(place, dict):
        place[str(step)] = value
    elif isinstance(place, list) and isinstance(step, int) and step < _INDEX_LIMIT:
        place.extend([None] * (step + 1 - len(place)))
        place[step] = value
