"""One call and its upstreams, on a clock that jumps."""

from __future__ import annotations

import json

import pytest
import trio

from mux.errors import MuxError, UpstreamUnreachable
from tests.scenes.fake import Client, Script, ScriptedTransport, asked, call, gateway

ASK = b'{"model":"m","max_tokens":99,"stream":true,"messages":[{"role":"user","content":"hi"}]}'
WHOLE = ASK.replace(b"true", b"false")


def chunk(content: str, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": content}, "finish_reason": finish}
    return b"data: " + json.dumps({"id": "c", "model": "m", "choices": [choice]}).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"
SSE = {"content_type": "text/event-stream"}
OVERLOADED = (
    b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"busy"}}\n\n'
)
MESSAGE_START = (
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","type":"message",'
    b'"role":"assistant","model":"m","content":[],"usage":{"input_tokens":1,"output_tokens":1}}}\n\n'
)


async def test_a_stream_is_translated_and_sent_read_by_read(autojump_clock):
    transport = ScriptedTransport(
        Script(chunk("Hel"), 1.0, chunk("lo") + chunk("", "stop") + DONE, **SSE)
    )
    client, outcome = await asked(gateway(transport, "openai"), call("anthropic", ASK))
    assert client.status == 200
    assert client.ended
    assert b"message_stop" in client.body
    assert len(client.pieces) == 2, "one read makes at most one write"
    assert (outcome.provider, outcome.dialect) == ("p0", "openai_chat")
    assert transport.open_replies == 0


async def test_same_dialect_bytes_go_through_but_for_the_model_name(autojump_clock):
    answer = (
        MESSAGE_START + b": odd \n\n" + b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
    )
    transport = ScriptedTransport(Script(answer[:50], answer[50:], **SSE))
    body = ASK.replace(b'"m"', b'"alias-m"').replace(
        b'"stream"', b'"unknown_key": {"a": 1},  "stream"'
    )
    client, _ = await asked(gateway(transport, "anthropic"), call("anthropic", body))
    assert client.body == answer
    assert transport.asked[0].body == body.replace(b'"alias-m"', b'"upstream-m"')


async def test_F11_P23_an_early_error_inside_a_stream_tries_the_next_provider(autojump_clock):
    transport = ScriptedTransport(
        Script(MESSAGE_START, 1.0, OVERLOADED, **SSE),
        Script(chunk("ok", "stop"), DONE, **SSE),
    )
    client, outcome = await asked(gateway(transport, "anthropic", "openai"), call("anthropic", ASK))
    assert outcome.attempts == 2
    assert client.body.count(b"message_start") == 2  # the event's name and its type
    assert b"overloaded" not in client.body


async def test_P23_an_early_error_with_nobody_left_is_a_real_status(autojump_clock):
    transport = ScriptedTransport(Script(MESSAGE_START, OVERLOADED, **SSE))
    client = Client()
    with pytest.raises(MuxError) as caught:
        client, _ = await asked(gateway(transport, "anthropic"), call("openai_chat", ASK))
    assert caught.value.status == 503
    assert client.status == 0


async def test_F10_a_stream_cut_after_content_ends_in_an_error_and_is_never_tried_again(
    autojump_clock,
):
    transport = ScriptedTransport(
        Script(chunk("Hel"), 1.0, UpstreamUnreachable("connection reset"), **SSE)
    )
    client, outcome = await asked(gateway(transport, "openai", "openai"), call("anthropic", ASK))
    assert outcome.attempts == 1
    assert b"event: error" in client.body
    assert b"message_stop" not in client.body


async def test_F10_a_cut_pass_through_stream_gets_the_error_form(autojump_clock):
    transport = ScriptedTransport(Script(chunk("Hel"), **SSE))
    client, _ = await asked(gateway(transport, "openai"), call("openai_chat", ASK))
    assert client.body.startswith(chunk("Hel"))
    assert b'"error"' in client.body
    assert b"[DONE]" not in client.body


async def test_F09_nothing_after_the_terminal_marker_reaches_the_client(autojump_clock):
    transport = ScriptedTransport(Script(chunk("a", "stop") + DONE, 500.0, chunk("late"), **SSE))
    client, _ = await asked(gateway(transport, "openai"), call("openai_chat", ASK))
    assert b"late" not in client.body
    assert trio.current_time() < 500


async def test_unreachable_providers_are_passed_over(autojump_clock):
    class Refusing(ScriptedTransport):
        def open(self, request):
            if not self.asked:
                self.asked.append(request)
                raise UpstreamUnreachable("connection refused")
            return super().open(request)

    transport = Refusing(Script(chunk("ok", "stop"), DONE, **SSE))
    client, outcome = await asked(gateway(transport, "openai", "openai"), call("anthropic", ASK))
    assert outcome.attempts == 2
    assert b"ok" in client.body


async def test_the_clients_own_fault_is_not_tried_elsewhere(autojump_clock):
    error = b'{"error":{"message":"bad","type":"invalid_request_error","param":"x","code":null}}'
    transport = ScriptedTransport(Script(error, status=400), Script(b"{}"))
    with pytest.raises(MuxError) as caught:
        await asked(gateway(transport, "openai", "openai"), call("anthropic", WHOLE))
    assert caught.value.status == 400
    assert len(transport.asked) == 1


