"""One edit in JSON text that leaves every other byte as it was."""

from __future__ import annotations

import re
from typing import Final

from mux.wire import json

_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\]]', re.DOTALL)
_VALUE: Final = re.compile(rb'\s*:\s*("(?:[^"\\]|\\.)*")', re.DOTALL)


def replace_string(body: bytes, key: str, value: str) -> bytes:
    """`body`, a JSON object, with the string under its top-level `key` replaced by `value`.

    Every occurrence is replaced, so that no reader can see the old one. A body without such a
    string is returned as it is.
    """
    wanted, new = json.dumps(key), json.dumps(value)
    depth = 0
    pieces: list[bytes] = []
    done = 0
    for token in _TOKEN.finditer(body):
        mark = token[0]
        if mark in (b"{", b"["):
            depth += 1
        elif mark in (b"}", b"]"):
            depth -= 1
        elif depth == 1 and mark == wanted and (found := _VALUE.match(body, token.end())):
            pieces += [body[done : found.start(1)], new]
            done = found.end(1)
    return b"".join([*pieces, body[done:]])
