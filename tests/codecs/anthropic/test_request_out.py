"""Requests from other dialects: fields, sampling, limits, formats, breakpoints."""

from __future__ import annotations

import json

import pytest

from mux.codecs.anthropic import CODEC
from mux.errors import Unsupported
from mux.ir import (
    Abilities,
    Answer,
    CacheHint,
    Finish,
    FormatKind,
    Message,
    Response,
    ResponseFormat,
    Role,
    Sampling,
    SamplingRule,
    StopReason,
    Text,
    Tool,
    Usage,
    Visibility,
)
from mux.ir.request import Reasoning, ReasoningState
from tests.codecs.anthropic.asking import ABLE, asked, assistant, body, native, sent, user


def test_the_order_of_the_fields():
    request = asked(
        user("hi"),
        system=(Text("s"),),
        max_output=4000,
        stop=("END",),
        stream=True,
        sampling=Sampling(temperature=0.5),
        tools=(Tool("f", description="d", schema={"type": "object"}),),
        parallel_tools=False,
        user_id="u",
        service_tier="auto",
    )
    assert body(request) == {
        "model": "claude-x",
        "max_tokens": 4000,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
        "system": [{"type": "text", "text": "s"}],
        "stop_sequences": ["END"],
        "stream": True,
        "temperature": 0.5,
        "tools": [
            {
                "name": "f",
                "description": "d",
                "input_schema": {"type": "object"},
            }
        ],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
        "metadata": {"user_id": "u"},
        "service_tier": "auto",
    }
    assert list(body(request)) == [
        "model",
        "max_tokens",
        "messages",
        "system",
        "stop_sequences",
        "stream",
        "temperature",
        "tools",
        "tool_choice",
        "metadata",
        "service_tier",
    ]


def test_the_path():
    assert CODEC.client.path(asked()) == "/v1/messages"


@pytest.mark.parametrize(
    ("wanted", "most", "sent_limit", "losses"),
    [
        (None, 64000, 64000, []),
        (None, None, 4096, []),
        (100, 64000, 100, []),
        (100, None, 100, []),
        (99999, 64000, 64000, ["degrade:max_output"]),
        (0, 64000, 0, []),
    ],
)
def test_P197_P198_the_limit(wanted, most, sent_limit, losses):
    found = sent(asked(max_output=wanted), Abilities(max_output=most))
    assert (found[0]["max_tokens"], found[1]) == (sent_limit, losses)


def test_P197_older_models_are_asked_for_less_unless_they_are_to_think():
    older = Abilities(max_output=64000, default_output=4096)
    assert body(asked(), older)["max_tokens"] == 4096
    thinking = asked(reasoning=Reasoning(ReasoningState.ON))
    assert body(thinking, older)["max_tokens"] == 64000
    assert body(asked(max_output=9000), older)["max_tokens"] == 9000


def test_a_prompt_cache_is_warmed_without_an_answer():
    """`max_tokens: 0` reaches Anthropic; for all others the gateway answers without asking."""
    request = native(max_tokens=0)
    assert request.max_output == 0
    assert body(request)["max_tokens"] == 0
    warmed = Response(
        answers=(Answer((), Finish(StopReason.LENGTH)),), usage=Usage(input_total=0, output_total=0)
    )
    answer = json.loads(CODEC.server.encode_response(warmed, request))
    assert (answer["content"], answer["stop_reason"]) == ([], "max_tokens")
    assert (answer["usage"]["input_tokens"], answer["usage"]["output_tokens"]) == (0, 0)


def test_P81_nothing_is_filled_in():
    assert set(body(asked())) == {"model", "max_tokens", "messages"}


@pytest.mark.parametrize(
    ("sampling", "abilities", "expected", "losses"),
    [
        (Sampling(temperature=1.5), ABLE, {"temperature": 1.0}, ["degrade:temperature"]),
        (Sampling(temperature=0.0, top_k=5), ABLE, {"temperature": 0.0, "top_k": 5}, []),
        (
            Sampling(temperature=0.3, top_p=0.9),
            Abilities(temperature_xor_top_p=True),
            {"temperature": 0.3},
            ["drop:top_p"],
        ),
        (
            Sampling(temperature=0.3, top_p=0.9, top_k=3),
            Abilities(sampling=SamplingRule.NO),
            {},
            ["drop:temperature", "drop:top_p", "drop:top_k"],
        ),
        (
            Sampling(seed=0, min_p=0.1, presence_penalty=1, frequency_penalty=1, repeat_penalty=2),
            ABLE,
            {},
            [
                "drop:min_p",
                "drop:seed",
                "drop:presence_penalty",
                "drop:frequency_penalty",
                "drop:repeat_penalty",
            ],
        ),
        (Sampling(presence_penalty=0, repeat_penalty=1.0, logit_bias={}), ABLE, {}, []),
        (Sampling(logit_bias={"1": 5}), ABLE, {}, ["drop:logit_bias"]),
    ],
)
def test_P199_P200_P210_P211_sampling(sampling, abilities, expected, losses):
    found, lost = sent(asked(sampling=sampling), abilities)
    kept = {key: found[key] for key in ("temperature", "top_p", "top_k") if key in found}
    assert (kept, lost) == (expected, losses)


