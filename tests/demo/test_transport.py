"""The demo as an upstream of every dialect, read by that dialect's official SDK."""

from __future__ import annotations

import json
import warnings
from typing import Any
from urllib.parse import urlencode

import pytest
import trio

from mux.codecs import CODECS, Codec
from mux.errors import ErrorKind, UpstreamUnreachable
from mux.ir import (
    Abilities,
    Failure,
    Message,
    Reasoning,
    ReasoningState,
    Request,
    Role,
    StopReason,
    Text,
    Thinking,
    Tool,
    ToolCall,
    Visibility,
    fold,
)
from mux.providers.demo import DIALECTS
from mux.providers.outgoing import Outgoing
from mux.upstream import Reply
from mux.upstream.demo import DemoTransport
from tests import sdk
from tests.conftest import SHARED

ALL = sorted(CODECS)
TALKING = [name for name in ALL if name != "openai_completions"]
WEATHER = Tool(
    "get_weather",
    description="d",
    schema={
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
)
NOW = 1_800_000_000


def outgoing(codec: Codec, said: str, **fields: Any) -> tuple[Outgoing, Request]:
    request = Request(
        "demo-m",
        messages=(Message(Role.USER, (Text(said),)),),
        origin="openai_completions" if codec.name == "openai_completions" else "",
        max_output=5000,
        **fields,
    )
    body = codec.client.encode_request(request, Abilities()).body
    return Outgoing("POST", f"demo://{codec.name}{codec.client.path(request)}", {}, body), request


async def receive(request: Outgoing) -> tuple[int, dict[str, str], bytes]:
    async with DemoTransport(CODECS, lambda: NOW + 0.5).open(request) as reply:
        body = b""
        while piece := await reply.receive_some():
            body += piece
        return reply.status, dict(reply.headers), body


async def ask(dialect: str, said: str, **fields: Any) -> tuple[int, dict[str, str], bytes]:
    return await receive(outgoing(CODECS[dialect], said, **fields)[0])


def seen(dialect: str, body: bytes, *, stream: bool) -> sdk.Seen:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return (sdk.stream if stream else sdk.whole)(dialect, body, variant="chat")


def test_every_model_answers_in_a_dialect_there_is():
    assert DIALECTS["demo"] == "openai_chat"
    assert set(DIALECTS.values()) == set(CODECS)


@pytest.mark.parametrize("dialect", ALL)
@pytest.mark.parametrize("stream", [False, True])
async def test_text(dialect: str, stream: bool):
    status, headers, body = await ask(dialect, "Grüße 🎡", stream=stream)
    assert status == 200
    kind = "json" if not stream else "ndjson" if dialect == "ollama" else "event-stream"
    assert kind in headers["content-type"]
    assert "Grüße 🎡" in seen(dialect, body, stream=stream).text


@pytest.mark.parametrize("dialect", TALKING)
@pytest.mark.parametrize("stream", [False, True])
async def test_calls_and_reasoning(dialect: str, stream: bool):
    reasoning = Reasoning(ReasoningState.ON, visible=Visibility.SUMMARY)
    _, _, body = await ask(
        dialect,
        "Think, then use the get_weather tool.",
        stream=stream,
        tools=(WEATHER,),
        reasoning=reasoning,
    )
    assert seen(dialect, body, stream=stream).calls == [("get_weather", {"city": "city"})]
    client = CODECS[dialect].client
    if stream:
        decoder = client.stream_decoder()
        response = fold([*decoder.feed(body), *decoder.eof()])
    else:
        response = client.decode_response(body)
    thoughts = [part for part in response.parts if isinstance(part, Thinking)]
    assert "".join(part.text for part in thoughts)
    assert response.finish.reason is StopReason.TOOL_CALLS
    assert response.usage is not None
    assert response.usage.input_total
    assert response.usage.output_total
    signed = [
        part for part in response.parts if isinstance(part, Thinking | ToolCall) and part.signature
    ]
    assert bool(signed) is (dialect in ("anthropic", "gemini", "openai_responses"))


async def test_the_time_is_told():
    _, _, body = await ask("ollama", "hello")
    assert json.loads(body)["created_at"] == "2027-01-15T08:00:00Z"


@pytest.mark.parametrize("dialect", ALL)
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, ErrorKind.INVALID_REQUEST),
        (401, ErrorKind.UPSTREAM_AUTH),
        (404, ErrorKind.NOT_FOUND),
        (429, ErrorKind.RATE_LIMIT),
        (500, ErrorKind.SERVER),
        (503, ErrorKind.OVERLOADED),
        (529, ErrorKind.OVERLOADED),
    ],
)
async def test_failures(dialect: str, status: int, kind: ErrorKind):
    got, headers, body = await ask(dialect, f"fail with {status}", stream=True)
    assert got == status
    assert headers["content-type"] == "application/json"
    error = CODECS[dialect].client.decode_error(got, body, headers)
    if (dialect, status) == ("gemini", 500):
        kind = ErrorKind.OVERLOADED  # its bodies say UNAVAILABLE for every failure of an upstream
    assert error.kind is kind
    assert str(status) in error.message
    assert headers.get("retry-after") == ("2" if status == 429 else None)


