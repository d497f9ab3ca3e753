"""One call answered: the candidates in turn, until one of them has something to say.

The only place that loops over candidates. Its law: once content has gone to the client there is no
second try; before that, the client's own fault is raised at once and any other failure moves on
to the next candidate, whose error, the last one's, is the answer if none is left.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import trio

from mux.codecs import CODECS
from mux.errors import ErrorKind, MuxError
from mux.gateway import repairs
from mux.gateway.attempt import Attempt
from mux.gateway.call import Call, Outcome, Sink
from mux.gateway.filters import MALFORMED
from mux.gateway.memory import Memory
from mux.gateway.stream import ClientStream
from mux.routing import Candidate, Router
from mux.upstream import Transport

_CLIENTS_FAULT: Final = frozenset(
    {ErrorKind.INVALID_REQUEST, ErrorKind.CONTEXT_LENGTH, ErrorKind.TOO_LARGE}
)
"""What every other candidate would say, too."""

_Answer: TypeAlias = Callable[[Attempt], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Gateway:
    """What a call needs. One per configuration; a request keeps the one it began with.

    `clock` gives seconds since the epoch; `max_response_bytes` bounds whole answers; `memory` is
    shared by all configurations of a process.
    """

    router: Router
    transport: Transport
    clock: Callable[[], float]
    max_response_bytes: int
    memory: Memory

    async def generate(self, call: Call, sink: Sink, outcome: Outcome) -> None:
        """Answer `call` on `sink`. Raises a `MuxError` only as long as nothing was sent."""
        call = self.memory.conversations.resumed(call)
        if not call.request.stream:
            await self._first(call, outcome, lambda attempt: attempt.whole(sink))
            return
        request, server = call.request, CODECS[call.dialect].server
        stream = ClientStream(
            sink,
            lambda: server.stream_encoder(request),
            server.stream_type(request),
        )
        failed: MuxError | None = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream.keep_alive)
            try:
                await self._first(call, outcome, lambda attempt: attempt.stream(stream))
            except MuxError as error:  # told below, outside of the nursery's exception group
                failed = error
            nursery.cancel_scope.cancel()
        if failed is not None:
            await stream.fail(failed)

    async def _first(self, call: Call, outcome: Outcome, answer: _Answer) -> None:
        """Let the first candidate that can `answer`; raises the last one's error if none can."""
        failed: MuxError | None = None
        for candidate in self.router.candidates(call.request.model):
            try:
                await self._ask(call, candidate, outcome, answer)
            except MuxError as error:
                if error.kind in _CLIENTS_FAULT:
                    raise
                failed = error
            else:
                return
        if failed is not None:
            raise failed

    async def _ask(
        self, call: Call, candidate: Candidate, outcome: Outcome, answer: _Answer
    ) -> None:
        """Let `candidate` answer, repairing what it refuses. Raises what is beyond repair."""
        provider, model = candidate.provider.name, candidate.model
        attempt = Attempt(self, call, candidate, outcome, self.memory.lessons.of(provider, model))
        tries = _Tries(self, call, candidate, outcome)
        while True:
            outcome.attempts += 1
            try:
                await answer(attempt)
            except MuxError as error:
                attempt = tries.after(error, attempt)
            else:
                self.memory.lessons.learn(provider, model, attempt.repairs)
                return


@dataclass(slots=True)
class _Tries:
    """The further tries that one candidate gets with a request."""

    gateway: Gateway
    call: Call
    candidate: Candidate
    outcome: Outcome
    again: bool = True
    """whether a call the model got wrong may be asked for once more"""

    def after(self, error: MuxError, attempt: Attempt) -> Attempt:
        """What to try after `attempt` has failed. Raises `error` if there is nothing."""
        if error.code == MALFORMED and self.again:
            self.again = False
            return attempt
        for repair in repairs.find(error):
            if repair in attempt.repairs:
                continue
            mended = Attempt(
                self.gateway,
                self.call,
                self.candidate,
                self.outcome,
                (*attempt.repairs, repair),
            )
            if _differ(mended, attempt):
                return mended
        raise error


def _differ(mended: Attempt, attempt: Attempt) -> bool:
    try:
        return mended.translated() != attempt.translated()
    except MuxError:
        return False  # what is left cannot be said to this upstream
