"""What must hold for every dialect, whatever the input."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mux.codecs import CODECS, StreamDecoder
from mux.errors import MuxError
from mux.ir import (
    Abilities,
    Checker,
    Choice,
    Event,
    Failure,
    Finish,
    Refusal,
    Request,
    StopReason,
    Text,
    ToolCall,
    fold,
    unfold,
)
from tests import sdk
from tests.laws import strategies as make

ALL = sorted(CODECS)
STRING_ARGUMENTS = ["openai_chat", "openai_responses", "anthropic"]
"""Dialects that carry tool arguments as text, in streams at least."""

relaxed = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def asked(dialect: str, **fields) -> Request:
    """A request of a client that wants to see everything."""
    from mux.ir import Reasoning, ReasoningState, Visibility

    return Request(
        "m-1",
        stream=True,
        include_usage=True,
        origin=dialect,
        variant="chat" if dialect == "ollama" else "",
        reasoning=Reasoning(ReasoningState.ON, visible=Visibility.FULL),
        **fields,
    )


def encoded(dialect: str, events: list[Event]) -> bytes:
    encoder = CODECS[dialect].server.stream_encoder(asked(dialect))
    return b"".join([encoder.encode(event) for event in events]) + encoder.eof()


def decoded(decoder: StreamDecoder, pieces: list[bytes]) -> list[Event]:
    events = [event for piece in pieces for event in decoder.feed(piece)]
    return events + decoder.eof()


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[a:b] for a, b in pairwise(edges)]


@given(make.responses)
def test_fold_undoes_unfold(response):
    assert fold(unfold(response)) == response


@given(make.streams())
def test_generated_streams_are_legal(events):
    check = Checker()
    for event in events:
        check(event)
    assert check.done


@pytest.mark.parametrize("dialect", ALL)
@relaxed
@given(data=st.data())
def test_any_split_gives_the_same_events(dialect, data):
    stream = encoded(dialect, data.draw(make.streams()))
    places = data.draw(st.lists(st.integers(0, 1 << 20), max_size=12))
    codec = CODECS[dialect].client
    at_once = decoded(codec.stream_decoder(), [stream])
    assert decoded(codec.stream_decoder(), cut(stream, places)) == at_once
    assert (
        decoded(codec.stream_decoder(), [stream[i : i + 1] for i in range(len(stream))]) == at_once
    )


@pytest.mark.parametrize("dialect", ALL)
@relaxed
@given(events=make.streams())
def test_every_encoded_stream_decodes_to_a_legal_stream(dialect, events):
    check = Checker()
    out = decoded(CODECS[dialect].client.stream_decoder(), [encoded(dialect, events)])
    for event in out:
        check(event)
    assert check.done
    failed = isinstance(events[-1], Failure)
    assert isinstance(out[-1], Failure) == failed, "success and failure must not be confused"


@pytest.mark.parametrize("dialect", ALL)
@relaxed
@given(response=make.responses)
def test_text_and_calls_survive_a_stream(dialect, response):
    out = fold(
        decoded(CODECS[dialect].client.stream_decoder(), [encoded(dialect, unfold(response))])
    )
    before, after = summary(response), summary(out)
    assert after[0] == before[0]
    if dialect != "openai_completions":
        assert after[1] == before[1]


def summary(response) -> tuple[str, list]:
    shown = [part.text for part in response.parts if isinstance(part, Text | Refusal)]
    calls = [
        (part.name, json.loads(part.arguments or "{}"))
        for part in response.parts
        if isinstance(part, ToolCall)
    ]
    return squeezed("".join(shown)), calls


def squeezed(text: str) -> str:
    """`text` without white space: dialects with one text put blank lines between blocks."""
    return "".join(text.split())


@pytest.mark.parametrize("dialect", ALL)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(response=make.responses)
def test_the_sdk_reads_every_stream(dialect, response):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        seen = sdk.stream(dialect, encoded(dialect, unfold(response)), variant="chat")
    text, calls = summary(response)
    assert squeezed(seen.text) == text
    if dialect != "openai_completions":
        assert seen.calls == calls


@pytest.mark.parametrize("dialect", ALL)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(response=make.responses)
def test_the_sdk_reads_every_whole_answer(dialect, response):
    body = CODECS[dialect].server.encode_response(response, asked(dialect))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        seen = sdk.whole(dialect, body, variant="chat")
    text, calls = summary(response)
    assert squeezed(seen.text) == text
    if dialect != "openai_completions":
        assert seen.calls == calls


@pytest.mark.parametrize("dialect", ALL)
@relaxed
@given(response=make.responses)
def test_stream_and_whole_answer_say_the_same(dialect, response):
    codec = CODECS[dialect]
    whole = codec.client.decode_response(codec.server.encode_response(response, asked(dialect)))
    streamed = fold(decoded(codec.client.stream_decoder(), [encoded(dialect, unfold(response))]))
    assert summary(streamed)[1] == summary(whole)[1]
    assert streamed.finish.reason == whole.finish.reason


@pytest.mark.parametrize("dialect", ALL)
@relaxed
@given(pieces=st.lists(st.binary(max_size=64), max_size=6))
@example(pieces=[b"data: {}\n\n"])
@example(pieces=[b"data: []\n\ndata: null\n\ndata: 1\n\n"])
@example(pieces=[b"\xff\xfe\n\n"])
@example(pieces=[b'{"error":"boom"}\n'])
@example(pieces=[b"data: [DONE]\n\n"])
@example(pieces=[b"[{}", b",{}", b"]"])
@example(pieces=[b' {"a":[1]}]}x"', b'"y'])
@example(pieces=[b'{"a":"b"}}}\n\ndata:'])
def test_a_decoder_never_raises_always_ends_and_does_not_mind_the_cut(dialect, pieces):
    check = Checker()
    events = decoded(CODECS[dialect].client.stream_decoder(), pieces)
    for event in events:
        check(event)
    assert check.done
    whole = b"".join(pieces)
    for cut in ([whole], [whole[i : i + 1] for i in range(len(whole))]):
        assert decoded(CODECS[dialect].client.stream_decoder(), cut) == events


@pytest.mark.parametrize("dialect", ALL)
@relaxed
@given(data=st.data())
def test_a_damaged_stream_never_raises(dialect, data):
    stream = bytearray(encoded(dialect, data.draw(make.streams())))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, max(0, len(stream) - 1)))
        if stream:
            stream[place] = data.draw(st.integers(0, 255))
    check = Checker()
    for event in decoded(CODECS[dialect].client.stream_decoder(), [bytes(stream)]):
        check(event)
    assert check.done


@pytest.mark.parametrize("dialect", ALL)
@relaxed
@given(data=st.data())
def test_a_cut_stream_is_never_a_success(dialect, data):
    stream = encoded(dialect, unfold(data.draw(make.responses)))
    events = decoded(CODECS[dialect].client.stream_decoder(), [stream])
    assert isinstance(events[-1], Finish)
    half = stream[: data.draw(st.integers(0, len(stream) // 2))]
    last = decoded(CODECS[dialect].client.stream_decoder(), [half])[-1]
    terminal = half.count(b'finish_reason":"') or half.count(b"finishReason")
    assert isinstance(last, Failure) or terminal


@pytest.mark.parametrize("dialect", ALL)
@relaxed
@given(body=st.binary(max_size=80) | make.json_values.map(lambda value: json.dumps(value).encode()))
def test_a_bad_body_is_a_clear_error(dialect, body):
    codec = CODECS[dialect]
    error = raised(lambda: codec.server.decode_request(body, model="m", stream=False))
    if error is not None:
        assert error.status == 400
        assert error.message
        assert json.loads(codec.server.encode_error(error))
    error = raised(lambda: codec.client.decode_response(body))
    assert error is None or error.message
    assert codec.client.decode_error(500, body, {}).status in (400, 401, 404, 429, 503)


def raised(do: Callable[[], object]) -> MuxError | None:
    try:
        do()
    except MuxError as error:
        return error
    return None


@pytest.mark.parametrize("dialect", [name for name in ALL if name != "openai_completions"])
@relaxed
@given(request=make.requests())
def test_requests_round_trip(dialect, request):
    """What all dialects can say comes back from each as it went in."""
    from msgspec.structs import replace

    codec = CODECS[dialect]
    stop = () if dialect == "openai_responses" else request.stop  # has no stop sequences
    request = replace(request, origin=dialect, stop=stop)
    body = codec.client.encode_request(request, Abilities(prefill=True)).body
    again = codec.server.decode_request(body, model="m-1", stream=request.stream)
    assert again.model == request.model
    assert [text.text for text in again.system] == [text.text for text in request.system] or (
        "\n".join(t.text for t in again.system).split()
        == " ".join(t.text for t in request.system).split()
    )
    assert conversation(again) == conversation(request)
    assert [tool.name for tool in again.tools] == [tool.name for tool in request.tools]
    assert [tool.schema for tool in again.tools] == [tool.schema for tool in request.tools]
    assert again.max_output == (request.max_output or again.max_output)
    assert again.stop == request.stop
    assert again.response_format.schema == request.response_format.schema


def conversation(request: Request) -> list:
    out = []
    for message in request.messages:
        for part in message.parts:
            match type(part).__name__:
                case "Text":
                    out.append((message.role, part.text))
                case "ToolCall":
                    out.append(("call", part.name, json.loads(part.arguments)))
                case "ToolResult":
                    out.append(("result", part.text))
                case "Media":
                    out.append(("media", part.data))
    return out


@pytest.mark.parametrize("upstream", STRING_ARGUMENTS)
@pytest.mark.parametrize("client", STRING_ARGUMENTS)
@relaxed
@given(text=make.arguments)
def test_arguments_survive_byte_exactly_between_string_dialects(upstream, client, text):
    from mux.ir import Answer, Response

    spaced = text.replace(":", ": ", 1) if '":' in text else text
    call = ToolCall("call_abcd", "f", spaced)
    response = Response("id_1", "m-1", 1, (Answer((call,), Finish(StopReason.TOOL_CALLS)),))
    for dialect in (upstream, client):
        stream = encoded(dialect, unfold(response))
        response = fold(decoded(CODECS[dialect].client.stream_decoder(), [stream]))
        [part] = [part for part in response.parts if isinstance(part, ToolCall)]
        assert part.arguments == spaced


@pytest.mark.parametrize("dialect", ALL)
def test_an_encoder_that_is_never_finished_ends_in_an_error(dialect):
    from mux.ir import BlockStart, Start, TextDelta

    events = [Start("id", "m", 1), BlockStart(0, Text("")), TextDelta(0, "half")]
    out = decoded(CODECS[dialect].client.stream_decoder(), [encoded(dialect, events)])
    assert isinstance(out[-1], Failure)


@pytest.mark.parametrize("dialect", ALL)
def test_only_the_first_choice_of_a_stream_reaches_dialects_with_one(dialect):
    from mux.ir import Answer, Response

    two = Response(
        "id_1",
        "m-1",
        1,
        (Answer((Text("one"),)), Answer((Text("two"),))),
    )
    events = unfold(two)
    assert any(isinstance(event, Choice) for event in events)
    out = fold(decoded(CODECS[dialect].client.stream_decoder(), [encoded(dialect, events)]))
    assert summary(out)[0] == "one"
