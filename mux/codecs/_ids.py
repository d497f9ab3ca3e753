"""Ids made from what they name: the same input gives the same id, so that prompt caches hit."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Final

VALID_CALL_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
"""What every dialect accepts as the id of a tool call (translation spec section 7)."""


def stable_id(prefix: str, *seeds: object, length: int = 24) -> str:
    """`prefix` and `length` lower-case letters and digits drawn from the hash of `seeds`."""
    digest = hashlib.sha256("\x1f".join(map(str, seeds)).encode("utf-8", "surrogatepass")).digest()
    needed = digest[: -(-length // 8) * 5]  # eight letters from five bytes; the rest takes its time
    return prefix + base64.b32encode(needed).decode().lower()[:length]


def response_id(prefix: str, upstream_id: str, *seeds: object) -> str:
    """`upstream_id` if it has the dialect's shape, else an id hashed from it (section 23)."""
    if upstream_id.startswith(prefix) and VALID_CALL_ID.match(upstream_id):
        return upstream_id
    digest = hashlib.sha256("\x1f".join([upstream_id, *map(str, seeds)]).encode()).hexdigest()
    return prefix + digest[:32]


def call_id(original: str, *seeds: object) -> str:
    """A universally valid call id: `original` if it is one, else hashed from it and `seeds`."""
    if VALID_CALL_ID.match(original):
        return original
    return stable_id("call_", original, *seeds)
