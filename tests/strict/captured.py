"""The requests that agent CLIs really send, and the models of the upstreams they are sent on to."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from msgspec.structs import replace

from mux.codecs import CODECS
from mux.ir import Abilities, Request
from mux.models import Catalog
from tests.conftest import SHARED

CLIENTS = SHARED / "clients"
FILES = sorted(path.stem for path in CLIENTS.glob("*.jsonl"))

needs_captures = pytest.mark.skipif(
    not CLIENTS.is_dir(), reason="the captured requests of clients (../shared/clients) are not here"
)
_DIALECTS = {
    "/v1/messages": "anthropic",
    "/v1/chat/completions": "openai_chat",
    "/v1/responses": "openai_responses",
}


@dataclass(frozen=True)
class Captured:
    """One request as it was sent."""

    name: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def dialect(self) -> str:
        """Our name of the dialect it speaks."""
        return _DIALECTS.get(self.path, "gemini")

    @property
    def raw(self) -> bytes:
        """The body's bytes."""
        return json.dumps(self.body, ensure_ascii=False).encode()

    def decoded(self) -> Request:
        """The request as the server decodes it."""
        server = CODECS[self.dialect].server
        if self.dialect != "gemini":
            return server.decode_request(self.raw)
        model, _, method = self.path.rpartition("/")[2].partition(":")
        return server.decode_request(self.raw, model=model, stream=method.startswith("stream"))


@cache
def captured(file: str) -> tuple[Captured, ...]:
    """The requests of one client in the order they were sent."""
    lines = (CLIENTS / f"{file}.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return tuple(
        Captured(
            f"{row['case']}-{row['n']}", row["path"], row["query"], row["headers"], row["body"]
        )
        for row in rows
    )


@dataclass(frozen=True)
class Upstream:
    """A model at an upstream: the dialect spoken there and the table its abilities come from."""

    dialect: str
    catalogue: str
    model: str

    @property
    def abilities(self) -> Abilities:
        """What the model accepts."""
        return Catalog().abilities(self.catalogue, self.model)

    def asked(self, request: Request) -> Request:
        """`request` for this model."""
        return replace(request, model=self.model)


UPSTREAMS = (
    Upstream("openai_chat", "openai", "gpt-4.1"),
    Upstream("openai_chat", "openai", "gpt-5.2"),
    Upstream("openai_chat", "openai-compatible", "deepseek-chat"),
    Upstream("openai_responses", "openai", "gpt-5.4"),
    Upstream("openai_responses", "openai", "gpt-6.1-sol"),
    Upstream("anthropic", "anthropic", "claude-sonnet-4-5"),
    Upstream("anthropic", "anthropic", "claude-opus-4-8"),
    Upstream("anthropic", "anthropic", "claude-opus-5-5"),
    Upstream("gemini", "gemini", "gemini-2.5-pro"),
    Upstream("gemini", "gemini", "gemini-3-pro"),
    Upstream("ollama", "ollama", "llama3.1"),
    Upstream("ollama", "ollama", "qwen3"),
    Upstream("ollama", "ollama", "gpt-oss"),
)
"""All five kinds, and of each the models whose rules differ most."""

every_upstream = pytest.mark.parametrize("upstream", UPSTREAMS, ids=lambda upstream: upstream.model)
every_client = pytest.mark.parametrize("file", FILES)
