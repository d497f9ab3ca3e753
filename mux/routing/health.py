"""Which keys can be asked now: cool-downs, circuit breakers and load. Pure: a clock is passed in.

A rate limit rests one model at one key for as long as the upstream says. A refused or exhausted key
rests as a whole. Failures of the upstream itself open the key's breaker after `FAILURES` in a row;
once that time is over one request probes it, and others follow as soon as it has begun to answer.
A client that leaves counts for nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from mux.errors import ErrorKind, MuxError, Offline
from mux.routing.router import Account, Candidate

RATE_LIMIT_S: Final = 60.0
"""How long a rate limit lasts where the upstream does not say."""
RATE_LIMIT_MAX_S: Final = 3600.0
REFUSED_S: Final = 1800.0
"""How long a key rests that was refused or has no credit left."""
FAILURES: Final = 5
OPEN_S: Final = 30.0
"""How long a breaker stays open at first; it doubles up to `OPEN_MAX_S`."""
OPEN_MAX_S: Final = 300.0
_MOST_DOUBLINGS: Final = 16
"""Beyond `OPEN_MAX_S`; an upstream may be away for months."""
_PROBE_S: Final = 1.0
_MOST_RESTS: Final = 1000
"""Models of a key whose rate limits are remembered: clients choose the names."""

_ALL_MODELS: Final = ""
_FAULTS: Final = frozenset({ErrorKind.SERVER, ErrorKind.OVERLOADED, ErrorKind.TIMEOUT})
"""Failures of an upstream itself."""
_REFUSALS: Final = frozenset({ErrorKind.UPSTREAM_AUTH, ErrorKind.QUOTA})


class Rest(NamedTuple):
    """Why a key is not to be asked, and until when on the clock; what the upstream said last."""

    kind: ErrorKind
    until_s: float
    last: str = ""


class KeyState(NamedTuple):
    """One key as it is now: `resting` counts its cool-downs, `breaker` is ``closed``, ``open`` or
    ``probing``. `account` tells keys apart without holding one."""

    provider: str
    account: str
    resting: int
    breaker: str


@dataclass(slots=True)
class _Key:
    load: int = 0
    """requests under way"""
    rests: dict[str, Rest] = field(default_factory=dict[str, Rest])
    """by model, or for all of them"""
    failures: int = 0
    """in a row"""
    opened: int = 0
    """how many times in a row the breaker has opened"""
    open_until_s: float = 0.0
    probing: bool = False
    proven: bool = False
    """a probe has begun to answer, so that one need not wait for its end"""
    last: str = ""
    """what the last failure said"""


class Asking:
    """One request under way with a key; it probes the key if that is what it needs."""

    __slots__ = ("_key", "_probes")

    def __init__(self, key: _Key) -> None:
        self._key = key
        self._probes = False

    def __enter__(self) -> None:
        key = self._key
        self._probes = key.opened > 0 and not key.probing and not key.proven
        key.load += 1
        key.probing |= self._probes

    def __exit__(self, *_: object) -> None:
        self._key.load -= 1
        if self._probes:
            self._key.probing = False


class Health:
    """What is known of every key. One per process; it outlives configurations."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._keys: dict[Account, _Key] = {}

    def now_s(self) -> float:
        """The time on the clock that all times here are of."""
        return self._clock()

    def rest(self, candidate: Candidate) -> Rest | None:
        """Why `candidate` is not to be asked now; None if it is."""
        key = self._keys.get(candidate.account)
        if key is None or not (key.rests or key.opened or key.probing):
            return None
        now_s = self._clock()
        for model in (candidate.model, _ALL_MODELS):
            rest = key.rests.get(model)
            if rest is not None and rest.until_s > now_s:
                return rest
            key.rests.pop(model, None)
        if key.opened and key.open_until_s > now_s:
            return Rest(ErrorKind.OVERLOADED, key.open_until_s, key.last)
        if key.probing:
            return Rest(ErrorKind.OVERLOADED, now_s + _PROBE_S, key.last)
        return None

    def load(self, candidate: Candidate) -> int:
        """How many requests are under way with the key of `candidate`."""
        key = self._keys.get(candidate.account)
        return 0 if key is None else key.load

    def states(self) -> list[KeyState]:
        """Every key that was ever asked, as it is now."""
        now_s = self._clock()
        return [
            KeyState(
                provider,
                str(secret),
                sum(rest.until_s > now_s for rest in key.rests.values()),
                _breaker(key, now_s),
            )
            for (provider, secret), key in self._keys.items()
        ]

    def asking(self, candidate: Candidate) -> Asking:
        """A context for while `candidate` is being asked."""
        key = self._keys.get(candidate.account)
        if key is None:
            key = self._keys[candidate.account] = _Key()
        return Asking(key)

    def begun(self, candidate: Candidate) -> None:
        """`candidate` has begun to answer: if it is being probed, others need not wait."""
        key = self._keys.get(candidate.account)
        if key is not None and key.opened:
            key.probing, key.proven = False, True

    def succeeded(self, candidate: Candidate) -> None:
        """`candidate` has answered."""
        key = self._keys.get(candidate.account)
        if key is not None:
            key.failures = key.opened = 0
            key.probing = key.proven = False

    def failed(self, candidate: Candidate, error: MuxError, *, cooling: bool = True) -> None:
        """`candidate` has failed with `error`. Without `cooling` no key ever rests for it, nor does
        one for what is wrong with this machine: it can be asked as soon as that is over."""
        if not cooling or isinstance(error, Offline):
            return
        key = self._keys.setdefault(candidate.account, _Key())
        now_s = self._clock()
        if error.kind in _FAULTS:
            key.last = error.message
            key.failures += 1
            if key.failures >= FAILURES or key.opened:
                key.open_until_s = now_s + min(OPEN_S * 2**key.opened, OPEN_MAX_S)
                key.opened = min(key.opened + 1, _MOST_DOUBLINGS)
                key.proven = False
        elif error.kind is ErrorKind.RATE_LIMIT:
            wait_s = RATE_LIMIT_S if error.retry_after_s is None else error.retry_after_s
            until_s = now_s + min(wait_s, RATE_LIMIT_MAX_S)
            key.rests[candidate.model] = Rest(error.kind, until_s)
            if len(key.rests) > _MOST_RESTS:
                del key.rests[min(key.rests, key=lambda model: key.rests[model].until_s)]
        elif error.kind in _REFUSALS:
            key.rests[_ALL_MODELS] = Rest(error.kind, now_s + REFUSED_S)


def refuses(rest: Rest) -> bool:
    """Whether a key rests because it was refused: it may be asked if there is no other."""
    return rest.kind in _REFUSALS


def _breaker(key: _Key, now_s: float) -> str:
    if not key.opened:
        return "closed"
    return "open" if key.open_until_s > now_s else "probing"
