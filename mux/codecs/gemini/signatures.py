"""Thought signatures: on any part, in a bytes field (translation spec section 8).

A signature of another provider travels in an envelope, which the bytes field holds as base64.
"""

from __future__ import annotations

import base64
from typing import Final

from mux.codecs import _envelope
from mux.codecs.gemini._wire import DIALECT
from mux.ir import Media, Object, Part, Signature, Text, Thinking, ToolCall

SKIP_VALIDATION: Final = "skip_thought_signature_validator"
"""What the API documents for calls its own models did not make."""

_SEALED: Final = base64.b64encode(_envelope.PREFIX.encode())[:6].decode()
"""How every envelope begins in base64; one character more depends on what follows."""


def read_signature(value: str) -> Signature | None:
    """The signature a client sent back; None if it is a broken envelope."""
    if not value.startswith(_SEALED):
        return Signature(DIALECT, value)
    try:
        sealed = base64.b64decode(standard_base64(value)).decode("ascii")
    except ValueError:
        return None
    return _envelope.unseal(sealed, DIALECT) if sealed.startswith(_envelope.PREFIX) else None


def show_signature(signature: Signature) -> str:
    """`signature` as a client of this dialect is shown it."""
    if signature.dialect == DIALECT:
        return signature.value
    return base64.b64encode(_envelope.seal(signature, DIALECT).encode()).decode()


def native_signature(part: Part) -> str:
    """The part's signature if it is this dialect's own, else empty."""
    signature = signature_of(part)
    return signature.value if signature is not None and signature.dialect == DIALECT else ""


def signature_of(part: Part) -> Signature | None:
    """The part's signature, None for parts that cannot have one."""
    return part.signature if isinstance(part, Text | Thinking | ToolCall | Media) else None


def standard_base64(data: str) -> str:
    """`data` in the standard alphabet with padding; clients may send the URL-safe one."""
    data = data.replace("-", "+").replace("_", "/")
    return data + "=" * (-len(data) % 4)


class Carrier:
    """Carries signatures of reasoning to the next call or text. One per answer.

    Where the client cannot be shown the reasoning itself, or the signature is another provider's.
    """

    __slots__ = ("_value",)

    def __init__(self) -> None:
        self._value = ""

    def put(self, signature: Signature) -> list[Object]:
        """Take `signature` along; an earlier one that found no place comes out as a part."""
        before = self.drop()
        self._value = show_signature(signature)
        return before

    def take(self) -> str:
        """The signature under way, empty if there is none."""
        value, self._value = self._value, ""
        return value

    def drop(self) -> list[Object]:
        """The signature under way as an empty text part of its own."""
        value = self.take()
        return [{"text": "", "thoughtSignature": value}] if value else []
