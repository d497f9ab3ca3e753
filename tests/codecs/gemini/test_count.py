"""countTokens, both ways."""

from __future__ import annotations

import json

import pytest

from mux.codecs.gemini.count import (
    count_path,
    decode_count,
    decode_count_response,
    encode_count,
    encode_count_request,
)
from mux.errors import InvalidRequest, UpstreamProtocolError
from mux.ir import Abilities, Message, Request, Role, Text, Tool

CONTENTS = [{"role": "user", "parts": [{"text": "hi"}]}]
SAID = (Message(Role.USER, (Text("hi"),)),)


def test_contents_alone():
    request = decode_count(json.dumps({"contents": CONTENTS}).encode(), model="m")
    assert (request.model, request.messages) == ("m", SAID)


@pytest.mark.parametrize("key", ["generateContentRequest", "generate_content_request"])
def test_F40_a_whole_request(key):
    whole = {
        "model": "models/other",
        "contents": CONTENTS,
        "system_instruction": {"parts": [{"text": "S"}]},
        "tools": [{"functionDeclarations": [{"name": "f"}]}],
    }
    request = decode_count(json.dumps({key: whole}).encode(), model="m")
    assert request.model == "m"
    assert request.system == (Text("S"),)
    assert request.tools == (Tool("f"),)
    assert request.messages == SAID


def test_nothing_to_count():
    with pytest.raises(InvalidRequest) as caught:
        decode_count(b'{"generateContentRequest": {}}', model="m")
    assert caught.value.param == "generateContentRequest.contents"


def test_the_answer():
    assert json.loads(encode_count(31)) == {"totalTokens": 31}
    assert decode_count_response(b'{"totalTokens": 31, "totalBillableCharacters": 9}') == 31
    for body in (b"", b"[]", b"{}", b'{"totalTokens": "x"}'):
        with pytest.raises(UpstreamProtocolError):
            decode_count_response(body)


def test_F40_the_whole_of_a_foreign_request_is_counted():
    request = Request(
        "gemini-x", messages=SAID, system=(Text("S"),), tools=(Tool("f"),), origin="anthropic"
    )
    assert count_path(request) == "/v1beta/models/gemini-x:countTokens"
    assert json.loads(encode_count_request(request, Abilities())) == {
        "generateContentRequest": {
            "model": "models/gemini-x",
            "contents": CONTENTS,
            "systemInstruction": {"parts": [{"text": "S"}]},
            "tools": [{"functionDeclarations": [{"name": "f"}]}],
        }
    }