@pytest.mark.parametrize(
    ("sampling", "expected", "losses"),
    [
        (Sampling(temperature=1), {"temperature": 1.0}, []),
        (Sampling(temperature=0.2, top_k=3), {}, ["drop:temperature", "drop:top_k"]),
        (Sampling(top_p=0.96), {"top_p": 0.96}, []),
        (Sampling(top_p=0.5), {}, ["drop:top_p"]),
    ],
)
def test_F32_sampling_while_the_model_thinks(sampling, expected, losses):
    found, lost = sent(asked(sampling=sampling, reasoning=Reasoning(ReasoningState.ON)))
    kept = {key: found[key] for key in ("temperature", "top_p", "top_k") if key in found}
    assert (kept, lost) == (expected, losses)


@pytest.mark.parametrize(
    ("stops", "abilities", "expected", "losses"),
    [
        (("a", "b"), ABLE, ["a", "b"], []),
        (("a", "\n\n"), ABLE, ["a"], ["degrade:stop"]),
        (("a", "b"), Abilities(stop_limit=1), ["a"], ["degrade:stop"]),
        (("a",), Abilities(stop=False), None, ["degrade:stop"]),
    ],
)
def test_stop_sequences(stops, abilities, expected, losses):
    found, lost = sent(asked(stop=stops), abilities)
    assert (found.get("stop_sequences"), lost) == (expected, losses)


@pytest.mark.parametrize(
    ("fields", "losses"),
    [
        ({"logprobs": 0}, ["drop:logprobs"]),
        ({"verbosity": "low"}, ["drop:verbosity"]),
        ({"metadata": {"a": "b"}}, ["drop:metadata"]),
        ({"service_tier": "flex"}, ["drop:service_tier"]),
        ({"cache_key": "k"}, []),
        ({"store": True}, []),
        ({"n": 2}, []),
    ],
)
def test_what_has_no_place_here(fields, losses):
    found, lost = sent(asked(**fields))
    assert lost == losses
    assert set(found) == {"model", "max_tokens", "messages"}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"modalities": ("text", "audio")}, "modalities"),
        ({"suffix": "tail"}, "suffix"),
        ({"previous_id": "resp_1"}, "previous_response_id"),
    ],
)
def test_what_would_be_another_answer_is_refused(fields, param):
    with pytest.raises(Unsupported) as caught:
        CODEC.client.encode_request(asked(**fields), ABLE)
    assert caught.value.param == param


def test_users_and_tiers():
    found = body(asked(safety_id="s", service_tier="default"))
    assert found["metadata"] == {"user_id": "s"}
    assert found["service_tier"] == "standard_only"


SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "integer"}},
    "required": ["a"],
    "additionalProperties": False,
}


def test_F27_a_schema_is_native_where_the_model_keeps_it():
    wanted = ResponseFormat(FormatKind.JSON_SCHEMA, "answer", SCHEMA)
    found = body(asked(response_format=wanted))
    assert found["output_config"] == {"format": {"type": "json_schema", "schema": SCHEMA}}
    assert "system" not in found


def test_a_schema_the_api_cannot_say_is_weakened_with_a_warning():
    schema = {**SCHEMA, "properties": {"a": {"type": "integer", "minimum": 3}}}
    wanted = ResponseFormat(FormatKind.JSON_SCHEMA, "answer", schema)
    found, losses = sent(asked(response_format=wanted))
    [field] = found["output_config"]["format"]["schema"]["properties"].values()
    assert "minimum" not in field
    assert losses == ["degrade:response_format"]


