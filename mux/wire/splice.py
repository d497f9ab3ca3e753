"""One edit in JSON text that leaves every other byte as it was."""

from __future__ import annotations

import re
from functools import cache

from mux.wire import json


def replace_string(body: bytes, key: str, value: str) -> bytes:
    """`body`, a JSON object, with the string under its top-level `key` replaced by `value`.

    The first one: an object with a key twice is refused before (`Doc.parse`). A body without such a
    string is returned as it is. `key` is a plain word.
    """
    new = json.dumps(value)
    depth = seen = 0
    for found in _field(key).finditer(body):
        if body[found.start() - 1 : found.start()] == b"\\":
            continue  # within a string, where every quote has a backslash before it
        depth += _opened(body[seen : found.start()])
        seen = found.start()
        if depth == 1:
            before, after = body[: found.start(1)], memoryview(body)[found.end(1) :]
            return b"".join((before, new, after))
    return body


@cache
def _field(key: str) -> re.Pattern[bytes]:
    return re.compile(rb'"%b"\s*:\s*("(?:[^"\\]++|\\.)*+")' % key.encode(), re.DOTALL)


def _opened(part: bytes) -> int:
    """How much deeper the end of `part` is than its beginning."""
    marks = json.outside_strings(json.unescaped(part)) if b'"' in part else part
    opening, closing = (sum(map(marks.count, pair)) for pair in ((b"{", b"["), (b"}", b"]")))
    return opening - closing
