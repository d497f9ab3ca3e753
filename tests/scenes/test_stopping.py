"""Stop sequences the upstream has no field for end the answer here, and the upstream with it."""

from __future__ import annotations

import json

import pytest

from mux.codecs import CODECS
from mux.ir import BlockStart, Request, Start, Text, TextDelta
from tests.scenes.fake import Script, ScriptedTransport, asked, call, gateway
from tests.scenes.spoken import sent, spoken


def ask(*, stream: bool, **fields: object) -> bytes:
    messages = [{"role": "user", "content": "hi"}]
    return json.dumps({"model": "m", "stream": stream, "messages": messages, **fields}).encode()


def streamed(*pieces: str) -> Script:
    """An Anthropic stream in these pieces, which then has much more to say."""
    encoder = CODECS["anthropic"].server.stream_encoder(Request("m", stream=True))
    head = encoder.encode(Start("msg_1", "m")) + encoder.encode(BlockStart(0, Text("")))
    deltas = [encoder.encode(TextDelta(0, piece)) for piece in pieces]
    more = [step for _ in range(100) for step in (1.0, deltas[0])]
    return Script(head, *deltas, *more, content_type="text/event-stream")


async def test_P201_P202_the_stream_ends_at_the_match_and_the_upstream_is_left(autojump_clock):
    transport = ScriptedTransport(streamed("one ", "\n", "\ntwo"))
    body = ask(stream=True, stop=["\n\n"])
    client, _ = await asked(gateway(transport, "anthropic"), call("openai_chat", body))
    assert "stop_sequences" not in sent(transport)
    assert b'"one "' in client.body
    assert b"two" not in client.body
    assert b'"finish_reason":"stop"' in client.body
    assert client.body.endswith(b"data: [DONE]\n\n")
    assert client.headers["x-mux-warnings"] == "degrade:stop"
    assert transport.open_replies == 0
    assert client.pieces[-1][0] < 1, "the client did not wait for the rest"


@pytest.mark.parametrize("stream", [True, False])
async def test_P201_which_sequence_it_was_reaches_clients_that_ask(autojump_clock, stream):
    transport = ScriptedTransport(spoken("openai_chat", Text("a END b"), stream=stream))
    body = ask(stream=stream, stop_sequences=["END"], max_tokens=9)
    gate = gateway(transport, "openai")
    from msgspec.structs import replace

    asking = call("anthropic", body)
    candidate = gate.router.candidates("m")[0]
    object.__setattr__(
        gate, "router", _Fixed([_able(candidate, replace(candidate.abilities, stop=False))])
    )
    client, _ = await asked(gate, asking)
    assert b'"stop_reason":"stop_sequence"' in client.body
    assert b'"stop_sequence":"END"' in client.body
    assert b" b" not in client.body


class _Fixed:
    def __init__(self, found):
        self._found = found

    def candidates(self, model):
        return self._found


def _able(candidate, abilities):
    from dataclasses import replace

    return replace(candidate, abilities=abilities)


async def test_P142_the_first_five_go_to_gemini_the_others_are_watched_for_here(autojump_clock):
    transport = ScriptedTransport(spoken("gemini", Text("one G two"), stream=False))
    body = ask(stream=False, stop_sequences=list("ABCDEFG"), max_tokens=2000)
    client, _ = await asked(gateway(transport, "gemini"), call("anthropic", body))
    assert sent(transport)["generationConfig"]["stopSequences"] == list("ABCDE")
    answer = json.loads(client.body)
    assert answer["content"] == [{"type": "text", "text": "one "}]
    assert (answer["stop_reason"], answer["stop_sequence"]) == ("stop_sequence", "G")
