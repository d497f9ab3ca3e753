"""Whether an upstream's answer is a stream: some give one unasked, some give none when asked, and
some say nothing true about it. The first bytes tell (pitfalls 18 and 19)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mux.upstream import Reply

_FIELDS: Final = (b"data:", b"event:", b"id:", b"retry:", b":")
_SSE_ONLY: Final = frozenset({"anthropic", "openai_chat", "openai_completions", "openai_responses"})
"""Dialects whose streams never begin like JSON."""


def is_stream(dialect: str, content_type: str, body: bytes) -> bool:
    """Whether `body`, the answer to a request for a whole one, is a stream all the same."""
    head = body.lstrip()
    if dialect == "ollama":
        return "ndjson" in content_type or b"}\n{" in head
    return head.startswith(_FIELDS) or (
        "event-stream" in content_type and not head.startswith(b"{")
    )


class Begun:
    """A reply whose first bytes are known, and still there to be received."""

    def __init__(self, reply: Reply, first: bytes) -> None:
        self.status: int = reply.status
        self.headers: Mapping[str, str] = reply.headers
        self._reply = reply
        self._first = first
        self._given = False

    @classmethod
    async def of(cls, reply: Reply) -> Begun:
        """`reply`, once it has begun. Raises what receiving raises."""
        return cls(reply, await reply.receive_some())

    async def receive_some(self) -> bytes:
        """The next bytes, none at the end."""
        if self._given:
            return await self._reply.receive_some()
        self._given = True
        return self._first

    def streams(self, dialect: str) -> bool:
        """Whether this, the answer to a request for a stream, is one."""
        head = self._first.lstrip()
        if dialect not in _SSE_ONLY or head.startswith(_FIELDS):
            return True
        told_otherwise = self.headers.get("content-type", "").startswith("application/json")
        return not told_otherwise and not head.startswith((b"{", b"["))
