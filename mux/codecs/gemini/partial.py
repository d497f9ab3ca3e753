"""Arguments that come in pieces, each with the path where it belongs (Vertex)."""

from __future__ import annotations

import re
from typing import Final

from mux.ir import JSON, Object

_STEP: Final = re.compile(r"""\.([^.\[\]]+)|\[(\d+)\]|\['([^']*)'\]|\["([^"]*)"\]""")
_VALUES: Final = ("stringValue", "numberValue", "boolValue", "nullValue")
_INDEX_LIMIT: Final = 10_000
_DEPTH_LIMIT: Final = 100


class PartialCall:
    """A call under way: the object its part began with, and its arguments so far."""

    __slots__ = ("_args", "_open", "_part")

    def __init__(self, part: Object) -> None:
        self._part = part
        self._args: Object = {}
        self._open = ""
        """the path whose string goes on"""

    def add(self, pieces: JSON) -> None:
        """Put the ``partialArgs`` of a part in their places."""
        for piece in pieces if isinstance(pieces, list) else ():
            if isinstance(piece, dict):
                self._put(piece)

    def whole(self) -> Object:
        """The part as it would have come in one piece."""
        call = self._part.get("functionCall")
        kept = {
            key: value
            for key, value in (call if isinstance(call, dict) else {}).items()
            if key not in ("partialArgs", "willContinue")
        }
        return {**self._part, "functionCall": {**kept, "args": self._args}}

    def _put(self, piece: Object) -> None:
        path = piece.get("jsonPath")
        key = next((name for name in _VALUES if name in piece), None)
        if not isinstance(path, str) or key is None:
            return
        value = None if key == "nullValue" else piece[key]
        steps = _steps(path)
        if 0 < len(steps) <= _DEPTH_LIMIT:
            _set(self._args, steps, value, goes_on=path == self._open)
        self._open = path if piece.get("willContinue") is True else ""


def _steps(path: str) -> list[str | int]:
    """``$.a.b[0]`` as keys and indices."""
    return [
        int(match[2]) if match[2] is not None else match[1] or match[3] or match[4] or ""
        for match in _STEP.finditer(path)
    ]


def _set(root: Object, steps: list[str | int], value: JSON, *, goes_on: bool) -> None:
    place: JSON = root
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        fresh: JSON = value if following is None else [] if isinstance(following, int) else {}
        known = _at(place, step)
        if following is None and goes_on and isinstance(known, str) and isinstance(value, str):
            fresh = known + value
        elif following is not None and isinstance(
            known, list if isinstance(following, int) else dict
        ):
            fresh = known
        _assign(place, step, fresh)
        place = fresh


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
