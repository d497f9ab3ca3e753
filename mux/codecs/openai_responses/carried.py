"""Signatures of calls and texts, which this dialect has no field for, carried by reasoning items.

Gemini signs calls and texts. Such a signature travels to the client sealed in a reasoning item
without text, marked with what it belongs to, and returns to its part when the client sends the
item back (translation spec section 8).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace

from mux.codecs import _envelope
from mux.codecs.openai_responses._own import DIALECT
from mux.ir import Part, Signature, Text, Thinking, ToolCall, sign

_TEXT: Final = "text"
"""Marks the signature of the text before it; any other mark is the id of a call."""


def seal(signature: Signature, part: Text | ToolCall) -> str:
    """The ``encrypted_content`` that carries `signature`, of `part`."""
    mark = part.id if isinstance(part, ToolCall) else _TEXT
    return _envelope.seal(replace(signature, id=mark), DIALECT)


def restore(parts: Iterable[Part]) -> tuple[Part, ...]:
    """`parts` with carried signatures back where they belong, their carriers gone."""
    out: list[Part] = []
    marked: dict[str, Signature] = {}
    for part in parts:
        signature = _carried(part)
        if signature is None:
            out.append(part)
        elif signature.id == _TEXT:
            _sign_text(out, replace(signature, id=""))
        else:
            marked[signature.id] = replace(signature, id="")
    return tuple(_signed(part, marked) for part in out)


def _carried(part: Part) -> Signature | None:
    if not isinstance(part, Thinking) or any(part.texts):
        return None
    signature = part.signature
    if signature is None or signature.dialect == DIALECT or not signature.id:
        return None
    return signature


def _sign_text(parts: list[Part], signature: Signature) -> None:
    for place in range(len(parts) - 1, -1, -1):
        if isinstance(parts[place], Text):
            parts[place] = sign(parts[place], signature)
            return


def _signed(part: Part, marked: dict[str, Signature]) -> Part:
    if isinstance(part, ToolCall) and part.id in marked:
        return sign(part, marked[part.id])
    return part
