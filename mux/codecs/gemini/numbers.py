"""Numbers as protocol buffers' JSON has them: integers may come as strings."""

from __future__ import annotations

from mux.wire import Doc


def get_integer(doc: Doc, key: str) -> int | None:
    """An integer member, written as a number or as a string of digits; None if absent."""
    found = doc.get(key)
    if found is None:
        return None
    if isinstance(found.value, str):
        try:
            return int(found.value)
        except ValueError:
            raise found.error("expected an integer") from None
    return found.integer()
