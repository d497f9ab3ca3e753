"""Single prompts, Ollama's and OpenAI's, at every upstream (translation spec section 27)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mux.codecs import CODECS
from mux.errors import Unsupported
from mux.ir import Abilities, Request, Text
from mux.wire import json as wire_json
from tests import sdk
from tests.pairs.test_usage import COUNTED
from tests.pairs.upstreams import DIALECTS, bodies

CHATS = ["anthropic", "gemini", "openai_chat", "openai_responses"]
RAW = "<|user|>def f(<|assistant|>"


def generate(**fields: Any) -> Request:
    body = json.dumps({"model": "m", **fields}).encode()
    return CODECS["ollama"].server.decode_request(body, variant="generate")


def completion(**fields: Any) -> Request:
    return CODECS["openai_completions"].server.decode_request(
        json.dumps({"model": "m", **fields}).encode()
    )


def sent(request: Request, upstream: str) -> tuple[str, list[str]]:
    encoded = CODECS[upstream].client.encode_request(request, Abilities())
    return wire_json.text(wire_json.loads(encoded.body)), [loss.code for loss in encoded.losses]


@pytest.mark.parametrize("upstream", CHATS)
def test_a_raw_prompt_is_a_users_words_at_a_chat_model_and_that_is_told(upstream):
    body, losses = sent(generate(prompt=RAW, raw=True), upstream)
    assert RAW in body
    assert losses == ["degrade:raw"]


@pytest.mark.parametrize("upstream", ["ollama", "openai_completions"])
def test_a_raw_prompt_stays_raw_where_there_are_no_turns(upstream):
    body, losses = sent(generate(prompt=RAW, raw=True), upstream)
    assert json.loads(body)["prompt"] == RAW
    assert losses == []


@pytest.mark.parametrize("upstream", [*CHATS, "openai_completions"])
def test_a_template_and_a_context_of_ollama_are_left_out_and_told(upstream):
    fields: Any = {"template": "{{ .Prompt }}", "context": [1, 2], "keep_alive": "5m"}
    body, losses = sent(generate(prompt="Hi", **fields), upstream)
    assert losses == ["drop:context", "drop:template"]
    assert not {*fields} & json.loads(body).keys()


@pytest.mark.parametrize("upstream", CHATS)
@pytest.mark.parametrize("ask", [generate, completion], ids=["generate", "completions"])
def test_a_prompt_is_one_user_message(ask, upstream):
    request = ask(prompt="Why?")
    [message] = request.messages
    assert message.parts == (Text("Why?"),)
    assert request.system == ()
    body, _ = sent(request, upstream)
    assert body.count("Why?") == 1


@pytest.mark.parametrize("upstream", CHATS)
@pytest.mark.parametrize("ask", [generate, completion], ids=["generate", "completions"])
def test_a_chat_model_does_not_fill_in(ask, upstream):
    with pytest.raises(Unsupported) as refused:
        sent(ask(prompt="def f(", suffix="return x"), upstream)
    assert refused.value.param == "suffix"


@pytest.mark.parametrize(
    ("ask", "upstream"), [(generate, "openai_completions"), (completion, "ollama")]
)
def test_what_fills_in_is_told_what_comes_after(ask, upstream):
    body = json.loads(sent(ask(prompt="def f(", suffix="return x"), upstream)[0])
    assert (body["prompt"], body["suffix"]) == ("def f(", "return x")


@pytest.mark.parametrize("upstream", DIALECTS)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_P156_every_line_of_a_generate_answer_has_its_response(upstream, stream):
    lines = bodies(upstream, generate(prompt="x", stream=stream), COUNTED[upstream])
    assert all(isinstance(line["response"], str) for line in lines)
    assert "".join(line["response"] for line in lines) == "Hi."
    assert [line["done"] for line in lines] == [False] * (len(lines) - 1) + [True]
    assert lines[-1]["done_reason"] == "stop"
    assert (lines[-1]["prompt_eval_count"], lines[-1]["eval_count"]) == (1000, 200)
    assert not any("context" in line or "message" in line for line in lines)
    judge = sdk.stream if stream else sdk.whole
    written = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    assert judge("ollama", written, variant="generate").text == "Hi."


@pytest.mark.parametrize("upstream", DIALECTS)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_P156_P166_every_line_of_a_chat_answer_has_its_message(upstream, stream):
    body = json.dumps(
        {"model": "m", "messages": [{"role": "user", "content": "x"}], "stream": stream}
    ).encode()
    request = CODECS["ollama"].server.decode_request(body, variant="chat")
    lines = bodies(upstream, request, COUNTED[upstream])
    assert all(line["message"]["role"] == "assistant" for line in lines)
    assert all(isinstance(line["message"]["content"], str) for line in lines)
    assert lines[-1]["done"] is True
    # Nobody measured how long it took: a number here would be made up.
    assert not [key for key in lines[-1] if key.endswith("_duration")]
