"""What is on the wire beside the content: frames, heads, lengths, keep-alives; for every pair."""

from __future__ import annotations

import gzip
import json

import pytest

from mux.gateway.headers import STREAM
from tests import sdk
from tests.scenes.fake import Script, ScriptedTransport, asked, call, gateway
from tests.scenes.pieces import DIALECTS, PAIRS, PIECES, ask, data

pair = pytest.mark.parametrize(("client", "upstream"), PAIRS)
_MARKED = {"openai_chat", "openai_completions"}
"""Dialects whose streams end in a marker of their own."""


@pair
async def test_P8_P12_P13_P14_every_dialect_frames_its_stream_in_its_own_way(
    client, upstream, autojump_clock
):
    pieces = PIECES[upstream]
    transport = ScriptedTransport(Script(pieces.text, content_type=pieces.content_type))
    got, _ = await asked(gateway(transport, upstream), ask(client, stream=True))
    if client == "ollama":
        assert [json.loads(line)["done"] for line in got.body.splitlines()].count(True) == 1
        return
    *frames, left = got.body.split(b"\n\n")
    assert left == b""
    assert (frames[-1] == b"data: [DONE]") == (client in _MARKED)
    assert got.body.count(b"[DONE]") == (client in _MARKED)
    for frame in frames[:-1] if client in _MARKED else frames:
        head, _, raw = frame.rpartition(b"data: ")
        assert "\n" not in raw.decode()
        event = json.loads(raw)
        if client in ("anthropic", "openai_responses"):
            assert head == b"event: %b\n" % event["type"].encode()
        else:
            assert head == b"", "data and nothing else"


@pytest.mark.parametrize(
    ("client", "upstream"),
    [
        (client, upstream)
        for client in sorted(_MARKED)
        for upstream in ("anthropic", "ollama", "openai_chat")
        if client != upstream  # or else the bytes are the upstream's own
    ],
)
async def test_P38_usage_reaches_only_the_clients_that_asked(client, upstream, autojump_clock):
    pieces = PIECES[upstream]
    counted = pieces.text
    if upstream == "openai_chat":
        usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
        last = data({"id": "c", "model": "m", "choices": [], "usage": usage}, "[DONE]")
        counted = counted.removesuffix(data("[DONE]")) + last
    for fields in ({}, {"stream_options": {"include_usage": True}}):
        transport = ScriptedTransport(Script(counted, content_type=pieces.content_type))
        got, outcome = await asked(gateway(transport, upstream), ask(client, stream=True, **fields))
        assert outcome.usage is not None
        chunks = [json.loads(frame[6:]) for frame in got.body.split(b"\n\n")[:-2]]
        assert [bool(chunk["choices"]) for chunk in chunks].count(False) == len(fields)
        told = [chunk["usage"]["completion_tokens"] for chunk in chunks if chunk.get("usage")]
        assert told == [2] * len(fields)


@pair
@pytest.mark.parametrize("stream", [True, False])
async def test_P15_P16_P17_heads_are_our_own_in_both_directions(
    client, upstream, stream, autojump_clock
):
    pieces = PIECES[upstream]
    script = Script(
        pieces.text,
        content_type=pieces.content_type,
        content_length="7",
        content_encoding="gzip",
        transfer_encoding="chunked",
        connection="close",
        keep_alive="timeout=1",
        trailer="x",
        set_cookie="a=b",
        alt_svc="h3",
    )
    transport = ScriptedTransport(script)
    asking = ask(client, stream=stream)
    theirs = {
        "accept-encoding": "br, zstd",
        "connection": "keep-alive",
        "content-length": "1",
        "host": "here",
        "authorization": "Bearer theirs",
        "x-api-key": "theirs",
        "cookie": "c=d",
    }
    asking.headers.update(theirs)
    got, _ = await asked(gateway(transport, upstream), asking)
    sent = transport.asked[0].headers
    assert not {"accept-encoding", "connection", "content-length", "host", "cookie"} & sent.keys()
    assert "theirs" not in str(sent)
    ours = {"content-type", "x-mux-provider", "x-mux-model"}
    if stream:
        assert got.headers.keys() == ours | {name for name, _ in STREAM}
        assert got.headers["cache-control"] == "no-cache"
        assert got.headers["x-accel-buffering"] == "no"
    else:
        assert got.headers.keys() == ours | {"content-length"}
        assert got.headers["content-length"] == str(len(got.body))


@pair
async def test_P15_a_piece_is_passed_on_before_the_next_one_comes(client, upstream, autojump_clock):
    pieces = PIECES[upstream]
    steps = pieces.begin + pieces.opened + pieces.texts[0], 1.0, pieces.texts[1], 1.0, pieces.end
    transport = ScriptedTransport(Script(*steps, content_type=pieces.content_type))
    got, _ = await asked(gateway(transport, upstream), ask(client, stream=True))
    (first_s, first), (second_s, second), *_ = got.pieces
    assert b"Hel" in first
    assert b'lo"' in second
    assert second_s - first_s == 1.0


