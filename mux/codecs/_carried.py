"""Signatures of calls and texts, for clients whose dialect has no field for them there.

Gemini signs calls and texts. Such a signature travels to the client sealed in reasoning of its own
without text, marked with what it belongs to, and returns to its part when the client sends the
reasoning back (translation spec section 8).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace

from mux.codecs import _envelope
from mux.ir import Part, Signature, Text, Thinking, ToolCall, sign

TEXT: Final = "text"
"""Marks the signature of the text before it; any other mark is the id of a call."""


def seal(signature: Signature, mark: str, native: str) -> str:
    """The envelope that carries `signature` to a client of dialect `native`.

    `mark` is `TEXT`, or the id of the call as the client sees it.
    """
    return _envelope.seal(replace(signature, id=mark), native)


def restore(parts: Iterable[Part], native: str) -> tuple[Part, ...]:
    """`parts` of a client of dialect `native` with carried signatures back where they belong."""
    out: list[Part] = []
    marked: dict[str, Signature] = {}
    for part in parts:
        signature = _carried(part, native)
        if signature is None:
            out.append(part)
        elif signature.id == TEXT:
            _sign_text(out, replace(signature, id=""))
        else:
            marked[signature.id] = replace(signature, id="")
    return tuple([_signed(part, marked) for part in out] if marked else out)


def _carried(part: Part, native: str) -> Signature | None:
    if not isinstance(part, Thinking) or any(part.texts):
        return None
    signature = part.signature
    if signature is None or signature.dialect == native or not signature.id:
        return None
    # OpenAI's reasoning has an id too, that of its item.
    return None if signature.kind == "enc" else signature


def _sign_text(parts: list[Part], signature: Signature) -> None:
    for place in range(len(parts) - 1, -1, -1):
        if isinstance(parts[place], Text):
            parts[place] = sign(parts[place], signature)
            return


def _signed(part: Part, marked: dict[str, Signature]) -> Part:
    if isinstance(part, ToolCall) and part.id in marked:
        return sign(part, marked[part.id])
    return part
