"""One edit in JSON text that leaves every other byte as it was."""

from __future__ import annotations

import re

from mux.wire import json


def replace_string(body: bytes, key: str, value: str) -> bytes:
    """`body`, a JSON object, with the string under its top-level `key` replaced by `value`.

    Every occurrence is replaced, so that no reader can see the old one. A body without such a
    string is returned as it is. `key` is a plain word.
    """
    field = re.compile(rb'"%b"\s*:\s*("(?:[^"\\]++|\\.)*+")' % key.encode(), re.DOTALL)
    new = json.dumps(value)
    depth = seen = done = 0
    pieces: list[bytes] = []
    for found in field.finditer(body):
        if body[found.start() - 1 : found.start()] == b"\\":
            continue  # within a string, where every quote has a backslash before it
        depth += _opened(body[seen : found.start()])
        seen = found.start()
        if depth == 1:
            pieces += [body[done : found.start(1)], new]
            done = found.end(1)
    return b"".join([*pieces, body[done:]])


def _opened(part: bytes) -> int:
    """How much deeper the end of `part` is than its beginning."""
    marks = json.outside_strings(json.unescaped(part))
    opening, closing = (sum(map(marks.count, pair)) for pair in ((b"{", b"["), (b"}", b"]")))
    return opening - closing
