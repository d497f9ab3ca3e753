"""The type of any JSON value."""

from __future__ import annotations

from typing import TypeAlias

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"
Object: TypeAlias = "dict[str, JSON]"
Ext: TypeAlias = "dict[str, Object]"
"""Fields no second dialect knows, by the dialect they came from and alone go back to."""
