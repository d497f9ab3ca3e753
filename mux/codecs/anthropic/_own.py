"""What only this dialect knows: its name, the fields kept under it, and how to read them."""

from __future__ import annotations

from typing import Final

from mux.ir import Ext, Object

DIALECT: Final = "anthropic"


def own(fields: Object) -> Ext | None:
    """`fields` as those only this dialect knows, None if there are none."""
    return {DIALECT: fields} if fields else None


def extras(ext: Ext | None) -> Object:
    """The fields only this dialect knows, empty if there are none."""
    return {} if ext is None else ext.get(DIALECT, {})


def nested(fields: Object, key: str) -> Object:
    """The object under `key`, empty if there is none."""
    value = fields.get(key)
    return value if isinstance(value, dict) else {}


def word(fields: Object, key: str) -> str:
    """The string under `key`, empty if there is none."""
    value = fields.get(key)
    return value if isinstance(value, str) else ""
