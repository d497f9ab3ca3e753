"""The envelope: how a provider's signature travels through a client that speaks another dialect.

``mux1.`` and base64url of compact JSON ``{"p","r","m","t","i","v"}`` (translation spec section 8).
A client hands it back untouched, and only the dialect named in it ever sees the value again.
"""

from __future__ import annotations

import base64
import binascii
from typing import Final

from mux.ir import Signature
from mux.wire import json

PREFIX: Final = "mux1."
LIMIT_BYTES: Final = 256 * 1024


def seal(signature: Signature, native: str) -> str:
    """`signature` as dialect `native` shows it: bare if it is its own, else in an envelope."""
    if signature.dialect == native:
        return signature.value
    fields = {
        "p": signature.dialect,
        "r": signature.route,
        "m": signature.model,
        "t": signature.kind,
        "i": signature.id,
        "v": signature.value,
    }
    data = json.dumps({key: value for key, value in fields.items() if value})
    return PREFIX + base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unseal(value: str, native: str, kind: str = "sig") -> Signature | None:
    """The signature a client of dialect `native` sent back; None if it is a broken envelope."""
    if not value.startswith(PREFIX):
        return Signature(native, value, kind)
    coded = value[len(PREFIX) :]
    if len(coded) > LIMIT_BYTES:
        return None
    try:
        data = base64.urlsafe_b64decode(coded + "=" * (-len(coded) % 4))
    except (binascii.Error, ValueError):
        return None
    fields = json.load_object(data)
    if fields is None:
        return None
    words = {key: field for key, field in fields.items() if isinstance(field, str)}
    if not words.get("p"):
        return None
    return Signature(
        dialect=words["p"],
        value=words.get("v", ""),
        kind=words.get("t", "sig"),
        model=words.get("m", ""),
        route=words.get("r", ""),
        id=words.get("i", ""),
    )
