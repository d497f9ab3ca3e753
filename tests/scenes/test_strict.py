"""What a translation cannot carry is reported, or refused where the client wants nothing lost."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from mux.errors import MuxError
from mux.ir import Text
from tests.scenes.fake import ScriptedTransport, asked, call, gateway
from tests.scenes.spoken import spoken

LOSSY = json.dumps(
    {"model": "m", "messages": [{"role": "user", "content": "hi"}], "seed": 7, "stop": [" "]}
).encode()


async def test_losses_are_named_in_a_header(autojump_clock):
    transport = ScriptedTransport(spoken("anthropic", Text("ok")))
    client, _ = await asked(gateway(transport, "anthropic"), call("openai_chat", LOSSY))
    assert set(client.headers["x-mux-warnings"].split(", ")) == {"drop:seed", "degrade:stop"}


async def test_strict_refuses_and_names_what_would_be_lost(autojump_clock):
    transport = ScriptedTransport()
    asking = replace(call("openai_chat", LOSSY), strict=True)
    with pytest.raises(
        MuxError, match=r"degrade:stop, drop:seed|drop:seed, degrade:stop"
    ) as caught:
        await asked(gateway(transport, "anthropic"), asking)
    assert caught.value.status == 400
    assert caught.value.code == "strict_mode"
    assert transport.asked == []


async def test_strict_prefers_a_provider_that_loses_nothing(autojump_clock):
    transport = ScriptedTransport(spoken("openai_chat", Text("ok"), stream=False))
    asking = replace(call("openai_chat", LOSSY), strict=True)
    client, outcome = await asked(gateway(transport, "anthropic", "openai"), asking)
    assert outcome.provider == "p1"
    assert "x-mux-warnings" not in client.headers


async def test_what_is_only_a_risk_is_not_refused(autojump_clock):
    body = json.dumps(
        {
            "model": "gemini-2.5-pro",
            "max_tokens": 100,
            "messages": [{"role": "user", "content": "hi"}],
        }
    ).encode()
    from mux.config import ProviderSettings, ProviderType, Secret, Settings
    from mux.gateway.exchange import Gateway
    from mux.gateway.memory import Memory
    from mux.models import Catalog
    from mux.providers import from_settings
    from mux.routing import Router

    transport = ScriptedTransport(spoken("gemini", Text("ok"), stream=False))
    settings = Settings(providers=(ProviderSettings(ProviderType.GEMINI, api_key=Secret("k")),))
    router = Router(from_settings(settings), settings, Catalog())
    gate = Gateway(router, transport, lambda: 1.0, settings, Memory.empty(lambda: 1.0))
    client, _ = await asked(gate, replace(call("openai_chat", body), strict=True))
    assert client.headers["x-mux-warnings"] == "risk:thinking_budget"


async def test_a_cache_is_warmed_without_asking_a_provider_that_has_none(autojump_clock):
    body = {"model": "m", "max_tokens": 0, "messages": [{"role": "user", "content": "hi"}]}
    for stream in (False, True):
        transport = ScriptedTransport()
        asking = call("anthropic", json.dumps({**body, "stream": stream}).encode())
        client, _ = await asked(gateway(transport, "openai"), asking)
        assert transport.asked == []
        assert b'"stop_reason":"max_tokens"' in client.body
    transport = ScriptedTransport(spoken("anthropic", stream=False))
    await asked(gateway(transport, "anthropic"), call("anthropic", json.dumps(body).encode()))
    assert len(transport.asked) == 1
