"""What only this dialect knows, kept beside the typed fields for the way back."""

from __future__ import annotations

from typing import Final

from mux.ir import Ext, Object

DIALECT: Final = "openai_responses"


def keep(fields: Object) -> Ext | None:
    """`fields` as the ``ext`` of a part, message or tool; None if there is nothing to keep."""
    return {DIALECT: fields} if fields else None


def own(ext: Ext | None) -> Object:
    """What `keep` was given, empty for what came from elsewhere."""
    return (ext or {}).get(DIALECT, {})


def is_own(ext: Ext | None) -> bool:
    """Whether the thing `ext` belongs to came in this dialect."""
    return ext is not None and DIALECT in ext
