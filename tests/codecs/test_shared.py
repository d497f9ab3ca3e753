"""The small passes all dialects share."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mux.codecs import _arguments, _envelope, _errors, _finish, _ids, _media, _thinking
from mux.codecs._blocks import BlockSequencer
from mux.codecs._server_tools import resolve
from mux.errors import ErrorKind, Unsupported
from mux.ir import (
    Abilities,
    ArgsDelta,
    BlockStart,
    BlockStop,
    Checker,
    Effort,
    Event,
    Finish,
    Request,
    ServerTool,
    Signature,
    Start,
    StopReason,
    Text,
    TextDelta,
    Tool,
    ToolCall,
)
from tests.laws.strategies import PNG, arguments, words


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", {}),
        ("  ", {}),
        ('{"a":1.0}', {"a": 1.0}),
        ('"{\\"a\\":1}"', {"a": 1}),
        ("[1]", {"value": [1]}),
        ("null", {"value": None}),
        ('{"a":"b', {"a": "b"}),
        ('{"a":[{"b":"c\\', {"a": [{"b": "c"}]}),
        ("{bad", {"_invalid_json": "{bad"}),
    ],
)
def test_F16_arguments_become_an_object(text, value):
    assert _arguments.to_object(text) == value


@given(arguments)
def test_arguments_survive_both_ways(text):
    assert _arguments.to_object(text) == json.loads(text)
    assert json.loads(_arguments.to_text(json.loads(text))) == json.loads(text)


def test_integers_over_64_bits_survive():
    text = '{"id":123456789012345678901234567890}'
    assert _arguments.to_text(_arguments.to_object(text)) == text


@given(words, st.sampled_from(["sig", "enc", "redacted"]))
def test_an_envelope_brings_a_signature_back(value, kind):
    signature = Signature("gemini", value, kind, model="g-1", id="rs_1")
    sealed = _envelope.seal(signature, "anthropic")
    assert sealed.startswith("mux1.")
    assert value not in sealed or len(value) < 4
    assert _envelope.unseal(sealed, "anthropic") == signature
    assert _envelope.seal(signature, "gemini") == value


@pytest.mark.parametrize("broken", ["mux1.", "mux1.%%%", "mux1.e30", "mux1.W10", "mux1.eyJwIjoxfQ"])
def test_a_broken_envelope_is_nobodys_signature(broken):
    assert _envelope.unseal(broken, "anthropic") is None


def test_a_bare_value_is_the_clients_own_signature():
    assert _envelope.unseal("abc", "anthropic") == Signature("anthropic", "abc")


@pytest.mark.parametrize("effort", list(Effort))
def test_effort_to_budget_to_effort_is_identity(effort):
    assert _thinking.effort_of(_thinking.BUDGETS[effort]) is effort


def test_P192_efforts_clamp_upwards_else_to_the_highest():
    accepted = (Effort.LOW, Effort.HIGH)
    assert _thinking.clamp(Effort.MINIMAL, accepted) is Effort.LOW
    assert _thinking.clamp(Effort.MEDIUM, accepted) is Effort.HIGH
    assert _thinking.clamp(Effort.MAX, accepted) is Effort.HIGH
    assert _thinking.clamp(Effort.MAX, ()) is Effort.MAX


def test_P40_P41_finish_agrees_with_the_calls():
    stop, tool = Finish(StopReason.STOP), Finish(StopReason.TOOL_CALLS)
    length = Finish(StopReason.LENGTH)
    assert _finish.settle(stop, 1).reason is StopReason.TOOL_CALLS
    assert _finish.settle(tool, 0).reason is StopReason.STOP
    assert _finish.settle(length, 1) is length


@pytest.mark.parametrize(
    ("status", "code", "message", "kind"),
    [
        (
            400,
            "context_length_exceeded",
            "too many tokens: maximum context length",
            "context_length",
        ),
        (400, "", "prompt is too long: 210000 tokens > 200000 maximum", "context_length"),
        (429, "insufficient_quota", "You exceeded your current quota", "quota"),
        (429, "", "slow down", "rate_limit"),
        (401, "", "bad key", "upstream_auth"),
        (400, "", "API_KEY_INVALID", "upstream_auth"),
        (404, "", "no such model", "not_found"),
        (422, "", "bad", "invalid_request"),
        (529, "", "busy", "overloaded"),
        (500, "", "", "server"),
    ],
)
def test_upstream_errors_are_recognised(status, code, message, kind):
    error = _errors.classify(status, message, code=code)
    assert error.kind == ErrorKind(kind)
    assert error.message


def test_P218_every_spelling_of_a_delay():
    read = _errors.retry_after
    assert read({"retry-after-ms": "1500", "retry-after": "9"}) == 1.5
    assert read({"retry-after": "2.5"}) == 2.5
    assert read({"retry-after": "6m0s"}) == 360
    assert read({"retry-after": "soon"}) is None
    assert read({"retry-after": "-1"}) is None
    assert (
        read(
            {
                "retry-after": "Wed, 21 Oct 2026 07:28:10 GMT",
                "date": "Wed, 21 Oct 2026 07:28:00 GMT",
            }
        )
        == 10
    )


@pytest.mark.parametrize(
    ("message", "wait_s"),
    [
        ("Rate limit reached for m. Please try again in 7.66s. Visit https://x.example", 7.66),
        ("Please try again in 1m2.5s.", 62.5),
        ("Please try again in 250ms", 0.25),
        ("Please retry in 34.074824224s.", 34.074824224),
        ("Please retry after 26 seconds. To increase …", 26.0),
        ("Try again in 2 minutes 1 second", 121.0),
        ("retry after 100 milliseconds", 0.1),
        ("Please try again in 1 hour.", 3600.0),
        ("Please try again in 3 moments", None),
        ("Please try again later", None),
        ("Limit 30 s, used 20 s", None),
    ],
)
def test_P218_a_delay_in_words(message, wait_s):
    assert _errors.classify(429, message, headers={}).retry_after_s == wait_s
    assert _errors.classify(400, message, headers={}).retry_after_s is None
    told = _errors.classify(429, message, headers={"retry-after": "3"})
    assert told.retry_after_s == 3, "a header says it better"


DATE = "Wed, 21 Oct 2026 07:28:00 GMT"


@pytest.mark.parametrize(
    ("value", "wait_s"),
    [
        ("45", 45.0),
        ("1m30s", 90.0),
        ("1792567690", 10.0),
        ("1792567690000", 10.0),
        ("1792567000", 0.0),
        ("soon", None),
    ],
)
@pytest.mark.parametrize("name", ["x-ratelimit-reset", "ratelimit-reset"])
def test_P218_when_a_limit_without_a_name_renews_itself(name, value, wait_s):
    headers = {name: value, "date": DATE}
    assert _errors.classify(429, "slow down", headers=headers).retry_after_s == wait_s
    assert _errors.classify(503, "busy", headers=headers).retry_after_s is None


def test_P117_the_bytes_of_a_file_beat_its_label():
    assert _media.true_mime("image/jpeg", PNG) == "image/png"
    assert _media.true_mime("image/jpg", "AAAA") == "image/jpeg"
    assert _media.parse_data_url(f"data:image/png;base64,{PNG}") == ("image/png", PNG)
    assert _media.parse_data_url("https://example.com/x.png") is None


def test_ids_are_stable_and_legal():
    assert _ids.call_id("call_1") == "call_1"
    made = _ids.call_id("a:b", 1)
    assert made == _ids.call_id("a:b", 1) != _ids.call_id("a:b", 2)
    assert _ids.VALID_CALL_ID.match(made)
    assert _ids.response_id("msg_", "msg_01") == "msg_01"
    assert _ids.response_id("msg_", "chatcmpl-1").startswith("msg_")


def test_F05_interleaved_calls_come_out_one_after_another():
    blocks, out, check = BlockSequencer(), list[Event](), Checker()
    blocks.start(0, ToolCall("a", "f"), out)
    blocks.start(1, ToolCall("b", "g"), out)
    for key, text in ((0, '{"x'), (1, '{"y'), (0, '":1}'), (1, '":2}')):
        blocks.put(key, ArgsDelta(max(blocks.index(key), 0), text), out)
    blocks.stop_all(out)
    check(Start())
    for event in out:
        check(event)
    written = {0: "", 1: ""}
    for event in out:
        if isinstance(event, ArgsDelta):
            written[event.index] += event.arguments
    assert written == {0: '{"x":1}', 1: '{"y":2}'}
    assert blocks.calls == 2


def test_text_gives_way_to_whatever_comes_next():
    blocks, out = BlockSequencer(), list[Event]()
    blocks.start("text", Text(""), out)
    blocks.put("text", TextDelta(0, "a"), out)
    blocks.start("call", ToolCall("a", "f"), out)
    assert [type(event) for event in out] == [BlockStart, TextDelta, BlockStop, BlockStart]
    assert blocks.index("text") == -1
    assert blocks.index("call") == 1


def server_tool(kind: str) -> ServerTool:
    return ServerTool(kind, "anthropic", {"type": kind})


def test_P189_server_tools_among_others_are_dropped_with_a_warning():
    losses = []
    request = Request("m", tools=(Tool("f"), server_tool("web_search")))
    assert resolve(request, "openai_chat", set(), Abilities(), losses).tools == (Tool("f"),)
    assert [loss.code for loss in losses] == ["drop:tool.web_search"]


def test_F25_a_server_tool_alone_is_refused_and_a_native_one_kept():
    request = Request("m", tools=(server_tool("web_search"),))
    with pytest.raises(Unsupported):
        resolve(request, "openai_chat", set(), Abilities(), [])
    assert resolve(request, "gemini", {"web_search"}, Abilities(), []) == request
    assert resolve(request, "anthropic", set(), Abilities(), []) == request


def test_P188_client_built_ins_become_functions():
    done = resolve(
        Request("m", tools=(server_tool("bash"),)), "openai_chat", set(), Abilities(), []
    )
    assert done.tools[0].name == "bash"
    assert set(done.tools[0].schema["properties"]) == {"command", "restart"}
