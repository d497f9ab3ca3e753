"""Counting tokens, for clients and by upstreams."""

from __future__ import annotations

import json

import anthropic
import httpx2
import pytest

from mux.codecs.anthropic import CODEC
from mux.errors import InvalidRequest, UpstreamProtocolError
from mux.ir import Effort, Reasoning, ReasoningState, Sampling, Text, Tool
from tests import recordings
from tests.codecs.anthropic.asking import ABLE, asked, native

SERVER, CLIENT = CODEC.count_server, CODEC.count_client
assert SERVER is not None
assert CLIENT is not None


def test_F40_a_count_is_asked_for_like_a_message():
    body = {"model": "m", "system": "s", "messages": [{"role": "user", "content": "hi"}]}
    request = SERVER.decode_count(json.dumps(body).encode())
    assert (request.model, request.system) == ("m", (Text("s"),))
    with pytest.raises(InvalidRequest):
        SERVER.decode_count(b"{}")


def test_the_sdk_reads_the_count():
    client = anthropic.Anthropic(
        api_key="k",
        http_client=httpx2.Client(
            transport=httpx2.MockTransport(
                lambda _: httpx2.Response(
                    200,
                    headers={"content-type": "application/json"},
                    content=SERVER.encode_count(42),
                )
            )
        ),
    )
    assert client.messages.count_tokens(model="m", messages=[]).input_tokens == 42


def test_only_what_counts_is_sent():
    request = asked(
        system=(Text("s"),),
        tools=(Tool("f"),),
        max_output=9000,
        stream=True,
        stop=("a",),
        user_id="u",
        sampling=Sampling(temperature=0.0),
        reasoning=Reasoning(ReasoningState.ON, Effort.LOW),
    )
    found = json.loads(CLIENT.encode_count_request(request, ABLE))
    assert set(found) == {"model", "messages", "system", "tools", "thinking"}
    assert CLIENT.count_path(request) == "/v1/messages/count_tokens"
    own = native(context_management={"edits": []}, speed="fast", container="c")
    found = json.loads(CLIENT.encode_count_request(own, ABLE))
    assert set(found) == {"model", "messages", "context_management", "speed"}


def test_the_upstreams_count():
    assert CLIENT.decode_count_response(b'{"input_tokens":7,"context_management":{}}') == 7


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"input_tokens":"7"}'])
def test_an_answer_without_a_count(body):
    with pytest.raises(UpstreamProtocolError):
        CLIENT.decode_count_response(body)


@recordings.needs_corpus
def test_every_recorded_count():
    found = list(recordings.exchanges("anthropic", kind="count"))
    assert found
    for exchange in found:
        request = SERVER.decode_count(json.dumps(exchange["request"]).encode())
        assert json.loads(CLIENT.encode_count_request(request, ABLE)).keys() == (
            exchange["request"].keys()
        )
        if exchange["status"] == 200:
            assert CLIENT.decode_count_response(recordings.answer(exchange)) > 0
