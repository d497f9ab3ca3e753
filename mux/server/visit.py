"""One request on its way through the app."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mux.gateway.call import Outcome
from mux.server.asgi import AsgiSink, Inbound, Receive
from mux.server.endpoints import Endpoint

JSON_TYPE: Final = "application/json; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Visit:
    """What an action needs: who asks for what, and where the answer goes.

    `name` is the model or the response that the path names.
    """

    inbound: Inbound
    endpoint: Endpoint
    name: str | None
    receive: Receive
    sink: AsgiSink
    outcome: Outcome
