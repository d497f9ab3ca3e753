"""Where a request would go and what would become of it, without asking anybody."""

from __future__ import annotations

from typing import Final

from mux.config import Secret
from mux.errors import MuxError
from mux.gateway.attempt import Attempt
from mux.gateway.call import Call, Outcome
from mux.gateway.exchange import Gateway
from mux.ir import JSON, Object
from mux.providers.outgoing import Outgoing
from mux.routing import Candidate
from mux.wire import json

_CREDENTIALS: Final = frozenset({"authorization", "x-api-key", "x-goog-api-key"})


def explain(gateway: Gateway, call: Call) -> Object:
    """All candidates for `call` in the order they would be asked, each with its exact request.

    Raises the error the client would get if there is no candidate. Holds no secret.
    """
    call = gateway.memory.conversations.resumed(call)
    found = gateway.router.candidates(call.request.model)
    ways: list[JSON] = [_way(gateway, call, candidate) for candidate in found]
    return {"model": call.request.model, "dialect": call.dialect, "candidates": ways}


def _way(gateway: Gateway, call: Call, candidate: Candidate) -> Object:
    provider = candidate.provider
    repairs = gateway.memory.lessons.of(provider.name, candidate.model)
    out: Object = {
        "provider": provider.name,
        "why": candidate.why,
        "key": str(candidate.key.key),
        "model": candidate.model,
        "learned": list[JSON]([repair.name for repair in repairs]),
    }
    try:
        attempt = Attempt(gateway, call, candidate, Outcome(), repairs)
        outgoing, encoded = attempt.outgoing()
    except MuxError as error:
        return out | {"error": error.message, "param": error.param}
    losses: list[JSON] = [{"code": loss.code, "detail": loss.detail} for loss in encoded.losses]
    more: Object = {
        "dialect": attempt.dialect,
        "pass-through": attempt.native,
        "calls": attempt.calls,
        "request": _request(outgoing, candidate),
        "losses": losses,
        "stops-watched-here": list[JSON](encoded.stops),
    }
    return out | more


def _request(outgoing: Outgoing, candidate: Candidate) -> Object:
    secret = _CREDENTIALS | {name.lower() for name in candidate.provider.headers}
    headers: Object = {
        name: _masked(value) if name in secret else value
        for name, value in outgoing.headers.items()
    }
    try:
        body = json.loads(outgoing.body)
    except json.JsonError:
        body = outgoing.body.decode(errors="replace")
    return {"method": outgoing.method, "url": outgoing.url, "headers": headers, "body": body}


def _masked(value: str) -> str:
    scheme, space, token = value.rpartition(" ")
    return f"{scheme}{space}{Secret(token)}"
