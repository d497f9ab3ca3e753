"""Opaque tokens of upstreams: each mints its own, and refuses what it did not mint.

A token stands for a meaning that must hold where it comes back: the thinking text it signs, the
call or text it sits on, the item that follows it.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from typing import Any

from tests.strict import rules

DUMMIES = {
    "skip_thought_signature_validator",
    base64.b64encode(b"skip_thought_signature_validator").decode(),
}
"""What Gemini takes for calls that it did not make."""
_ENVELOPES = ("mux1.", "bXV4MS5")
TEXT = "text"


class Proofs:
    """The tokens of one upstream."""

    def __init__(self, instance: str) -> None:
        self._instance = instance
        self._meanings: dict[str, tuple[str, ...]] = {}

    @property
    def minted(self) -> list[str]:
        """All tokens so far, oldest first."""
        return list(self._meanings)

    def mint(self, *meaning: str) -> str:
        """A new token; no two are equal."""
        seed = f"{self._instance}/{len(self._meanings)}".encode()
        token = base64.b64encode(hashlib.sha256(seed).digest()).decode()
        self._meanings[token] = meaning
        return token

    def holds(self, token: Any, *meaning: str) -> bool:
        """Whether `token` was minted here, for just that."""
        return self._meanings.get(standard(str(token))) == meaning


def standard(token: str) -> str:
    """`token` in the standard alphabet of base64; bytes fields may come back in the other one."""
    plain = token.replace("-", "+").replace("_", "/")
    return plain + "=" * (-len(plain) % 4)


def problems(dialect: str, body: dict[str, Any], proofs: Proofs) -> list[str]:
    """Tokens in `body` that the upstream did not mint for where they stand."""
    found = list(_CHECKS[dialect](body, proofs)) if dialect in _CHECKS else []
    foreign = [text for text in rules.strings(body) if any(mark in text for mark in _ENVELOPES)]
    return found + [f"an envelope of the gateway: {text[:60]}" for text in foreign]


def _anthropic(body: dict[str, Any], proofs: Proofs) -> Iterator[str]:
    for place, message in enumerate(body["messages"]):
        content = message["content"]
        for number, block in enumerate(content if isinstance(content, list) else ()):
            path = f"messages.{place}.content.{number}"
            if block["type"] == "thinking":
                if not proofs.holds(block["signature"], "thinking", block["thinking"]):
                    yield f"{path}: Invalid `signature` in `thinking` block"
            elif block["type"] == "redacted_thinking" and not proofs.holds(block["data"], "data"):
                yield f"{path}: Invalid `data` in `redacted_thinking` block"


def _gemini(body: dict[str, Any], proofs: Proofs) -> Iterator[str]:
    for content in body["contents"]:
        for part in content["parts"]:
            token = part.get("thoughtSignature")
            if token is None or (token in DUMMIES and "functionCall" in part):
                continue
            meaning = part["functionCall"]["name"] if "functionCall" in part else TEXT
            if not proofs.holds(token, meaning):
                yield f"Corrupted thought signature. ({meaning}: {token[:40]})"


def _responses(body: dict[str, Any], proofs: Proofs) -> Iterator[str]:
    items = body["input"] if isinstance(body["input"], list) else []
    for item, after in zip(items, [*items[1:], {}], strict=True):
        if item.get("type") == "reasoning":
            meaning = after.get("name") or TEXT
            if not proofs.holds(item.get("encrypted_content"), meaning):
                yield f"invalid_encrypted_content: could not be verified before {meaning}"


_CHECKS = {"anthropic": _anthropic, "gemini": _gemini, "openai_responses": _responses}
