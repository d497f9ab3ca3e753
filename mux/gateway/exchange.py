"""One call answered: the candidates in turn, until one of them has something to say.

The only place that loops over candidates. Its law: once content has gone to the client there is no
second try; before that, the client's own fault is raised at once and any other failure moves on
to the next candidate, whose error, the last one's, is the answer if none is left.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from random import random
from typing import Final, TypeAlias

import trio
from msgspec import Struct

from mux.codecs import CODECS
from mux.config import Settings
from mux.config.mask import Mask
from mux.errors import ErrorKind, MuxError, NoProvider
from mux.gateway import repairs
from mux.gateway.attempt import Attempt
from mux.gateway.call import Call, Outcome, Sink, Try
from mux.gateway.filters import MALFORMED
from mux.gateway.memory import Memory
from mux.gateway.retry import ATTEMPTS, Rounds
from mux.gateway.session import session_of
from mux.gateway.stream import ClientStream
from mux.routing import Candidate, Router, select
from mux.routing.health import RATE_LIMIT_S
from mux.routing.select import SPENT
from mux.upstream import Transport

_CLIENTS_FAULT: Final = frozenset(
    {
        ErrorKind.INVALID_REQUEST,
        ErrorKind.CONTEXT_LENGTH,
        ErrorKind.TOO_LARGE,
        ErrorKind.NOT_FOUND,
    }
)
"""What every other candidate would say, too."""

_Answer: TypeAlias = Callable[[Attempt], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Gateway:
    """What a call needs. One per configuration; a request keeps the one it began with.

    `clock` gives seconds since the epoch, `luck` numbers from 0 to 1; `memory` is shared by all
    configurations of a process.
    """

    router: Router
    transport: Transport
    clock: Callable[[], float]
    settings: Settings
    memory: Memory
    luck: Callable[[], float] = random

    def hide(self, data: bytes) -> bytes:
        """`data` without any of the configuration's secrets."""
        return Mask(self.settings).data(data)

    def hide_in(self, error: MuxError) -> None:
        """Take secrets out of what `error` will tell the client: upstreams quote keys."""
        error.message = Mask(self.settings).text(error.message)
        if (native := error.native) is not None:
            error.native = replace(native, body=self.hide(native.body))

    def generate(self, call: Call, sink: Sink, outcome: Outcome) -> Awaitable[None]:
        """Answer `call` on `sink`. Raises a `MuxError` only as long as nothing was sent."""
        call = self.memory.conversations.resumed(call)
        if call.request.stream:
            return self._stream(call, sink, outcome)
        return self._first(call, outcome, lambda attempt: attempt.whole(sink))

    async def _stream(self, call: Call, sink: Sink, outcome: Outcome) -> None:
        request, server = call.request, CODECS[call.dialect].server
        stream = ClientStream(
            sink,
            lambda: server.stream_encoder(request),
            server.stream_type(request),
        )
        failed: MuxError | None = None
        async with trio.open_nursery() as nursery:
            try:
                with self.memory.silences.filled(stream, nursery):
                    await self._first(call, outcome, lambda attempt: attempt.stream(stream))
            except MuxError as error:  # told below, outside of the nursery's exception group
                failed = error
            finally:
                if outcome.tries:
                    outcome.tries[-1].content_s = stream.committed_s
                    outcome.tries[-1].between_s = stream.between_s
            nursery.cancel_scope.cancel()
        if failed is not None:
            await stream.fail(failed)

    async def _first(self, call: Call, outcome: Outcome, answer: _Answer) -> None:
        """Let the first candidate that can `answer`, in as many rounds as are worth it.

        Raises the last one's error if none can.
        """
        found = self.router.candidates(call.request.model)
        session = session_of(call) if len(found) > 1 else ""
        self.memory.budget.asked()
        number = 0
        while True:
            number += 1
            failed = await self._round(call, outcome, answer, found, session)
            if failed is None:
                return
            rounds = Rounds(self.settings.request_retry, self.settings.max_retry_interval)
            wait_s = rounds.wait_s(number, failed, self.luck())
            if wait_s is None or outcome.attempts >= ATTEMPTS or not self.memory.budget.take():
                raise failed
            await self.memory.waits.sleep(wait_s)

    async def _round(
        self,
        call: Call,
        outcome: Outcome,
        answer: _Answer,
        found: list[Candidate],
        session: str,
    ) -> MuxError | None:
        """Let each candidate that may be asked try once; None as soon as one has answered.

        Raises what every candidate would say, and that none may be asked.
        """
        memory = self.memory
        failed: MuxError | None = None
        switch = self.settings.quota_exceeded.switch_project
        ready = select(found, memory.health, memory.sessions, session, switch=switch)
        spent: set[tuple[str, str]] = set()
        for candidate in ready:
            twin_of_unspent = candidate.twin and candidate is not ready[0] and not spent
            place = candidate.provider.name, candidate.model
            passed_over = twin_of_unspent or (place in spent and not switch)
            if outcome.attempts >= ATTEMPTS or passed_over:
                continue
            try:
                with memory.health.asking(candidate):
                    await self._ask(call, candidate, outcome, answer)
            except MuxError as error:
                if error.kind in _CLIENTS_FAULT or memory.waits.closed:
                    raise
                memory.health.failed(candidate, error, cooling=not self.settings.disable_cooling)
                if error.kind in SPENT:
                    spent.add(place)
                failed = error if failed is None else _worth_telling(failed, error)
                error.__traceback__ = None  # it holds this frame, which holds the error
            else:
                self._answered(candidate, outcome, session)
                return None
        return failed or NoProvider("No provider can take this request now; try again later")

    def _answered(self, candidate: Candidate, outcome: Outcome, session: str) -> None:
        """`candidate` has had its say, which may have ended in a failure the client was told of."""
        if outcome.failure is not None:
            cooling = not self.settings.disable_cooling
            self.memory.health.failed(candidate, outcome.failure, cooling=cooling)
            return
        self.memory.health.succeeded(candidate)
        if session:
            self.memory.sessions.remember(session, candidate)

    async def _ask(
        self, call: Call, candidate: Candidate, outcome: Outcome, answer: _Answer
    ) -> None:
        """Let `candidate` answer, repairing what it refuses. Raises what is beyond repair."""
        provider, model = candidate.provider.name, candidate.model
        attempt = Attempt(self, call, candidate, outcome, self.memory.lessons.of(provider, model))
        tries = _Tries(self, call, candidate, outcome)
        while True:
            try:
                await _noted(attempt, answer, outcome)
            except MuxError as error:
                self.hide_in(error)
                attempt = await tries.after(error, attempt)
            else:
                self.memory.lessons.learn(provider, model, attempt.repairs)
                return


