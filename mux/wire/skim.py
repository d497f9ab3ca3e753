"""The top of a JSON object alone: of its long lists no element is read yet."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, cast

import msgspec

from mux.ir.jsontypes import JSON, Object
from mux.wire import json

_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ELEMENTS: Final = msgspec.json.Decoder(list[msgspec.Raw])


class Unread(list[bytes]):
    """A list whose elements are the JSON texts of what is in it."""

    __slots__ = ()


def skim(body: bytes, lists: Collection[str]) -> Object | None:
    """The object in `body`, its members `lists` unread where they are lists.

    None if `body` is to be read as a whole: if it may be wrong, or is written in an unusual way.
    """
    try:
        members = _MEMBERS.decode(body)
        if not _is_all(body, members):
            return None
        fields: Object = {}
        for name, raw in members.items():
            if name in lists:
                fields[name] = cast("JSON", Unread(map(bytes, _ELEMENTS.decode(raw))))
            else:
                text = bytes(raw)
                fields[name] = json.loads(text)
                if json.repeats_a_key(text, fields[name]):
                    return None
    except (msgspec.DecodeError, UnicodeError, RecursionError, json.JsonError):
        return None
    return fields


def _is_all(body: bytes, members: dict[str, msgspec.Raw]) -> bool:
    """Whether `body` holds nothing but `members`, so that no key is there twice."""
    names = {json.dumps(name): raw for name, raw in members.items()}
    shortest = sum([len(name) + len(memoryview(raw)) + 2 for name, raw in names.items()]) + 1
    if len(body) == shortest:  # there is no room for a further member
        return True
    spaced = b", ".join([b"%b: %b" % (name, raw) for name, raw in names.items()])
    return body == b"{%b}" % spaced
