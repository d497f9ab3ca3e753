"""The top of a JSON object alone: of its long lists no element is read yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, cast

import msgspec

from mux.ir.jsontypes import JSON, Object
from mux.wire import json
from mux.wire.outline import OUTLINES, Outline, Unread, elements_of

_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


def skim(body: bytes, lists: Sequence[str]) -> Object | None:
    """The object in `body`, its members `lists` unread where they are lists.

    None if `body` is to be read as a whole: if it may be wrong, or is written in an unusual way.
    The first of `lists` is the one that grows from request to request. What the members are is
    shared by requests: nobody changes it.
    """
    outline = OUTLINES.next(body)
    if outline is not None:
        return outline.members | {outline.name: cast("JSON", outline.elements)}
    try:
        texts = {name: bytes(raw) for name, raw in _MEMBERS.decode(body).items()}
        gap_bytes = _gap_bytes(body, texts)
        if not gap_bytes:
            return None
        members: Object = {}
        for name, text in texts.items():
            if name in lists:
                members[name] = cast("JSON", Unread(elements_of(text), {}))
            else:
                members[name] = json.loads(text)
                if json.repeats_a_key(text, members[name]):
                    return None
    except (msgspec.DecodeError, UnicodeError, RecursionError, json.JsonError):
        return None
    if isinstance(members.get(lists[0]), Unread):
        _keep(body, lists[0], texts, gap_bytes, members)
    return members


def _gap_bytes(body: bytes, texts: Mapping[str, bytes]) -> int:
    """What colons and commas take between the members `texts` of `body`, with the blanks after
    them; 0 if these may not be all there is to it, so that a key may be there twice."""
    names = {json.dumps(name): text for name, text in texts.items()}
    shortest = sum([len(name) + len(text) + 2 for name, text in names.items()]) + 1
    if len(body) == shortest:  # there is no room for a further member
        return 1
    spaced = b", ".join([b"%b: %b" % (name, text) for name, text in names.items()])
    return 2 if body == b"{%b}" % spaced else 0


def _keep(
    body: bytes, name: str, texts: Mapping[str, bytes], gap_bytes: int, members: Object
) -> None:
    """Remember how `body` is laid out, whose list under `name` may grow."""
    elements = cast("Unread", members[name])
    between = len(texts[name]) - sum(map(len, elements)) - 2
    gap = next((gap for gap in _GAPS if len(gap) * (len(elements) - 1) == between), None)
    if gap is None:
        return
    start = 2
    for member, text in texts.items():
        start += len(json.dumps(member)) + gap_bytes
        if member == name:
            break
        start += len(text) + gap_bytes
    end = start + len(texts[name]) - 2
    OUTLINES.keep(Outline(body, name, body[:start], body[end:], gap, elements, members))


_GAPS: Final = (b",", b", ")
"""What programs write between two elements."""
