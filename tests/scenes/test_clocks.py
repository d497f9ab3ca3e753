"""An upstream that takes too long: to begin, between two pieces, in all."""

from __future__ import annotations

import json

import pytest
import trio

from mux.config.values import Seconds
from mux.errors import MuxError
from mux.ir import Text
from tests.scenes.fake import Client, Script, ScriptedTransport, asked, call, gateway
from tests.scenes.spoken import spoken

TIMES = {
    "first_byte_timeout": Seconds(50),
    "stream_timeout": Seconds(20),
    "request_timeout": Seconds(200),
}
streamed = pytest.mark.parametrize("stream", [True, False])
dialects = pytest.mark.parametrize("dialect", ["openai_chat", "anthropic"])  # native, translated


def ask(*, stream: bool) -> bytes:
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    return json.dumps({**body, "stream": stream}).encode()


def slow(*, stream: bool, pause_s: float, count: int) -> Script:
    """An answer that pauses `count` times."""
    steps = spoken("openai_chat", Text("Hello"), stream=stream).steps
    first, rest = steps[0], steps[1:]
    assert isinstance(first, bytes)
    kind = "text/event-stream" if stream else "application/json"
    if stream:
        again = [step for _ in range(count) for step in (pause_s, b": alive\n\n")]
        return Script(first + b"".join(rest[:1]), *again, *rest[1:], content_type=kind)  # type: ignore[arg-type]
    pieces = [first[:20], *[pause_s] * count, first[20:]]
    return Script(*pieces, content_type=kind)


@dialects
@streamed
async def test_one_that_does_not_begin_is_given_up_for_the_next(autojump_clock, dialect, stream):
    ok = spoken("openai_chat", Text("ok"), stream=stream)
    transport = ScriptedTransport(Script(1000.0), ok)
    begun = trio.current_time()
    client, outcome = await asked(
        gateway(transport, "openai", "openai", **TIMES), call(dialect, ask(stream=stream))
    )
    assert (outcome.provider, client.status) == ("p1", 200)
    assert 50 <= trio.current_time() - begun <= 51
    assert b"ok" in client.body


@dialects
@streamed
async def test_a_silence_in_the_middle_ends_the_answer_in_an_error(autojump_clock, dialect, stream):
    transport = ScriptedTransport(slow(stream=stream, pause_s=30, count=1))
    gate = gateway(transport, "openai", **TIMES)
    client = Client()
    if not stream:
        with pytest.raises(MuxError, match="stream-timeout") as caught:
            await asked(gate, call(dialect, ask(stream=stream)))
        assert caught.value.status == 503
    else:
        client, outcome = await asked(gate, call(dialect, ask(stream=stream)))
        assert b"fell silent for 20 s" in client.body
        assert b"[DONE]" not in client.body
        assert b"message_stop" not in client.body
        assert outcome.error == "timeout"
        assert outcome.attempts == 1
    assert transport.open_replies == 0
    assert trio.current_time() < 25


@dialects
async def test_signs_of_life_move_the_silence_but_not_the_total(autojump_clock, dialect):
    transport = ScriptedTransport(slow(stream=True, pause_s=15, count=5))
    client, outcome = await asked(
        gateway(transport, "openai", **TIMES), call(dialect, ask(stream=True))
    )
    assert outcome.error == ""
    transport = ScriptedTransport(slow(stream=True, pause_s=15, count=50))
    client, outcome = await asked(
        gateway(transport, "openai", **TIMES), call(dialect, ask(stream=True))
    )
    assert outcome.error == "timeout"
    assert b"did not finish within 200 s" in client.body


async def test_F41_our_own_keep_alives_do_not_hide_a_dead_upstream(autojump_clock):
    times = {**TIMES, "stream_timeout": Seconds(100)}
    transport = ScriptedTransport(slow(stream=True, pause_s=500, count=1))
    client, outcome = await asked(
        gateway(transport, "openai", **times), call("anthropic", ask(stream=True))
    )
    assert client.body.count(b"event: ping") >= 5
    assert outcome.error == "timeout"
    assert b"event: error" in client.body
