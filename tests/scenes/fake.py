"""An upstream made of a script, a client made of a list, and a gateway between them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping
from typing import Any

import trio

from mux.codecs import CODECS
from mux.config import ProviderSettings, ProviderType, Secret, Settings
from mux.config.values import HttpUrl, Size
from mux.gateway.call import Call, Outcome
from mux.gateway.exchange import Gateway
from mux.gateway.memory import Memory
from mux.models import Catalog
from mux.providers import from_settings
from mux.providers.outgoing import Outgoing
from mux.routing import Router
from mux.upstream import opening

Step = bytes | float | Exception
"""Bytes to hand out, seconds to wait, an error to raise."""


class Script:
    """One answer: status, headers, and the steps of its body."""

    def __init__(self, *steps: Step, status: int = 200, **headers: str) -> None:
        self.steps = steps
        self.status = status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class ScriptedReply:
    def __init__(self, script: Script) -> None:
        self.status, self.headers = script.status, script.headers
        self.received = 0
        self._steps = list(script.steps)

    async def receive_some(self) -> bytes:
        while self._steps:
            step = self._steps.pop(0)
            if isinstance(step, bytes):
                await trio.lowlevel.checkpoint()
                self.received += len(step)
                return step
            if isinstance(step, Exception):
                raise step
            await trio.sleep(step)
        await trio.lowlevel.checkpoint()
        return b""


class ScriptedTransport:
    """Plays the scripts in order and remembers what it was asked and whether it was let go."""

    def __init__(self, *scripts: Script) -> None:
        self._scripts = list(scripts)
        self.asked: list[Outgoing] = []
        self.open_replies = 0

    @opening
    async def open(self, request: Outgoing, /) -> AsyncGenerator[ScriptedReply]:
        self.asked.append(request)
        self.open_replies += 1
        try:
            yield ScriptedReply(self._scripts.pop(0))
        finally:
            self.open_replies -= 1


class Client:
    """What the client has received, with the time of each piece."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.pieces: list[tuple[float, bytes]] = []
        self.ended = False

    @property
    def body(self) -> bytes:
        return b"".join(piece for _, piece in self.pieces)

    async def start(self, status: int, headers: Iterable[tuple[str, str]]) -> None:
        assert not self.status, "the head was sent twice"
        self.status, self.headers = status, dict(headers)

    async def send(self, data: bytes) -> None:
        assert self.status, "a body before its head"
        assert not self.ended, "a body after its end"
        if data or not self.pieces:
            self.pieces.append((trio.current_time(), data))

    async def end(self, data: bytes = b"") -> None:
        if data:
            await self.send(data)
        self.ended = True


def epoch() -> float:
    """The time of all scenes in which time does not matter."""
    return 1_790_000_000.0


def gateway(
    transport: ScriptedTransport,
    *providers: str,
    abilities: Mapping[str, object] | None = None,
    **settings: Any,
) -> Gateway:
    """A gateway whose providers all have the model ``m``, which has `abilities`.

    A provider is named by its type, or, if it is an OpenAI host, by the one dialect it speaks.
    """
    from mux.config.provider import ModelSettings, UpstreamDialect

    chosen = Settings(
        **{"request_retry": 0, "max_response_size": Size(1_000_000), **settings},
        providers=tuple(
            ProviderSettings(
                ProviderType.OPENAI if kind in set(UpstreamDialect) else ProviderType(kind),
                name=f"p{number}",
                api_key=Secret("k"),
                base_url=HttpUrl("http://127.0.0.1:1"),
                dialect=(UpstreamDialect(kind),) if kind in set(UpstreamDialect) else (),
                models=(
                    ModelSettings("m", abilities=abilities or {}),
                    ModelSettings("upstream-m", alias="alias-m"),
                ),
            )
            for number, kind in enumerate(providers)
        ),
    )
    router = Router(from_settings(chosen), chosen, Catalog())
    return Gateway(router, transport, epoch, chosen, Memory.empty(trio.current_time), lambda: 0.5)


def call(dialect: str, body: bytes, **headers: str) -> Call:
    request = CODECS[dialect].server.decode_request(body, variant="")
    return Call(dialect, request, body, headers)


async def asked(gate: Gateway, asking: Call) -> tuple[Client, Outcome]:
    client, outcome = Client(), Outcome()
    await gate.generate(asking, client, outcome)
    return client, outcome
