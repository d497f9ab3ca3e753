"""Requests of the completions dialect, both ways, and what other upstreams get of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mux.codecs.openai_completions import CODEC, singles
from mux.errors import InvalidRequest, Unsupported
from mux.ir import (
    Abilities,
    Message,
    ReasoningMode,
    Request,
    Role,
    Sampling,
    Text,
    Tool,
)
from tests import recordings

DIALECT = "openai_completions"


def decode(prompt: Any = "Say hi", **fields: Any) -> Request:
    body = {"model": "m", "prompt": prompt, **fields}
    return CODEC.server.decode_request(json.dumps(body).encode())


def encode(request: Request, abilities: Abilities | None = None) -> dict[str, Any]:
    return json.loads(CODEC.client.encode_request(request, abilities or Abilities()).body)


def test_a_text_is_a_user_message():
    request = decode(
        max_tokens=5,
        temperature=0.5,
        n=2,
        stop=["a", "b"],
        logprobs=3,
        suffix="end",
        user="u",
        seed=1,
        stream=True,
        stream_options={"include_usage": True},
        logit_bias={"50256": -100},
    )
    assert request.messages == (Message(Role.USER, (Text("Say hi"),)),)
    assert (request.max_output, request.n, request.stop) == (5, 2, ("a", "b"))
    assert (request.logprobs, request.suffix, request.user_id) == (3, "end", "u")
    assert request.sampling == Sampling(temperature=0.5, seed=1, logit_bias={"50256": -100})
    assert request.include_usage
    assert request.origin == DIALECT


@pytest.mark.parametrize(
    ("prompt", "batch"),
    [
        ("x", None),
        (["x"], ["x"]),
        (["x", "y"], ["x", "y"]),
        ([1, 2], [[1, 2]]),
        ([[1], [2, 3]], [[1], [2, 3]]),
    ],
)
def test_P237_batches_and_tokens_are_kept(prompt, batch):
    request = decode(prompt)
    assert request.own(DIALECT).get("prompts") == batch
    single = prompt in ("x", ["x"])
    assert len(request.messages) == single
    assert encode(request)["prompt"] == (batch or prompt)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt": 7}, "prompt"),
        ({"prompt": ["a", {}]}, "prompt[1]"),
        ({"prompt": [["a"]]}, "prompt[0][0]"),
        ({"n": 0}, "n"),
        ({"logprobs": True}, "logprobs"),
    ],
)
def test_a_wrong_field_is_named(fields, param):
    with pytest.raises(InvalidRequest) as caught:
        decode(**{"prompt": "x", **fields})
    assert caught.value.param == param


def test_the_promised_limit_holds_for_others_and_is_not_sent_on():
    request = decode()
    assert request.max_output == 16
    assert "max_tokens" not in encode(request)
    assert encode(decode(max_tokens=16))["max_tokens"] == 16
    unlimited = decode(max_tokens=-1)
    assert unlimited.max_output is None
    assert encode(unlimited)["max_tokens"] == -1


def test_a_missing_prompt_is_the_documented_one():
    request = CODEC.server.decode_request(b'{"model":"m","prompt":null}')
    assert request.messages == ()
    assert encode(request)["prompt"] == "<|endoftext|>"


@recordings.needs_corpus
def test_every_recorded_request_comes_back_equal():
    seen = 0
    for exchange in recordings.exchanges(DIALECT):
        body = {key: value for key, value in exchange["request"].items() if value is not None}
        request = CODEC.server.decode_request(json.dumps(body).encode())
        again = encode(request, Abilities(ask_usage=False))
        for key, default in (("stream", False), ("n", 1), ("stop", [])):
            if body.get(key) == default:
                del body[key]
        if isinstance(body.get("stop"), str):
            body["stop"] = [body["stop"]]
        assert again == body, exchange["id"]
        seen += 1
    assert seen == 36


# -- to other upstreams ---------------------------------------------------------------------------


def test_P237_every_prompt_is_a_call_of_its_own():
    found = singles(decode(["a", "b"], n=2, temperature=0.5), Abilities())
    assert [request.messages[0].parts for request in found] == [(Text("a"),), (Text("b"),)]
    assert all(request.n == 2 and request.sampling.temperature == 0.5 for request in found)
    assert all("prompts" not in request.own(DIALECT) for request in found)
    assert singles(decode("a"), Abilities())[0].messages[0].parts == (Text("a"),)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt": [1, 2]}, "prompt"),
        ({"echo": True, "logprobs": 0}, "echo"),
        ({"best_of": 3}, "best_of"),
        ({"prompt": ["x"] * 9, "n": 2}, "prompt"),
    ],
)
def test_what_only_a_completions_upstream_can_do_is_refused(fields, param):
    with pytest.raises(Unsupported) as caught:
        singles(decode(**{"prompt": "x", **fields}), Abilities())
    assert caught.value.param == param


def test_models_that_think_get_room_for_it():
    [request] = singles(decode(max_tokens=16), Abilities(reasoning=ReasoningMode.ALWAYS))
    assert request.max_output == 16 + 8192


# -- from other dialects --------------------------------------------------------------------------


def test_a_bare_prompt_of_ollamas_generate_is_a_completion():
    request = Request(
        "m",
        (Message(Role.USER, (Text("def f("),)),),
        suffix="return x",
        stream=True,
        stop=("\n",),
        sampling=Sampling(top_k=5, temperature=0.0),
        max_output=9,
        origin="ollama",
        variant="generate",
    )
    encoded = CODEC.client.encode_request(request, Abilities())
    assert json.loads(encoded.body) == {
        "model": "m",
        "prompt": "def f(",
        "suffix": "return x",
        "max_tokens": 9,
        "stream": True,
        "stream_options": {"include_usage": True},
        "stop": ["\n"],
        "temperature": 0.0,
    }
    assert [loss.code for loss in encoded.losses] == ["drop:top_k"]
    assert CODEC.client.path(request) == "/completions"


@pytest.mark.parametrize(
    "fields",
    [
        {"origin": "openai_chat"},
        {"origin": "ollama", "variant": "generate", "system": (Text("s"),)},
        {"origin": "ollama", "variant": "generate", "tools": (Tool("f"),)},
    ],
)
def test_a_conversation_is_no_completion(fields):
    request = Request("m", (Message(Role.USER, (Text("x"),)),), **fields)
    with pytest.raises(Unsupported) as caught:
        CODEC.client.encode_request(request, Abilities())
    assert caught.value.param == "model"