def _worth_telling(failed: MuxError, error: MuxError) -> MuxError:
    """Which of two failures the client should hear of: of two limits the one that ends first, else
    the later one, if an upstream was asked at all."""
    if error.kind is ErrorKind.UNSUPPORTED:
        return failed
    limits = failed.kind is error.kind is ErrorKind.RATE_LIMIT
    if limits and _limit_s(failed) < _limit_s(error):
        return failed
    return error


def _limit_s(error: MuxError) -> float:
    return RATE_LIMIT_S if error.retry_after_s is None else error.retry_after_s


async def _noted(attempt: Attempt, answer: _Answer, outcome: Outcome) -> None:
    """Let `attempt` answer, and note what becomes of it, however that ends."""
    candidate = attempt.candidate
    noted = Try(
        candidate.provider.name,
        candidate.provider.catalogue,
        str(candidate.key.key),
        candidate.model,
        attempt.dialect,
        candidate.provider.base_url,
        trio.current_time(),
    )
    outcome.tries.append(noted)
    try:
        await answer(attempt)
        noted.error = outcome.error
        outcome.finished |= outcome.failure is None
    except MuxError as error:
        noted.error = error.kind
        raise
    finally:
        noted.end(outcome, trio.current_time())


class _Tries(Struct):
    """The further tries that one candidate gets with a request."""

    gateway: Gateway
    call: Call
    candidate: Candidate
    outcome: Outcome
    again: bool = True
    """whether a call the model got wrong may be asked for once more"""

    async def after(self, error: MuxError, attempt: Attempt) -> Attempt:
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
            differ = partial(_differ, mended, attempt)
            if await self.gateway.memory.turns.aside(differ, len(self.call.body)):
                return mended
        raise error


def _differ(mended: Attempt, attempt: Attempt) -> bool:
    try:
        return mended.translated() != attempt.translated()
    except MuxError:
        return False  # what is left cannot be said to this upstream
