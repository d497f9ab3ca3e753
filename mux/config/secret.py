"""Secrets: text that is used and never shown."""

from __future__ import annotations

import hmac
from typing import Self

_SHORTEST_SHOWN = 12
"""Of shorter secrets even the ends would tell too much."""


class Secret:
    """A key, password or token. `str`, `repr` and f-strings give ``sk-…abcd``; `reveal` the value.

    False if empty. Compared in constant time.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str = "") -> None:
        self._value = value

    @classmethod
    def parse(cls, text: str) -> Self:
        """The secret written as `text`. Raises `ValueError`, never with the text in it."""
        value = text.strip()
        if any(not " " <= char <= "~" for char in value):
            raise ValueError("holds characters that no key has")
        return cls(value)

    def reveal(self) -> str:
        """The value itself."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash(self._value)

    def __str__(self) -> str:
        value = self._value
        if len(value) < _SHORTEST_SHOWN:
            return "…" if value else ""
        return f"{value[:3]}…{value[-4:]}"

    def __repr__(self) -> str:
        return f"Secret({str(self)!r})"