@pytest.mark.parametrize("client", [name for name in DIALECTS if name != "openai_completions"])
@pytest.mark.parametrize("stream", [True, False])
async def test_F04_P40_P154_ollamas_calls_reach_every_client_with_ids_and_a_reason(
    client, stream, autojump_clock
):
    def line(message: object, **fields: object) -> bytes:
        event = {"model": "m", "message": message, "done": False, **fields}
        return json.dumps(event).encode() + b"\n"

    def go(city: str) -> dict[str, object]:
        calls = [{"function": {"index": 0, "name": "go", "arguments": {"city": city}}}]
        return {"role": "assistant", "content": "", "tool_calls": calls}

    end = {"done": True, "done_reason": "stop", "eval_count": 2, "prompt_eval_count": 1}
    silent = {"role": "assistant", "content": ""}
    script = line(go("Wien")) + line(go("Linz")) + line(silent, **end)
    bodies = []
    for _ in range(2):
        transport = ScriptedTransport(Script(script, content_type="application/x-ndjson"))
        got, _ = await asked(gateway(transport, "ollama"), ask(client, stream=stream))
        bodies.append(got.body)
    assert bodies[0] == bodies[1], "the ids are the same each time"
    seen = (sdk.stream if stream else sdk.whole)(client, bodies[0])
    assert seen.calls == [("go", {"city": "Wien"}), ("go", {"city": "Linz"})]
    assert (
        seen.finish
        == {
            "anthropic": "tool_use",
            "gemini": "STOP",
            "ollama": "stop",
            "openai_chat": "tool_calls",
            "openai_responses": "completed",
        }[client]
    )
    if client in ("openai_chat", "anthropic", "openai_responses"):
        assert len(set(_ids(client, seen.raw))) == 2


def _ids(client: str, raw: object) -> list[str]:
    """The ids of the calls an SDK read."""
    read = json.loads(raw.model_dump_json())  # type: ignore[attr-defined]
    match client:
        case "openai_chat":
            return [call["id"] for call in read["choices"][0]["message"]["tool_calls"]]
        case "anthropic":
            return [block["id"] for block in read["content"]]
    return [item["call_id"] for item in read["output"]]


FREE = {"type": "custom", "custom": {"name": "patch", "description": "d"}}
FUNCTION = {"type": "function", "function": {"name": "patch", "parameters": {"type": "object"}}}
WRAPPED = {"input": "*** Begin\nä"}


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("tool", [FREE, FUNCTION], ids=["declared free", "declared a function"])
async def test_P48_a_call_comes_back_as_what_the_chat_client_declared(tool, stream, autojump_clock):
    block = {"type": "tool_use", "id": "toolu_1", "name": "patch", "input": WRAPPED}
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [block],
        "stop_reason": "tool_use",
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }
    transport = ScriptedTransport(
        Script(json.dumps(message).encode(), content_type="application/json")
    )
    asking = ask("openai_chat", stream=stream, tools=[tool], max_tokens=9)
    got, _ = await asked(gateway(transport, "anthropic"), asking)
    [offered] = json.loads(transport.asked[0].body)["tools"]
    assert offered["name"] == "patch"
    assert offered["input_schema"]["type"] == "object"
    if stream and tool is FREE:  # which the SDK's own accumulator cannot read
        chunks = [json.loads(frame[6:]) for frame in got.body.split(b"\n\n")[:-2]]
        deltas = [chunk["choices"][0]["delta"].get("tool_calls", []) for chunk in chunks]
        calls = [call for delta in deltas for call in delta]
        assert calls[0]["type"] == "custom"
        assert "".join(call["custom"]["input"] for call in calls) == WRAPPED["input"]
        return
    seen = (sdk.stream if stream else sdk.whole)("openai_chat", got.body)
    assert seen.calls == [("patch", WRAPPED["input"] if tool is FREE else WRAPPED)]
    kind = seen.raw.choices[0].message.tool_calls[0].type
    assert kind == tool["type"]


async def test_P20_long_whole_answers_are_asked_for_as_streams(autojump_clock):
    for upstream in ("anthropic", "openai_responses"):
        pieces = PIECES[upstream]
        steps = pieces.begin + pieces.opened, 200.0, *pieces.texts, 200.0, pieces.end
        transport = ScriptedTransport(Script(*steps, content_type=pieces.content_type))
        got, _ = await asked(gateway(transport, upstream), ask("openai_chat", stream=False))
        assert json.loads(transport.asked[0].body)["stream"] is True
        assert transport.asked[0].headers["accept"] == "text/event-stream"
        assert sdk.whole("openai_chat", got.body).text == "Hello"


async def test_F15_nothing_of_a_rewritten_bodys_coding_is_passed_on(autojump_clock):
    """The transport has taken the codings off; their names must not outlive them."""
    body = b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'
    answer = b'{"id":"c","model":"m","choices":[{"index":0,"message":{"content":"x"}}]}'
    script = Script(
        answer,
        content_type="application/json",
        content_encoding="gzip",
        content_length=str(len(gzip.compress(answer))),
    )
    got, _ = await asked(gateway(ScriptedTransport(script), "openai"), call("openai_chat", body))
    assert "content-encoding" not in got.headers
    assert got.headers["content-length"] == str(len(answer))
    assert got.body == answer