@pytest.mark.parametrize("dialect", ALL)
async def test_failing_midway(dialect: str):
    status, _, body = await ask(dialect, "please fail midway now", stream=True)
    assert status == 200
    decoder = CODECS[dialect].client.stream_decoder()
    *events, last = [*decoder.feed(body), *decoder.eof()]
    assert isinstance(last, Failure)
    assert "midway" in last.message
    assert events
    status, _, body = await ask(dialect, "please fail midway now")
    assert status == 500


@pytest.mark.parametrize("dialect", ALL)
@pytest.mark.parametrize("stream", [False, True])
async def test_cutting_the_connection(dialect: str, stream: bool):
    request, _ = outgoing(CODECS[dialect], "cut the connection", stream=stream)
    async with DemoTransport(CODECS).open(request) as reply:
        received = [await reply.receive_some()]
        with pytest.raises(UpstreamUnreachable):
            await _rest(reply, received)
        assert all(received)


async def _rest(reply: Reply, received: list[bytes]) -> None:
    while piece := await reply.receive_some():
        received.append(piece)


@pytest.mark.parametrize("dialect", ALL)
async def test_a_bad_request_is_answered_in_the_dialect(dialect: str):
    request, _ = outgoing(CODECS[dialect], "x")
    bad = Outgoing("POST", request.url, {}, b"{]")
    status, headers, body = await receive(bad)
    assert status == 400
    error = CODECS[dialect].client.decode_error(status, body, headers)
    assert error.kind is ErrorKind.INVALID_REQUEST


@pytest.mark.parametrize("stream", [False, True])
async def test_pauses_take_their_time(stream: bool, autojump_clock: trio.testing.MockClock):
    began = trio.current_time()
    _, _, body = await ask("ollama", "stream 30 words at 10 per second", stream=stream)
    assert trio.current_time() - began == pytest.approx(3.0)
    assert seen("ollama", body, stream=stream).text.endswith("word30")


async def test_a_stream_arrives_piece_by_piece(autojump_clock: trio.testing.MockClock):
    request, _ = outgoing(CODECS["ollama"], "count to 3 at 1 per second", stream=True)
    async with DemoTransport(CODECS).open(request) as reply:
        began = trio.current_time()
        for second in (1, 2, 3):
            assert await reply.receive_some()
            assert trio.current_time() - began == pytest.approx(second)


async def test_generate_is_an_endpoint_of_its_own():
    body = json.dumps({"model": "demo-ollama", "prompt": "hello", "stream": False}).encode()
    _, _, answer = await receive(Outgoing("POST", "demo://ollama/api/generate", {}, body))
    assert json.loads(answer)["response"].startswith("You said: hello")


@pytest.mark.parametrize("dialect", [name for name in ALL if CODECS[name].count_client])
async def test_tokens_are_counted(dialect: str):
    codec = CODECS[dialect]
    assert codec.count_client is not None
    _, request = outgoing(codec, "one two three")
    body = codec.count_client.encode_count_request(request, Abilities())
    url = f"demo://{dialect}{codec.count_client.count_path(request)}"
    status, _, answer = await receive(Outgoing("POST", url, {}, body))
    assert status == 200
    assert codec.count_client.decode_count_response(answer) == 3


async def test_a_dialect_it_does_not_speak():
    with pytest.raises(UpstreamUnreachable, match="latin"):
        await receive(Outgoing("POST", "demo://latin/v1", {}, b"{}"))


async def test_a_hyphen_is_as_good_as_an_underscore():
    body = b'{"model":"demo","messages":[{"role":"user","content":"x"}]}'
    for host in ("openai-chat", "openai_chat"):
        url = f"demo://{host}/v1/chat/completions"
        status, _, _ = await receive(Outgoing("POST", url, {}, body))
        assert status == 200


PATHS = {
    "/v1/messages": "anthropic",
    "/v1/chat/completions": "openai_chat",
    "/v1/responses": "openai_responses",
}


@pytest.mark.skipif(not (SHARED / "clients").is_dir(), reason="../shared/clients is not here")
async def test_what_real_programs_send_is_answered():
    """Their prose is filler, so every answer is an echo or quotes the tool results."""
    count = 0
    for path in sorted((SHARED / "clients").glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            sent = json.loads(line)
            dialect = PATHS.get(sent["path"], "gemini" if "/models/" in sent["path"] else "")
            url = f"demo://{dialect}{sent['path']}?{urlencode(sent['query'] or {})}"
            body = json.dumps(sent["body"]).encode()
            status, headers, answer = await receive(Outgoing("POST", url, {}, body))
            assert status == 200, (path.name, sent["case"], answer)
            stream = "event-stream" in headers["content-type"]
            client = CODECS[dialect].client
            if stream:
                decoder = client.stream_decoder()
                response = fold([*decoder.feed(answer), *decoder.eof()])
            else:
                response = client.decode_response(answer)
            said = "".join(part.text for part in response.parts if isinstance(part, Text))
            assert said, (path.name, sent["case"])
            assert not any(isinstance(part, ToolCall) for part in response.parts)
            count += 1
    assert count > 40
