"""JSON text to values and back.

Reads with msgspec, because it keeps integers over 64 bits exact where orjson turns them into
floats; writes with orjson, the fastest there is.
"""

from __future__ import annotations

import re
from typing import Final, cast

import msgspec
import orjson

from mux.ir.jsontypes import JSON, Object

_DECODER: Final = msgspec.json.Decoder()
_BOM: Final = b"\xef\xbb\xbf"
_ESCAPE: Final = re.compile(
    rb"\\u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}"
    rb"|\\(?:u([dD][89a-fA-F][\da-fA-F]{2})|.)"
)
"""An escape; half of a surrogate pair on its own is in the group."""


class JsonError(ValueError):
    """Not JSON. The message says where and why, and holds none of the text."""


def loads(data: bytes | str) -> JSON:
    """One JSON value. A UTF-8 byte order mark is skipped. Raises `JsonError`.

    Half of a surrogate pair reads as U+FFFD: programs that cut text between UTF-16 units send it,
    and then again with every later turn (pitfall 29).
    """
    if isinstance(data, bytes) and data.startswith(_BOM):
        data = data[len(_BOM) :]
    try:
        return cast("JSON", _DECODER.decode(data))
    except (msgspec.DecodeError, UnicodeError) as error:
        if (whole := mended(data)) is not None:
            return loads(whole)
        raise JsonError(str(error)) from None
    except RecursionError:
        raise JsonError("nested too deeply") from None


def mended(data: bytes | str) -> bytes | None:
    """`data` with U+FFFD for each half of a surrogate pair; None if there is none."""
    raw = data if isinstance(data, bytes) else data.encode(errors="replace")
    if b"\\u" not in raw:
        return None
    whole = _ESCAPE.sub(lambda escape: rb"\ufffd" if escape[1] else escape[0], raw)
    return whole if whole != raw else None


def dumps(value: JSON) -> bytes:
    """Compact UTF-8 JSON, keys in the order they were put in."""
    try:
        return orjson.dumps(value, _fragment)
    except TypeError:  # an integer over 64 bits, which only msgspec writes
        return msgspec.json.encode(value, enc_hook=_raw)


class _Written:
    """A value that is JSON text already."""

    __slots__ = ("fragment", "text")

    def __init__(self, text: bytes) -> None:
        self.text = text
        self.fragment = orjson.Fragment(text)


def written(*texts: bytes) -> JSON:
    """The value that is the text, for `dumps`, which copies it, and for `text_of` alone. Of several
    it is all of them, which only a list can have."""
    return cast("JSON", _Written(b",".join(texts)))


def text_of(value: object) -> bytes | None:
    """The text of a value that is `written` already."""
    return value.text if isinstance(value, _Written) else None


def _fragment(value: object) -> orjson.Fragment:
    if isinstance(value, _Written):
        return value.fragment
    raise TypeError


def _raw(value: object) -> msgspec.Raw:
    if isinstance(value, _Written):
        return msgspec.Raw(value.text)
    raise TypeError


def pretty(value: JSON) -> str:
    """JSON for a person to read, indented by two."""
    return msgspec.json.format(dumps(value), indent=2).decode()


def text(value: JSON) -> str:
    """`dumps` as text, for values that travel as strings inside JSON."""
    return dumps(value).decode()


def repeats_a_key(data: bytes, value: JSON) -> bool:
    """Whether some object in `data`, which reads as `value`, has a key twice.

    Readers differ in which of the two they take. Every member has one colon outside of strings, so
    there are more colons than members where a member was lost. Most programs write as we do, which
    shows at once that none was.
    """
    if data == dumps(value):
        return False
    return outside_strings(unescaped(data)).count(b":") != _members(value)


def _members(value: JSON) -> int:
    count = 0
    left = [value]
    while left:
        item = left.pop()
        if isinstance(item, dict):
            count += len(item)
            left.extend(item.values())
        elif isinstance(item, list):
            left.extend(item)
    return count


def unescaped(data: bytes) -> bytes:
    """JSON text of the same length, in which every quote begins or ends a string."""
    if b"\\" not in data:
        return data
    return data.replace(rb"\\", b"__").replace(rb"\"", b"__")


def outside_strings(data: bytes) -> bytes:
    """What `unescaped` JSON text says between its strings."""
    return b"".join(data.split(b'"')[::2])


def load_object(data: bytes | str) -> Object | None:
    """The JSON object in `data`, or None if it is anything else."""
    try:
        value = loads(data)
    except JsonError:
        return None
    return value if isinstance(value, dict) else None
