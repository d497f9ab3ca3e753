"""What the requests of a process have in common, whatever their configuration.

Nearly all of it is what they remember of each other, and none of that is needed to be right.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mux.gateway.conversations import Conversations
from mux.gateway.pressure import Pressure
from mux.gateway.repairs import Lessons
from mux.gateway.retry import Budget
from mux.gateway.signatures import SignatureMemory
from mux.gateway.silences import Silences
from mux.gateway.turns import Turns
from mux.gateway.waits import Waits
from mux.routing import Health, Sessions


@dataclass(frozen=True, slots=True)
class Memory:
    """Bounded in time, number and size; empty after a restart."""

    signatures: SignatureMemory
    conversations: Conversations
    lessons: Lessons
    health: Health
    sessions: Sessions
    budget: Budget
    waits: Waits
    silences: Silences
    pressure: Pressure
    turns: Turns

    @classmethod
    def empty(cls, clock: Callable[[], float]) -> Memory:
        """Nothing yet. `clock` gives seconds and never goes back."""
        return cls(
            SignatureMemory(clock),
            Conversations(clock),
            Lessons(clock),
            Health(clock),
            Sessions(clock),
            Budget(),
            Waits(),
            Silences(),
            Pressure(),
            Turns(),
        )
