"""Answers their upstreams cut are gone on with, for clients that cannot ask for it themselves."""

from __future__ import annotations

import json

import pytest

from mux.gateway.continuing import ROUNDS
from mux.ir import Finish, ServerCall, StopReason, Text
from tests.scenes.fake import ScriptedTransport, asked, call, gateway
from tests.scenes.spoken import refusal, sent, spoken

PAUSED = Finish(StopReason.PAUSE, dialect="anthropic", native="pause_turn")
CUT = Finish(
    StopReason.CONTINUATION,
    dialect="gemini",
    native="CONTINUATION",
    ext={"gemini": {"continuationToken": "dG9r"}},
)
SEARCH = ServerCall(
    "web_search",
    "srvtoolu_1",
    "web_search",
    '{"query":"x"}',
    "anthropic",
    {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}},
)


def ask(dialect: str, *, stream: bool) -> bytes:
    if dialect == "openai_responses":
        tools = [{"type": "web_search"}]
        return json.dumps({"model": "m", "input": "hi", "stream": stream, "tools": tools}).encode()
    messages = [{"role": "user", "content": "hi"}]
    body = {"model": "m", "stream": stream, "messages": messages, "web_search_options": {}}
    if dialect == "anthropic":
        del body["web_search_options"]
        body |= {
            "max_tokens": 4000,
            "tools": [{"type": "web_search_20250305", "name": "web_search"}],
        }
    return json.dumps(body).encode()


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("client", ["openai_chat", "openai_responses"])
async def test_P114_a_paused_turn_is_sent_back_and_both_parts_are_one_answer(
    autojump_clock, client, stream
):
    transport = ScriptedTransport(
        spoken("anthropic", Text("I look."), SEARCH, finish=PAUSED),
        spoken("anthropic", Text("Found.")),
    )
    got, outcome = await asked(
        gateway(transport, "anthropic"), call(client, ask(client, stream=stream))
    )
    assert b"I look." in got.body
    assert b"Found." in got.body
    assert got.body.count(b'"finish_reason":"stop"') == (client == "openai_chat")
    assert outcome.attempts == 1
    first, second = sent(transport, 0), sent(transport, 1)
    assert second["messages"][:-1] == first["messages"]
    paused = second["messages"][-1]
    assert paused["role"] == "assistant"
    assert [block["type"] for block in paused["content"]] == ["text", "server_tool_use"]
    assert second["tools"] == first["tools"]
    assert outcome.usage is not None
    assert (outcome.usage.input_total, outcome.usage.output_total) == (20, 10)
    if client == "openai_chat" and stream:
        assert got.body.endswith(b"data: [DONE]\n\n")


async def test_P114_a_client_of_the_same_dialect_goes_on_itself(autojump_clock):
    script = spoken("anthropic", Text("I look."), SEARCH, finish=PAUSED)
    transport = ScriptedTransport(script)
    got, _ = await asked(
        gateway(transport, "anthropic"), call("anthropic", ask("anthropic", stream=True))
    )
    assert b"pause_turn" in got.body


async def test_P114_there_is_an_end_to_going_on(autojump_clock):
    scripts = [spoken("anthropic", Text("."), SEARCH, finish=PAUSED) for _ in range(20)]
    transport = ScriptedTransport(*scripts)
    got, _ = await asked(
        gateway(transport, "anthropic"), call("openai_chat", ask("openai_chat", stream=True))
    )
    assert len(transport.asked) == 1 + ROUNDS
    assert got.body.endswith(b"data: [DONE]\n\n")


async def test_an_upstream_that_fails_to_go_on_ends_the_answer_in_an_error(autojump_clock):
    transport = ScriptedTransport(
        spoken("anthropic", Text("I look."), SEARCH, finish=PAUSED),
        refusal("anthropic", "no more"),
    )
    got, outcome = await asked(
        gateway(transport, "anthropic", "anthropic"),
        call("openai_chat", ask("openai_chat", stream=True)),
    )
    assert b"I look." in got.body
    assert b'"error"' in got.body
    assert b"[DONE]" not in got.body
    assert outcome.error == "invalid_request"


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("client", ["openai_chat", "openai_responses", "anthropic"])
async def test_P131_a_continuation_is_asked_for_with_its_token(autojump_clock, client, stream):
    transport = ScriptedTransport(
        spoken("gemini", Text("one "), finish=CUT, stream=stream),
        spoken("gemini", Text("two"), stream=stream),
    )
    body = json.loads(ask(client, stream=stream))
    for name in ("tools", "web_search_options"):
        body.pop(name, None)
    got, _ = await asked(gateway(transport, "gemini"), call(client, json.dumps(body).encode()))
    first, second = sent(transport, 0), sent(transport, 1)
    assert second == {**first, "continuationToken": "dG9r"}
    assert b"one " in got.body
    assert b"two" in got.body
    assert b'"length"' not in got.body
    assert b"max_tokens" not in got.body
    assert b"incomplete" not in got.body.replace(b"incomplete_details", b"")
