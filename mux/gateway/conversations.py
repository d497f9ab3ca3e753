"""Answers that Responses clients may build on, where no provider keeps them (spec section 22).

A memory and nothing more: bounded in time, number and size, and empty after a restart. Only
answers we translated are kept; those a provider gave natively are kept by the provider.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec

from mux.codecs import openai_responses
from mux.gateway.bounded import Bounded
from mux.gateway.call import Call
from mux.ir import Request, Response

TTL_S: Final = 24 * 3600.0
LIMIT_ENTRIES: Final = 10_000
LIMIT_BYTES: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Stored:
    """What was asked, the whole conversation included, and what was answered."""

    request: Request
    response: Response


class Conversations:
    """Answers by client and id. One per process."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._stored = Bounded[tuple[str, str], Stored](
            clock, ttl_s=TTL_S, entries=LIMIT_ENTRIES, size_bytes=LIMIT_BYTES
        )

    def keep(self, call: Call, response: Response) -> None:
        """Remember `response`, unless the client wants nothing kept."""
        if call.dialect != "openai_responses" or call.request.store is False:
            return
        ident = openai_responses.response_id(response, call.request)
        size = len(call.body) + len(msgspec.msgpack.encode(response))
        self._stored.put((call.client, ident), Stored(call.request, response), size)

    def find(self, client: str, ident: str) -> Stored | None:
        """The answer `ident` was given to `client`, if it is still kept."""
        return self._stored.get((client, ident))

    def forget(self, client: str, ident: str) -> bool:
        """Drop an answer; False if there was none."""
        return self._stored.drop((client, ident))

    def resumed(self, call: Call) -> Call:
        """`call` with the conversation it builds on, if that is kept here."""
        if not call.request.previous_id:
            return call
        stored = self.find(call.client, call.request.previous_id)
        if stored is None:
            return call
        request = openai_responses.resume(call.request, stored.request, stored.response)
        return call.changed(request)
