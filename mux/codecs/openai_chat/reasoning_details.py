"""``reasoning_details``, OpenRouter's list of what the model behind it gave as reasoning.

The list must come back as it was. In the IR it is therefore this dialect's signature of a
`Thinking` part: opaque to everybody else, and carried through any client by the envelope.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mux.codecs.openai_chat._wire import DIALECT
from mux.ir import JSON, Object, Signature
from mux.wire import json

_GROWING: Final = ("text", "summary", "data")
_OPAQUE: Final = ("data", "signature")
_TELLING: Final = ("text", "summary", *_OPAQUE)


def entries(value: JSON) -> list[Object]:
    """The entries of a list that say anything."""
    if not isinstance(value, list):
        return []
    return [
        entry
        for entry in value
        if isinstance(entry, dict) and any(entry.get(key) for key in _TELLING)
    ]


def text_of(found: Sequence[Object]) -> str:
    """What of the entries can be read."""
    texts = [entry.get("text") or entry.get("summary") for entry in found]
    return "".join(text for text in texts if isinstance(text, str))


def is_opaque(entry: Object) -> bool:
    """Whether the entry holds something that only its provider can read."""
    return any(entry.get(key) for key in _OPAQUE)


def merge(pieces: Sequence[Object]) -> list[Object]:
    """The pieces of a stream as the whole answer would have them: neighbours of one kind joined."""
    merged: list[Object] = []
    for piece in pieces:
        last = merged[-1] if merged else None
        if last is None or any(last.get(key) != piece.get(key) for key in ("type", "index")):
            merged.append(dict(piece))
            continue
        for key, value in piece.items():
            before = last.get(key)
            if key in _GROWING and isinstance(before, str) and isinstance(value, str):
                last[key] = before + value
            elif value:
                last[key] = value
    return merged


def sign(found: Sequence[Object]) -> Signature | None:
    """The signature that carries the list, None if there is nothing in it but what can be read."""
    if not any(is_opaque(entry) for entry in found):
        return None
    return Signature(DIALECT, json.text([*found]))


def unsign(signature: Signature | None) -> list[JSON]:
    """The list a signature carries, empty if it carries none."""
    if signature is None or signature.dialect != DIALECT:
        return []
    try:
        value = json.loads(signature.value)
    except json.JsonError:
        return []
    return value if isinstance(value, list) else []