@pytest.mark.parametrize(
    ("wanted", "abilities"),
    [
        (ResponseFormat(FormatKind.JSON_OBJECT), ABLE),
        (ResponseFormat(FormatKind.JSON_SCHEMA, schema=SCHEMA), Abilities(structured=False)),
        (
            ResponseFormat(
                FormatKind.JSON_SCHEMA,
                schema={"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]},
            ),
            ABLE,
        ),
    ],
)
def test_formats_are_asked_for_in_words_where_there_is_no_native_one(wanted, abilities):
    found, losses = sent(asked(response_format=wanted, system=(Text("s"),)), abilities)
    assert losses == ["degrade:response_format"]
    assert "output_config" not in found
    first, last = found["system"]
    assert first["text"] == "s"
    assert last["text"].startswith("Answer with a single JSON value only")
    assert wanted.schema is None or json.dumps(wanted.schema, separators=(",", ":")) in last["text"]


def test_a_schema_in_this_dialects_own_words_is_not_touched():
    schema = {"type": "object", "properties": {"a": {"type": "integer", "minimum": 3}}}
    wanted = {"format": {"type": "json_schema", "schema": schema}}
    assert body(native(output_config=wanted))["output_config"] == wanted


def test_own_fields_go_back():
    fields = {
        "cache_control": {"type": "ephemeral"},
        "container": "c-1",
        "speed": "fast",
        "output_config": {"effort": "low", "task_budget": {"type": "tokens", "total": 9}},
        "metadata": {"user_id": "u", "other": 1},
        "service_tier": "standard_only",
    }
    found = body(native(**fields))
    assert {key: found[key] for key in fields} == fields


def test_fields_of_other_dialects_stay_behind():
    request = asked(ext={"openai_chat": {"prediction": {"x": 1}}})
    assert set(body(request)) == {"model", "max_tokens", "messages"}


def marks(found: dict) -> list[str]:
    """Where the breakpoints are."""
    out = [f"tool {tool['name']}" for tool in found.get("tools", []) if "cache_control" in tool]
    out += [f"system {s['text']}" for s in found.get("system", []) if "cache_control" in s]
    for message in found["messages"]:
        out += [f"{m['text']}" for m in message["content"] if "cache_control" in m]
    return out


CACHING = Abilities(auto_cache=True)
TALK = (user("one"), assistant("two"), user("three"), assistant("four"), user("five", "six"))


def test_F39_breakpoints_are_set_where_prompts_stop_changing():
    tools = (Tool("f"), Tool("g"))
    request = asked(*TALK, system=(Text("s1"), Text("s2")), tools=tools)
    found = body(request, CACHING)
    assert marks(found) == ["tool g", "system s2", "three", "six"]
    assert found["system"][1]["cache_control"] == {"type": "ephemeral"}
    assert marks(body(request)) == []


def test_breakpoints_of_a_client_stop_the_automatic_ones():
    hinted = user(Text("a", cache=CacheHint("12h")), "b")
    found = body(asked(hinted), CACHING)
    assert marks(found) == ["a"]
    assert found["messages"][0]["content"][0]["cache_control"] == {
        "type": "ephemeral",
        "ttl": "1h",
    }


def test_P108_only_four_breakpoints_are_sent_and_all_of_one_lifetime():
    hinted = user(*(Text(f"t{n}", cache=CacheHint("1h" if n == 4 else "30m")) for n in range(6)))
    found, losses = sent(asked(hinted), CACHING)
    assert marks(found) == ["t2", "t3", "t4", "t5"]
    assert losses == ["drop:cache_control", "drop:cache_control"]
    ttls = [block.get("cache_control", {}).get("ttl") for block in found["messages"][0]["content"]]
    assert ttls == [None, None, "1h", "1h", "1h", "1h"]


def test_F39_a_client_of_this_dialect_sets_its_own():
    assert marks(body(native(system="s"), CACHING)) == []
    five = [
        {"type": "text", "text": str(n), "cache_control": {"type": "ephemeral", "ttl": "5m"}}
        for n in range(5)
    ]
    assert body(native(system=five), CACHING)["system"] == five


def test_hosts_without_a_cache_get_no_breakpoints():
    request = native(
        cache_control={"type": "ephemeral"},
        system=[{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}],
        tools=[{"type": "bash_1", "name": "bash", "cache_control": {"type": "ephemeral"}}],
    )
    found = body(request, Abilities(cache_control=False))
    assert "cache_control" not in json.dumps(found)
    [tool] = request.tools
    assert "cache_control" in tool.raw, "the request itself is left alone"


def test_the_same_request_gives_the_same_bytes():
    request = asked(*TALK, system=(Text("s"),), tools=(Tool("f"),))
    first = CODEC.client.encode_request(request, CACHING)
    assert CODEC.client.encode_request(request, CACHING) == first


def test_hidden_reasoning_is_no_message():
    request = asked(
        user("hi"), reasoning=Reasoning(ReasoningState.UNSET, visible=Visibility.HIDDEN)
    )
    assert "thinking" not in body(request)


def test_a_request_of_system_texts_alone_gets_a_user():
    request = asked(Message(Role.USER, ()), system=(Text("s"),))
    found, losses = sent(request)
    assert found["messages"] == [{"role": "user", "content": [{"type": "text", "text": "."}]}]
    assert losses == ["degrade:first_turn"]
