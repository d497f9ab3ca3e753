"""Long silences: what fills them in each dialect, and that they do not hide a dead upstream."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from mux.codecs import CODECS, StreamCheck
from mux.errors import UpstreamTimeout
from mux.gateway.call import Call, Outcome
from tests.scenes.fake import Client, Script, ScriptedTransport, gateway

SSE = {"content_type": "text/event-stream"}
DONE = b"data: [DONE]\n\n"

KEEP_ALIVES = {
    "anthropic": b'event: ping\ndata: {"type":"ping"}\n\n',
    "openai_chat": b": keep-alive\n\n",
    "openai_completions": b": keep-alive\n\n",
    "openai_responses": b": keep-alive\n\n",
    "gemini": b"\n",
    "ollama": b'{"model":"m","created_at":"1970-01-01T00:00:07Z",'
    b'"message":{"role":"assistant","content":""},"done":false}\n',
}
"""What clients of each dialect survive (pitfalls 7 to 11); in Ollama's, only a line like others."""

ASKED = {
    "anthropic": {"max_tokens": 99, "messages": [{"role": "user", "content": "hi"}]},
    "openai_chat": {"messages": [{"role": "user", "content": "hi"}]},
    "openai_completions": {"prompt": "hi"},
    "openai_responses": {"input": "hi"},
    "gemini": {"contents": [{"parts": [{"text": "hi"}]}]},
    "ollama": {"messages": [{"role": "user", "content": "hi"}]},
}


def chunk(text: str, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    body = {"id": "c", "created": 7, "model": "m", "choices": [choice]}
    return b"data: %b\n\n" % json.dumps(body).encode()


async def told(dialect: str, *steps: bytes | float | Exception) -> Client:
    """What a client of `dialect` gets from a chat upstream that does `steps`."""
    body = json.dumps({"model": "m", "stream": True, **ASKED[dialect]}).encode()
    request = CODECS[dialect].server.decode_request(
        body, model="m", stream=True, variant="chat" if dialect == "ollama" else ""
    )
    client, transport = Client(), ScriptedTransport(Script(*steps, **SSE))
    call = Call(dialect, replace(request, include_usage=True), b"", {})
    upstream = "anthropic" if dialect == "openai_chat" else "openai_chat"
    await gateway(transport, upstream).generate(call, client, Outcome())
    return client


def said(dialect: str, text: str, finish: str | None = None) -> bytes:
    """A piece of the answer, as an upstream of another dialect than `dialect` says it."""
    if dialect != "openai_chat":
        return chunk(text, finish) + (DONE if finish else b"")
    events = [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}
    ]
    if finish:
        events += [
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {}},
            {"type": "message_stop"},
        ]
    else:
        start = {"id": "m", "model": "m", "role": "assistant", "content": [], "usage": {}}
        events[:0] = [
            {"type": "message_start", "message": start},
            {
                "type": "content_block_start",
                "index": 0,
                "content_block": {"type": "text", "text": ""},
            },
        ]
    return b"".join(
        b"event: %b\ndata: %b\n\n" % (event["type"].encode(), json.dumps(event).encode())
        for event in events
    )


@pytest.mark.parametrize("dialect", sorted(CODECS))
async def test_F41_P7_P9_P10_silence_is_filled_so_that_the_dialects_clients_survive(
    dialect, autojump_clock
):
    client = await told(dialect, said(dialect, "o"), 100.0, said(dialect, "k", "stop"))
    filler = [piece for at, piece in client.pieces if 1 < at - client.pieces[0][0] < 99]
    assert filler == [KEEP_ALIVES[dialect]] * 9, "one for each 10 s"
    check = StreamCheck(CODECS[dialect].rules())
    assert check.feed(client.body) + check.eof() == []


SUCCESS = (b"[DONE]", b"message_stop", b"response.completed", b'"done":true', b'"finishReason"')


@pytest.mark.parametrize("dialect", sorted(CODECS))
async def test_F41_keep_alives_do_not_hide_an_upstream_that_was_given_up(dialect, autojump_clock):
    silent = UpstreamTimeout("the upstream was silent for 300 s")
    client = await told(dialect, said(dialect, "o"), 300.0, silent)
    assert client.ended
    assert b"silent for 300 s" in client.body
    assert not any(marker in client.body for marker in SUCCESS)
    check = StreamCheck(CODECS[dialect].rules())
    assert check.feed(client.body) + check.eof() == []
