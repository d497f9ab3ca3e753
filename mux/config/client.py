"""The keys clients send, and what each of them may spend."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Annotated, TypeAlias

import msgspec

from mux.config._section import Section
from mux.config.secret import Secret

_Most: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]
_Money: TypeAlias = Annotated[float, msgspec.Meta(ge=0)]


@lru_cache(maxsize=256)
def client_id(key: str) -> str:
    """A name for whoever sends `key` that tells nothing of it: the same wherever it is kept."""
    return hashlib.sha256(key.encode()).hexdigest()[:16]


class Limits(Section, frozen=True):
    """What one client may use; 0 = as much as it likes. Days and months are those of UTC."""

    requests_per_minute: _Most = 0
    tokens_per_day: _Most = 0
    cost_per_month: _Money = 0
    """in US dollars, by the prices of the model catalogue"""

    def __bool__(self) -> bool:
        return bool(self.requests_per_minute or self.tokens_per_day or self.cost_per_month)


class ClientKey(Section, frozen=True):
    """A key that clients may send. In the file a plain text stands for one without limits."""

    key: Secret
    name: str = ""
    limits: Limits = Limits()

    @property
    def id(self) -> str:
        """What this client is called in records and counters."""
        return client_id(self.key.reveal())

    @property
    def label(self) -> str:
        """What people read: the name, or the ends of the key."""
        return self.name or str(self.key)
