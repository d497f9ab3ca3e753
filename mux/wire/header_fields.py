"""The fields of an HTTP head, as they are looked up: those of requests, and those of answers."""

from __future__ import annotations

from collections.abc import Iterable


def by_name(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """The values by their names in lower case; those of a repeated name are joined by a comma
    (RFC 9110 section 5.3)."""
    pairs = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in raw]
    fields = dict(pairs)
    if len(fields) < len(pairs):
        fields.clear()
        for name, value in pairs:
            fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return fields
