"""llm-mux in this process, in front of a failing upstream; asked without a socket."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import trio

from mux.config import ProviderSettings, ProviderType, Secret, Settings
from mux.config.provider import ModelSettings, UpstreamDialect
from mux.config.values import HttpUrl
from mux.gateway.exchange import Gateway
from mux.gateway.memory import Memory
from mux.models import Catalog
from mux.providers import from_settings
from mux.routing import Candidate, Router
from mux.server.app import App
from mux.server.journal import Journal
from mux.upstream import Transport
from mux.usage.budgets import Budgets
from mux.usage.recorder import Recorder
from tests.faults.upstream import SECRET
from tests.scenes.fake import epoch
from tests.scenes.pieces import ask

PATHS = {
    "openai_chat": "/v1/chat/completions",
    "openai_completions": "/v1/completions",
    "openai_responses": "/v1/responses",
    "anthropic": "/v1/messages",
    "gemini": "/v1beta/models/m:generateContent",
    "ollama": "/api/chat",
}
STREAMING_GEMINI = "/v1beta/models/m:streamGenerateContent"

Place = tuple[str, str]
"""The dialect an upstream speaks, and its base URL."""


@dataclass
class Got:
    """What a client got."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""
    ended: bool = False


class Gate:
    """One llm-mux whose providers `p0`, `p1`… all have the model `m`; `at-1` is that of `p1`."""

    def __init__(self, transport: Transport, *places: Place, **settings: Any) -> None:
        self.settings = Settings(
            **{"request_retry": 0, **settings},
            providers=tuple(_provider(number, *place) for number, place in enumerate(places)),
        )
        self.router = Router(from_settings(self.settings), self.settings, Catalog())
        self.memory = Memory.empty(trio.current_time)
        self.gateway = Gateway(
            self.router, transport, epoch, self.settings, self.memory, lambda: 0.5
        )
        budgets = Budgets(self.settings.api_keys)
        recorder = Recorder(None, self.settings.usage, budgets, epoch)
        self.app = App(self.settings, self.gateway, Journal(recorder, Catalog()))

    @property
    def first(self) -> Candidate:
        """Whoever is asked first."""
        return self.router.candidates("m")[0]

    async def asked(self, dialect: str, *, stream: bool) -> Got:
        """The answer to the shortest request of `dialect`."""
        got = Got()
        request = [{"type": "http.request", "body": ask(dialect, stream=stream).body}]

        async def receive() -> dict[str, Any]:
            if not request:
                await trio.sleep_forever()
            return request.pop()

        async def send(message: dict[str, Any]) -> None:
            await trio.lowlevel.checkpoint()
            assert not got.ended, "more after the end"
            if message["type"] == "http.response.start":
                assert not got.status, "a second head"
                got.status = message["status"]
                got.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            else:
                assert got.status, "a body before its head"
                got.body += message["body"]
                got.ended = not message["more_body"]

        await self.app(scope(dialect, stream=stream), receive, send)
        assert got.ended, "an answer without its end"
        return got


def scope(dialect: str, *, stream: bool) -> dict[str, Any]:
    streams = dialect == "gemini" and stream
    path = STREAMING_GEMINI if streams else PATHS[dialect]
    return {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"alt=sse" if streams else b"",
        "headers": [(b"host", b"localhost"), (b"content-type", b"application/json")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8317),
        "scheme": "http",
    }


def error_of(dialect: str, body: bytes) -> str:
    """The message of an error that is a whole answer in the form of `dialect`. Fails if it is in
    any other form."""
    found = json.loads(body)
    if dialect == "ollama":
        assert list(found) == ["error"]
        message = found["error"]
    else:
        error = found["error"]
        message = error["message"]
        if dialect == "anthropic":
            assert found["type"] == "error"
            assert error["type"]
        elif dialect == "gemini":
            assert list(found) == ["error"]
            assert {"code", "message", "status"} <= error.keys()
        else:
            assert {"message", "type", "param", "code"} <= error.keys()
    assert isinstance(message, str)
    assert message
    return message


def _provider(number: int, dialect: str, base_url: str) -> ProviderSettings:
    openai = dialect not in ("anthropic", "gemini", "ollama")
    return ProviderSettings(
        ProviderType.OPENAI if openai else ProviderType(dialect),
        name=f"p{number}",
        api_key=Secret(SECRET),
        base_url=HttpUrl(base_url),
        dialect=(UpstreamDialect(dialect),) if openai else (),
        models=(ModelSettings("m"), ModelSettings("m", alias=f"at-{number}")),
    )
