"""What is remembered of long requests changes no meaning and no byte, and nobody changes it."""

from __future__ import annotations

import itertools

import msgspec
import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from mux.codecs import CODECS
from mux.errors import InvalidRequest, MuxError
from mux.ir import Abilities, Message, Request, Role, Text, ToolCall, ToolResult
from mux.wire import json
from tests.laws.test_prefix import MODELS, REQUESTS, TURNS, conversations

LONG = Message(Role.USER, (Text("long " * 1000),))
"""Makes a request one whose messages are remembered."""


NUMBERS = itertools.count()


def written(dialect: str, request: Request, conversation: list[list[Message]]) -> bytes:
    """`request` with this `conversation` as a client of `dialect` writes it, each time with a
    message that is seen once."""
    said = [message for turn in conversation for message in turn]
    fresh = Message(Role.USER, (Text(f"number {next(NUMBERS)}"),))
    whole = replace(request, messages=(LONG, *said, fresh), origin=dialect)
    return CODECS[dialect].client.encode_request(whole, Abilities()).body


def read(dialect: str, body: bytes) -> Request:
    return CODECS[dialect].server.decode_request(body, model="m")


def text(request: Request) -> bytes:
    return msgspec.json.encode(request)


@pytest.mark.parametrize("dialect", sorted(TURNS))
@settings(max_examples=40, deadline=None)
@given(request=REQUESTS, conversation=conversations())
def test_the_meaning_is_that_of_a_body_which_is_read_as_a_whole(dialect, request, conversation):
    body = written(dialect, request, conversation)
    whole = read(dialect, json.pretty(json.loads(body)).encode())
    for _ in range(2):
        again = read(dialect, body)
        assert again == whole
        assert text(again) == text(whole), "to the order of keys"


@pytest.mark.parametrize("dialect", sorted(TURNS))
@settings(max_examples=30, deadline=None)
@given(request=REQUESTS, conversation=conversations())
def test_a_conversation_that_goes_on_means_what_it_means_as_a_whole(dialect, request, conversation):
    begun: list[list[Message]] = [[LONG], [LONG], [LONG]]
    for turn in conversation:
        begun.append(turn)
        body = written(dialect, request, begun)
        whole = read(dialect, json.pretty(json.loads(body)).encode())
        assert text(read(dialect, body)) == text(whole)


@pytest.mark.parametrize("dialect", sorted(TURNS))
@settings(max_examples=20, deadline=None)
@given(request=REQUESTS, conversation=conversations())
def test_no_encoder_changes_what_is_shared(dialect, request, conversation):
    body = written(dialect, request, conversation)
    decoded = read(dialect, body)
    before = text(decoded)
    sent = [encoded(upstream, decoded) for upstream in sorted(TURNS)]
    assert text(decoded) == before
    assert text(read(dialect, body)) == before
    assert [encoded(upstream, read(dialect, body)) for upstream in sorted(TURNS)] == sent


@pytest.mark.parametrize("dialect", sorted(TURNS))
def test_a_message_that_was_read_before_is_the_same_one(dialect):
    def asked(last: str) -> tuple[Message, ...]:
        said = [LONG]
        for number in range(10):
            call = ToolCall(f"call_{number}", "look", "{}")
            said.append(Message(Role.ASSISTANT, (Text("I look."), call)))
            said.append(Message(Role.TOOL, (ToolResult(call.id, (Text("seen"),), "look"),)))
        said.append(Message(Role.USER, (Text(last),)))
        request = Request("m", tuple(said), origin="none")
        return read(
            dialect, CODECS[dialect].client.encode_request(request, Abilities()).body
        ).messages

    first, second = asked("and now?"), asked("go on")
    assert len(first) == len(second) > 20
    # What was last may have been joined to what came before it.
    assert all(one is other for one, other in zip(first[:-2], second[:-2], strict=True))
    assert first[-1] != second[-1]


def encoded(upstream: str, request: Request) -> list[bytes]:
    out = []
    for abilities in MODELS.values():
        try:
            out.append(CODECS[upstream].client.encode_request(request, abilities).body)
        except MuxError as error:
            out.append(error.message.encode())
    return out


FILLER = "f" * 5000
WRONG = {
    "openai_chat": (
        [{"role": "user", "content": FILLER}, {"role": "nobody", "content": "hi"}],
        "messages[1].role",
    ),
    "anthropic": (
        [{"role": "user", "content": FILLER}, {"role": "user", "content": [{"text": "hi"}]}],
        "messages[1].content[0].type",
    ),
    "ollama": (
        [{"role": "user", "content": FILLER}, {"role": "user", "content": 1}],
        "messages[1].content",
    ),
    "openai_responses": (
        [{"role": "user", "content": FILLER}, {"type": "message", "role": "cook"}],
        "input[1].role",
    ),
    "gemini": (
        [{"parts": [{"text": FILLER}]}, {"role": "cook", "parts": []}],
        "contents[1].role",
    ),
}


@pytest.mark.parametrize("dialect", sorted(TURNS))
def test_a_wrong_message_of_a_long_request_is_named_every_time(dialect):
    messages, path = WRONG[dialect]
    body = json.dumps({"model": "m", TURNS[dialect]: messages})
    for _ in range(2):
        with pytest.raises(InvalidRequest) as caught:
            read(dialect, body)
        assert caught.value.param == path


@pytest.mark.parametrize("dialect", sorted(TURNS))
@pytest.mark.parametrize(
    ("piece", "problem"),
    [
        (b'{"role":"user","role":"user"}', "same key twice"),
        (b'{"role":"user","content":"\xff"}', "not valid JSON"),
        (b'{"role":"user","content":"\xed\xa0\x80"}', "not valid JSON"),
        (b'{"role":"user","content":{"number":1e999}}', "not valid JSON"),
        (b'{"role":"user"', "not valid JSON"),
        (b'{"role":"user"},', "not valid JSON"),
    ],
)
def test_a_long_request_with_broken_json_in_it_is_refused_every_time(dialect, piece, problem):
    good = json.dumps(WRONG[dialect][0][0])
    body = b'{"model":"m","%b":[%b,%b]}' % (TURNS[dialect].encode(), good, piece)
    for _ in range(2):
        with pytest.raises(InvalidRequest, match=problem) as caught:
            read(dialect, body)
        assert caught.value.code == "invalid_json"


@pytest.mark.parametrize("dialect", sorted(TURNS))
@pytest.mark.parametrize("also", [b'"model":"n"', b'"metadata":{"a":1,"a":1}'])
def test_a_key_twice_beside_the_messages_of_a_long_request_is_refused(dialect, also):
    good = json.dumps(WRONG[dialect][0][0])
    body = b'{"model":"m","%b":[%b],%b}' % (TURNS[dialect].encode(), good, also)
    with pytest.raises(InvalidRequest, match="same key twice"):
        read(dialect, body)


def test_the_same_item_at_another_place_is_another_one():
    said = {"role": "assistant", "content": "hi"}
    filler = {"role": "user", "content": FILLER}
    for items in ([filler, said, filler, said], [said, filler, said, filler]):
        body = json.dumps({"model": "m", "input": items})
        whole = read("openai_responses", json.pretty(json.loads(body)).encode())
        assert read("openai_responses", body) == whole
