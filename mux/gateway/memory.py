"""What a process remembers from one request to the next. None of it is needed to be right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mux.gateway.conversations import Conversations
from mux.gateway.repairs import Lessons
from mux.gateway.signatures import SignatureMemory


@dataclass(frozen=True, slots=True)
class Memory:
    """Bounded in time, number and size; empty after a restart."""

    signatures: SignatureMemory
    conversations: Conversations
    lessons: Lessons

    @classmethod
    def empty(cls, clock: Callable[[], float]) -> Memory:
        """Nothing yet. `clock` gives seconds since the epoch."""
        return cls(SignatureMemory(clock), Conversations(clock), Lessons(clock))