async def test_P219_the_gateways_refused_credential_is_not_the_clients_401(autojump_clock):
    transport = ScriptedTransport(Script(b'{"error":{"message":"bad key"}}', status=401))
    with pytest.raises(MuxError) as caught:
        await asked(gateway(transport, "openai"), call("openai_chat", WHOLE))
    assert caught.value.status == 503
    assert caught.value.native is None


async def test_a_native_error_goes_through_as_it_is(autojump_clock):
    error = b'{"error": {"message": "odd", "type": "invalid_request_error", "extra": 1}}'
    transport = ScriptedTransport(Script(error, status=422, content_type="application/json"))
    with pytest.raises(MuxError) as caught:
        await asked(gateway(transport, "openai"), call("openai_chat", WHOLE))
    assert caught.value.native is not None
    assert (caught.value.native.status, caught.value.native.body) == (422, error)


async def test_P24_F41_silence_commits_and_is_filled_with_keep_alives(autojump_clock):
    transport = ScriptedTransport(Script(60.0, chunk("o"), 60.0, chunk("k", "stop"), DONE, **SSE))
    client, _ = await asked(gateway(transport, "openai"), call("anthropic", ASK))
    assert client.body.count(b": keep-alive") >= 3, "before there is a message"
    assert client.body.count(b"event: ping") >= 3, "inside of it"
    assert b"message_stop" in client.body


async def test_after_keep_alives_a_failure_is_told_inside_the_stream(autojump_clock):
    transport = ScriptedTransport(Script(20.0, UpstreamUnreachable("reset"), **SSE))
    client, _ = await asked(gateway(transport, "openai"), call("anthropic", ASK))
    assert client.status == 200
    assert b"event: error" in client.body
    assert b"message_stop" not in client.body


async def test_keep_alives_do_not_bind_the_client_to_an_upstream(autojump_clock):
    transport = ScriptedTransport(
        Script(20.0, UpstreamUnreachable("reset"), **SSE),
        Script(chunk("ok", "stop"), DONE, **SSE),
    )
    client, outcome = await asked(gateway(transport, "openai", "openai"), call("anthropic", ASK))
    assert outcome.attempts == 2
    assert b"message_stop" in client.body


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    "steps", [(1000.0,), (chunk("a"), 1000.0)], ids=["before", "in the middle"]
)
@pytest.mark.parametrize("dialect", ["anthropic", "openai_chat"])
async def test_P21_F42_whoever_leaves_frees_the_upstream_and_nobody_else_is_asked(
    dialect, steps, stream, autojump_clock
):
    transport = ScriptedTransport(Script(*steps, **SSE), Script(chunk("b", "stop"), DONE, **SSE))
    with trio.move_on_after(5) as left:
        await asked(gateway(transport, "openai", "openai"), call(dialect, ASK if stream else WHOLE))
    assert left.cancelled_caught
    assert transport.open_replies == 0
    assert len(transport.asked) == 1


async def test_P19_an_upstream_that_streams_unasked_is_aggregated(autojump_clock):
    transport = ScriptedTransport(Script(chunk("Hel"), chunk("lo", "stop"), DONE, **SSE))
    client, _ = await asked(gateway(transport, "openai"), call("anthropic", WHOLE))
    assert json.loads(client.body)["content"][0]["text"] == "Hello"


async def test_P18_an_upstream_that_does_not_stream_is_streamed_by_us(autojump_clock):
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": "hi"},
        "finish_reason": "stop",
    }
    answer = json.dumps({"id": "c", "model": "m", "choices": [choice]}).encode()
    transport = ScriptedTransport(Script(answer, content_type="application/json"))
    client, _ = await asked(gateway(transport, "openai"), call("anthropic", ASK))
    assert b'"text":"hi"' in client.body
    assert b"message_stop" in client.body


async def test_P18_an_error_object_under_status_200_is_an_error(autojump_clock):
    error = b'{"error":{"message":"content management policy","code":"content_filter"}}'
    transport = ScriptedTransport(Script(error, content_type="application/json"))
    with pytest.raises(MuxError):
        await asked(gateway(transport, "openai"), call("anthropic", ASK))


async def test_losses_and_the_provider_are_told_in_headers(autojump_clock):
    transport = ScriptedTransport(Script(chunk("a", "stop"), DONE, **SSE, x_request_id="up-1"))
    body = ASK.replace(b'"stream"', b'"top_k":5,"stream"')
    client, _ = await asked(gateway(transport, "openai"), call("anthropic", body))
    assert client.headers["x-mux-provider"] == "p0"
    assert client.headers["x-mux-model"] == "m"
    assert client.headers["x-mux-upstream-request-id"] == "up-1"
    assert "drop:top_k" in client.headers["x-mux-warnings"]


async def test_P146_no_upstream_header_can_inject_into_ours(autojump_clock):
    transport = ScriptedTransport(
        Script(chunk("a", "stop"), DONE, **SSE, x_request_id="a\r\nset-cookie: x", set_cookie="y")
    )
    client, _ = await asked(gateway(transport, "openai"), call("openai_chat", ASK))
    assert client.headers["x-mux-upstream-request-id"] == "a??set-cookie: x"
    assert "set-cookie" not in client.headers


async def test_an_answer_over_the_limit_is_refused(autojump_clock):
    transport = ScriptedTransport(*(Script(*[b"x" * 600_000] * 3) for _ in range(1)))
    with pytest.raises(MuxError, match="max-response-size"):
        await asked(gateway(transport, "openai"), call("anthropic", WHOLE))
