"""One request on its way through the app."""

from __future__ import annotations

from typing import Final

from msgspec import Struct, field

from mux.gateway.call import Call, Outcome
from mux.server._departures import Departure
from mux.server.asgi import AsgiSink, Inbound, Receive
from mux.server.endpoints import Endpoint
from mux.server.tape import Tape

JSON_TYPE: Final = "application/json; charset=utf-8"


class Entry(Struct):
    """What is known of one request as it goes, for what is told of it when it has ended.

    `time_s` is when it came, in seconds since the epoch, and `started_s` the same on trio's clock.
    `client` is a name for who asks that tells nothing of its key.
    """

    id: str
    time_s: float
    started_s: float
    inbound: Inbound
    dialect: str
    sink: AsgiSink
    outcome: Outcome = field(default_factory=Outcome)
    client: str = ""
    endpoint: Endpoint | None = None
    """what was asked for, once the client may ask"""
    call: Call | None = None
    tape: Tape | None = None
    """what is recorded of it, if anything"""
    cancelled: bool = False
    """the client left, or we did, before the end of the answer"""

    @property
    def first_content_s(self) -> float | None:
        """How long a streamed answer took to begin."""
        tries = self.outcome.tries
        content_s = tries[-1].content_s if tries else None
        return None if content_s is None else content_s - self.started_s


class Visit(Struct, frozen=True):
    """What an action needs: who asks for what, and where the answer goes.

    `name` is the model or the response that the path names. `departure` is there if the server
    tells of the client's leaving by it.
    """

    entry: Entry
    endpoint: Endpoint
    name: str | None
    receive: Receive
    departure: Departure | None = None

    @property
    def inbound(self) -> Inbound:
        """What the client asks."""
        return self.entry.inbound

    @property
    def sink(self) -> AsgiSink:
        """Where the answer goes."""
        return self.entry.sink

    @property
    def client(self) -> str:
        """Who asks."""
        return self.entry.client
