"""Counting the tokens of a request: by the upstream if it can, else by estimate."""

from __future__ import annotations

from functools import partial
from typing import Final

import trio
from msgspec.structs import replace

from mux.codecs import CODECS, CountClient
from mux.errors import MuxError
from mux.gateway import headers
from mux.gateway.call import Call
from mux.gateway.exchange import Gateway
from mux.gateway.pump import read_whole
from mux.routing import Candidate
from mux.tokens import estimate

TIMEOUT_S: Final = 3.0
"""A native count that takes longer gives way to the estimate (translation spec section 24)."""
_BODY_LIMIT_BYTES: Final = 1024 * 1024


async def count(gateway: Gateway, call: Call) -> tuple[int, bool]:
    """Input tokens of `call`, and whether they are an estimate. Raises for an unknown model."""
    for candidate in gateway.router.candidates(call.request.model):
        counter = _counter(candidate)
        if counter is None:
            continue
        with trio.move_on_after(TIMEOUT_S):
            try:
                return await _ask(gateway, call, candidate, *counter), False
            except MuxError:
                break  # the estimate answers in its place
    return estimate(call.request), True


def _counter(candidate: Candidate) -> tuple[str, CountClient] | None:
    for dialect in candidate.provider.codecs:
        client = CODECS[dialect].count_client
        if client is not None:
            return dialect, client
    return None


async def _ask(
    gateway: Gateway, call: Call, candidate: Candidate, dialect: str, client: CountClient
) -> int:
    request = replace(call.request, model=candidate.model)
    encode = partial(client.encode_count_request, request, candidate.abilities)
    outgoing = candidate.provider.build(
        dialect,
        client.count_path(request),
        await gateway.memory.turns.aside(encode, len(call.body)),
        candidate.key,
        stream=False,
        extra_headers=headers.to_upstream(
            call.headers, dialect, own=dialect == call.dialect, native=False
        ),
    )
    async with gateway.transport.open(outgoing) as reply:
        body = await read_whole(reply, _BODY_LIMIT_BYTES)
        if reply.status >= 400:
            raise CODECS[dialect].client.decode_error(reply.status, body, reply.headers)
        return client.decode_count_response(body)
