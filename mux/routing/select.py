"""The order in which candidates are asked: who may be, and who first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final

from mux.errors import ErrorKind, MuxError, NoProvider, Overloaded, RateLimited
from mux.routing.health import Health, Rest, refuses
from mux.routing.router import Account, Candidate

SESSION_S: Final = 3600.0
_SESSIONS: Final = 10_000
SPENT: Final = frozenset({ErrorKind.RATE_LIMIT, ErrorKind.QUOTA})
"""What one key of a provider may suffer from and another not, and a model and not its twin."""


class Sessions:
    """Which key a conversation was last answered with, so that its prompt cache is found again."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._places: OrderedDict[str, tuple[Account, float]] = OrderedDict()

    def remember(self, session: str, candidate: Candidate) -> None:
        """`candidate` has answered a request of `session`."""
        self._places[session] = (candidate.account, self._clock() + SESSION_S)
        self._places.move_to_end(session)
        while len(self._places) > _SESSIONS:
            self._places.popitem(last=False)

    def belongs(self, session: str, candidate: Candidate) -> bool:
        """Whether `candidate` answered `session` the last time."""
        place, until_s = self._places.get(session, (None, 0.0))
        return place == candidate.account and until_s > self._clock()


def select(
    candidates: Sequence[Candidate],
    health: Health,
    sessions: Sessions,
    session: str,
    *,
    switch: bool = True,
) -> list[Candidate]:
    """Those of `candidates` that may be asked now, the best first.

    Fallbacks come after what was asked for, then the provider's priority counts, then the session's
    key, then the least load, then the order of the configuration. Keys that were refused are asked
    only if all were. Without `switch` a limit of one key holds for all keys of its provider.

    Raises `RateLimited`, `Overloaded` or `NoProvider` if none may be asked.
    """
    rests = [health.rest(candidate) for candidate in candidates]
    if not switch:
        rests = _shared(candidates, rests)
    ready = [one for one, rest in zip(candidates, rests, strict=True) if rest is None]
    resting = [rest for rest in rests if rest is not None]
    if not ready and all(map(refuses, resting)):
        ready = list(candidates)
    if not ready:
        raise _nobody(resting, health.now_s())
    if len(ready) == 1:
        return ready
    return sorted(
        ready,
        key=lambda one: (
            one.rank,
            one.provider.priority,
            not sessions.belongs(session, one),
            health.load(one),
        ),
    )


def _shared(candidates: Sequence[Candidate], rests: Sequence[Rest | None]) -> list[Rest | None]:
    """`rests` with those of a key's siblings, where a quota is used up."""
    spent = {
        (one.provider.name, one.model): rest
        for one, rest in zip(candidates, rests, strict=True)
        if rest is not None and rest.kind in SPENT
    }
    return [
        rest or spent.get((one.provider.name, one.model))
        for one, rest in zip(candidates, rests, strict=True)
    ]


def _nobody(resting: Sequence[Rest], now_s: float) -> MuxError:
    """Why nobody can be asked, and when somebody can be again."""
    if not resting:
        return NoProvider("No provider can take this request; `llm-mux doctor` tells why")
    first = min(resting, key=lambda rest: rest.until_s)
    wait_s = max(first.until_s - now_s, 0.0)
    if all(rest.kind is ErrorKind.RATE_LIMIT for rest in resting):
        return RateLimited(
            f"Every provider of this model has a rate limit in force; the first ends in "
            f"{wait_s:.0f} s. Wait that long, or add keys or a fallback to the configuration.",
            retry_after_s=wait_s,
        )
    last = next((rest.last for rest in resting if rest.last), "a rate limit is in force")
    return Overloaded(
        f"No provider of this model can be asked for another {wait_s:.0f} s, because it failed too "
        f"often. The last failure: {last}",
        retry_after_s=wait_s,
    )
