"""What Anthropic's own clients send beside the body, and what it costs to count."""

from __future__ import annotations

import json

import pytest

from mux.gateway.count import count
from tests.scenes.fake import Script, ScriptedTransport, asked, call, gateway

ASK = b'{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}'
ANSWER = json.dumps(
    {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "text", "text": "ok"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }
).encode()
CHAT = (
    b'{"id":"c","object":"chat.completion","created":1,"model":"m","choices":'
    b'[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"ok"}}]}'
)
BETAS = "fine-grained-tool-streaming-2025-05-14, something-new-2027-01-01"
SENT = {"anthropic-version": "2026-10-21", "anthropic-beta": BETAS, "x-api-key": "client's"}


async def test_P80_P82_versions_and_betas_reach_anthropic_exactly_as_they_came(autojump_clock):
    transport = ScriptedTransport(Script(ANSWER))
    await asked(gateway(transport, "anthropic"), call("anthropic", ASK, **SENT))
    headers = transport.asked[0].headers
    assert headers["anthropic-version"] == "2026-10-21"
    assert headers["anthropic-beta"] == BETAS
    assert headers["x-api-key"] == "k"


async def test_P82_a_client_without_betas_gets_none(autojump_clock):
    transport = ScriptedTransport(Script(ANSWER))
    await asked(gateway(transport, "anthropic"), call("anthropic", ASK))
    assert "anthropic-beta" not in transport.asked[0].headers


async def test_P80_P82_nobody_else_hears_of_versions_and_betas(autojump_clock):
    transport = ScriptedTransport(Script(CHAT))
    client, _ = await asked(gateway(transport, "openai"), call("anthropic", ASK, **SENT))
    assert client.status == 200
    assert not [name for name in transport.asked[0].headers if name.startswith("anthropic-")]


@pytest.mark.parametrize("upstream", ["openai", "ollama"])
async def test_P111_counting_is_no_generation(upstream, autojump_clock):
    transport = ScriptedTransport()
    tokens, estimated = await count(gateway(transport, upstream), call("anthropic", ASK))
    assert (tokens > 0, estimated) == (True, True)
    assert transport.asked == []


async def test_P111_anthropic_counts_itself(autojump_clock):
    transport = ScriptedTransport(Script(b'{"input_tokens": 42}'))
    assert await count(gateway(transport, "anthropic"), call("anthropic", ASK)) == (42, False)
    assert transport.asked[0].url.endswith("/v1/messages/count_tokens")
