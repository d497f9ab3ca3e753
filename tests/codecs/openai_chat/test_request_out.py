"""The request an upstream is sent: from any dialect, for any host."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mux.codecs import _envelope
from mux.codecs.openai_chat import CODEC
from mux.errors import Unsupported
from mux.ir import (
    Abilities,
    CacheHint,
    ChoiceMode,
    Effort,
    FormatKind,
    Media,
    MediaKind,
    Message,
    Opaque,
    Reasoning,
    ReasoningMode,
    ReasoningState,
    Refusal,
    Request,
    ResponseFormat,
    Role,
    Sampling,
    SamplingRule,
    ServerTool,
    Signature,
    SourceKind,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolKind,
    ToolResult,
)

PNG = "iVBORw0KGgo="
OPENAI = Abilities(
    developer_role=True,
    max_tokens_field="max_completion_tokens",
    custom_tools=True,
    openai_extras=True,
    effort_off=True,
)
HELLO = Message(Role.USER, (Text("hi"),))
SEARCH = ServerTool("web_search", "anthropic", {"type": "web_search_20250305"}, "web_search")
F = Tool("f", description="d", schema={"type": "object", "properties": {}})


def asked(*messages: Message, origin: str = "anthropic", **fields: Any) -> Request:
    return Request("m", messages or (HELLO,), origin=origin, **fields)


def encode(
    request: Request, abilities: Abilities | None = None
) -> tuple[dict[str, Any], list[str]]:
    encoded = CODEC.client.encode_request(request, abilities or Abilities())
    return json.loads(encoded.body), [loss.code for loss in encoded.losses]


def body(*messages: Message, abilities: Abilities | None = None, **fields: Any) -> dict[str, Any]:
    return encode(asked(*messages, **fields), abilities)[0]


def again(raw: dict[str, Any], abilities: Abilities | None = None) -> dict[str, Any]:
    """A chat client's body, decoded and encoded for a host."""
    return encode(CODEC.server.decode_request(json.dumps(raw).encode()), abilities)[0]


def user(*parts: Any) -> Message:
    return Message(Role.USER, parts)


def assistant(*parts: Any) -> Message:
    return Message(Role.ASSISTANT, parts)


def results(*parts: ToolResult) -> Message:
    return Message(Role.TOOL, parts)


def test_the_worked_example_of_the_specification():
    """Translation spec 29.1."""
    out = body(
        HELLO,
        assistant(
            Thinking(("t",), signature=Signature("anthropic", "S")),
            ToolCall("toolu_1", "f", '{"a":1}'),
        ),
        results(ToolResult("toolu_1", (Text("r"),), is_error=True)),
        user(Text("go on")),
        system=(Text("S"),),
        max_output=100,
        abilities=Abilities(max_tokens_field="max_completion_tokens"),
    )
    assert out == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "S"},
            {"role": "user", "content": "hi"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "toolu_1",
                        "type": "function",
                        "function": {"name": "f", "arguments": '{"a":1}'},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "toolu_1", "content": "Error: r"},
            {"role": "user", "content": "go on"},
        ],
        "max_completion_tokens": 100,
    }


def test_fields_stand_in_the_documented_order():
    out = again(
        {
            "temperature": 1,
            "tools": [{"type": "function", "function": {"name": "f"}}],
            "stream": True,
            "max_tokens": 5,
            "messages": [{"role": "user", "content": "x"}],
            "model": "m",
        }
    )
    order = ["model", "messages", "stream", "stream_options", "max_tokens", "temperature", "tools"]
    assert list(out) == order


# -- roles ----------------------------------------------------------------------------------------


def test_F33_P242_system_texts_by_what_the_host_knows():
    later = Message(Role.SYSTEM, (Text("later"),))
    told = body(HELLO, later, system=(Text("a"), Text("b")))["messages"]
    assert [message["role"] for message in told] == ["system", "system", "user", "system"]
    told = body(HELLO, later, system=(Text("a"),), abilities=OPENAI)["messages"]
    assert [message["role"] for message in told] == ["developer", "user", "developer"]


def test_a_host_without_later_system_messages_gets_a_reminder():
    later = Message(Role.SYSTEM, (Text("later"),))
    out, losses = encode(asked(HELLO, later), Abilities(mid_system=False))
    assert out["messages"][-1]["role"] == "user"
    assert "<system-reminder>\nlater" in out["messages"][-1]["content"]
    assert losses == ["degrade:mid_system"]


def test_a_developer_message_of_a_chat_client_stays_one_where_it_can():
    raw = {"model": "m", "messages": [{"role": "developer", "content": "d"}]}
    assert again(raw, OPENAI)["messages"] == [{"role": "developer", "content": "d"}]
    assert again(raw)["messages"] == [{"role": "system", "content": "d"}]


def test_P102_a_prefill_is_dropped_or_refused():
    out, losses = encode(asked(HELLO, assistant(Text("{"))))
    assert [message["role"] for message in out["messages"]] == ["user"]
    assert losses == ["degrade:prefill"]
    with pytest.raises(Unsupported) as caught:
        encode(asked(HELLO, assistant(Text("A long beginning of an answer"))))
    assert caught.value.code == "prefill_unsupported"
    kept = body(HELLO, assistant(Text("not a prefill")), origin="openai_responses")
    assert kept["messages"][-1] == {"role": "assistant", "content": "not a prefill"}


# -- tool results ---------------------------------------------------------------------------------


def test_P174_P175_F26_media_of_results_follow_after_all_of_them():
    picture = Media(MediaKind.IMAGE, SourceKind.BASE64, PNG, "image/png")
    out, losses = encode(
        asked(
            HELLO,
            assistant(ToolCall("a", "f", "{}"), ToolCall("b", "f", "{}")),
            results(
                ToolResult("a", (Text("see"), picture)),
                ToolResult("b", (Text("two"),)),
            ),
        )
    )
    _, calls, first, second, shown = out["messages"]
    assert [call["id"] for call in calls["tool_calls"]] == ["a", "b"]
    assert first == {
        "role": "tool",
        "tool_call_id": "a",
        "content": "see\n[image attached below]",
    }
    assert second["content"] == "two"
    url = f"data:image/png;base64,{PNG}"
    assert shown == {
        "role": "user",
        "content": [{"type": "image_url", "image_url": {"url": url}}],
    }
    assert losses == ["degrade:tool_result_media"]
    out, losses = encode(
        asked(
            HELLO,
            assistant(ToolCall("a", "f", "{}")),
            results(ToolResult("a", (picture,))),
        ),
        Abilities(vision=False),
    )
    assert "image left out" in out["messages"][-1]["content"]
    assert losses == ["drop:image"]


def test_results_follow_the_message_that_made_the_calls():
    told = body(
        HELLO,
        assistant(ToolCall("a", "f", "{}")),
        assistant(ToolCall("b", "f", "{}")),
        results(ToolResult("a", (Text("1"),)), ToolResult("b", (Text("2"),))),
    )["messages"]
    assert [message.get("tool_call_id", message["role"]) for message in told] == [
        "user",
        "assistant",
        "a",
        "assistant",
        "b",
    ]


def test_F17_a_missing_result_is_made_up_and_an_orphan_is_told():
    out, losses = encode(
        asked(
            user(Text("x")),
            assistant(ToolCall("a", "f", "{}")),
            results(ToolResult("zz", (Text("stray"),))),
            user(Text("y")),
        )
    )
    contents = [message["content"] for message in out["messages"]]
    assert "Error: no result" in contents
    assert any("stray" in str(content) for content in contents)
    assert "degrade:missing_tool_result" in losses


# -- reasoning in history -------------------------------------------------------------------------


def test_F31b_P205_reasoning_goes_back_only_where_it_is_wanted():
    turn = assistant(Thinking(("why",)), ToolCall("a", "f", "{}"))
    done = results(ToolResult("a", (Text("1"),)))
    assert "reasoning_content" not in body(HELLO, turn, done)["messages"][1]
    kimi = Abilities(echo_reasoning="reasoning_content")
    assert body(HELLO, turn, done, abilities=kimi)["messages"][1]["reasoning_content"] == "why"
    other = Abilities(echo_reasoning="reasoning")
    assert body(HELLO, turn, done, abilities=other)["messages"][1]["reasoning"] == "why"
    lost = assistant(ToolCall("a", "f", "{}"))
    assert body(HELLO, lost, done, abilities=kimi)["messages"][1]["reasoning_content"] == " "


def test_a_chat_clients_reasoning_comes_back_under_its_own_name():
    for field in ("reasoning", "reasoning_content"):
        raw = {"role": "assistant", "content": "x", field: "why"}
        hello = {"role": "user", "content": "hi"}
        told = again({"model": "m", "messages": [hello, raw, hello]})["messages"]
        assert told[1] == raw


def test_P206_no_foreign_signature_and_no_envelope_reaches_an_upstream():
    sealed = _envelope.seal(Signature("anthropic", "SIG"), "openai_chat")
    raw = {
        "model": "m",
        "messages": [
            {"role": "user", "content": "hi"},
            {
                "role": "assistant",
                "tool_calls": [
                    {
                        "id": "c",
                        "type": "function",
                        "function": {"name": "f", "arguments": "{}"},
                        "extra_content": {"mux": {"sig": sealed}},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "c", "content": "1"},
        ],
    }
    encoded = json.dumps(again(raw))
    assert "mux1." not in encoded
    assert "SIG" not in encoded


def test_reasoning_details_come_back_through_any_client():
    details = [{"type": "reasoning.encrypted", "data": "D", "id": "rs_1", "index": 0}]
    signature = Signature("openai_chat", json.dumps(details))
    turn = assistant(Thinking(("t",), signature=signature), Text("x"))
    told = body(HELLO, turn, HELLO)["messages"][1]
    assert told == {"role": "assistant", "content": "x", "reasoning_details": details}


# -- media ----------------------------------------------------------------------------------------


def test_media_that_chat_knows():
    url = Media(MediaKind.IMAGE, SourceKind.URL, "https://example.com/a.png", detail="low")
    pdf = Media(MediaKind.DOCUMENT, SourceKind.BASE64, "JVBERi0x", "application/pdf")
    note = Media(MediaKind.DOCUMENT, SourceKind.TEXT, "words", "text/plain", filename="n.txt")
    wav = Media(MediaKind.AUDIO, SourceKind.BASE64, "UklGRg==", "audio/wav")
    [told] = body(user(url, pdf, note, wav), abilities=Abilities(audio=True))["messages"]
    assert told["content"] == [
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}},
        {
            "type": "file",
            "file": {
                "file_data": "data:application/pdf;base64,JVBERi0x",
                "filename": "document.pdf",
            },
        },
        {"type": "text", "text": "[file: n.txt]\nwords"},
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
    ]


@pytest.mark.parametrize(
    ("part", "abilities"),
    [
        (Media(MediaKind.IMAGE, SourceKind.BASE64, PNG, "image/png"), Abilities(vision=False)),
        (Media(MediaKind.IMAGE, SourceKind.URL, "https://a.example"), Abilities(image_url=False)),
        (Media(MediaKind.IMAGE, SourceKind.FILE_ID, "file-1"), Abilities()),
        (Media(MediaKind.DOCUMENT, SourceKind.URL, "https://a.example/x.pdf"), Abilities()),
        (Media(MediaKind.DOCUMENT, SourceKind.BASE64, "JVBERi0x"), Abilities(pdf=False)),
        (Media(MediaKind.AUDIO, SourceKind.BASE64, "AA==", "audio/wav"), Abilities()),
        (Media(MediaKind.AUDIO, SourceKind.BASE64, "AA==", "audio/ogg"), Abilities(audio=True)),
        (Media(MediaKind.VIDEO, SourceKind.BASE64, "AA==", "video/mp4"), Abilities(video=True)),
        (Media(MediaKind.IMAGE, SourceKind.BASE64, "PHN2", "image/svg+xml"), Abilities()),
    ],
)
def test_F36_media_that_would_be_lost_is_refused(part, abilities):
    with pytest.raises(Unsupported) as caught:
        body(user(part), abilities=abilities, origin="openai_responses")
    assert caught.value.param == "messages"


def test_cache_breakpoints_only_for_hosts_that_know_them():
    text = Text("long", cache=CacheHint("1h"))
    assert body(user(text))["messages"][0]["content"] == "long"
    told = body(user(text), abilities=Abilities(cache_breakpoints=True))["messages"][0]["content"]
    assert told == [
        {"type": "text", "text": "long", "prompt_cache_breakpoint": {"mode": "explicit"}}
    ]


def test_what_only_its_provider_understands_is_dropped_with_a_word():
    out, losses = encode(asked(user(Text("x"), Opaque("anthropic", {"type": "strange"}))))
    assert out["messages"][0]["content"] == "x"
    assert losses == ["drop:part"]


def test_a_refusal_in_a_users_turn_and_a_turn_of_nothing():
    hologram = Opaque("anthropic", {"type": "hologram"})
    told = body(user(Refusal("no")), user(hologram))["messages"]
    assert told == [{"role": "user", "content": [{"type": "refusal", "refusal": "no"}]}]


def test_a_refusal_of_another_dialects_history_is_text():
    told = body(HELLO, assistant(Refusal("no")), HELLO)["messages"][1]
    assert told == {"role": "assistant", "content": "no"}


# -- tools ----------------------------------------------------------------------------------------


def test_foreign_tools_are_cleaned_and_strict_only_as_far_as_it_holds():
    loose = Tool("loose", schema={"type": "object", "properties": {"a": {}}}, strict=True)
    exact = Tool(
        "exact",
        schema={
            "type": "object",
            "properties": {"a": {"type": "string"}},
            "required": ["a"],
            "additionalProperties": False,
        },
        strict=True,
        examples=({"a": "x"},),
    )
    out, losses = encode(asked(tools=(F, loose, exact)))
    told = [tool["function"] for tool in out["tools"]]
    assert told[0] == {
        "name": "f",
        "description": "d",
        "parameters": {"type": "object", "properties": {}},
    }
    assert "strict" not in told[1]
    assert told[2]["strict"] is True
    assert '{"a":"x"}' in told[2]["description"]
    assert losses == ["drop:strict"]


def test_F22_free_text_tools_are_native_or_wrapped():
    patch = Tool("apply_patch", ToolKind.CUSTOM, grammar=("lark", "start: /.+/"))
    history = (
        HELLO,
        assistant(ToolCall("c", "apply_patch", "*** Begin", ToolKind.CUSTOM)),
        results(ToolResult("c", (Text("ok"),), kind=ToolKind.CUSTOM)),
    )
    out = body(*history, tools=(patch,), origin="openai_responses", abilities=OPENAI)
    assert out["tools"] == [
        {
            "type": "custom",
            "custom": {
                "name": "apply_patch",
                "format": {
                    "type": "grammar",
                    "grammar": {"definition": "start: /.+/", "syntax": "lark"},
                },
            },
        }
    ]
    call = out["messages"][1]["tool_calls"][0]
    assert call == {
        "id": "c",
        "type": "custom",
        "custom": {"name": "apply_patch", "input": "*** Begin"},
    }
    out = body(*history, tools=(patch,), origin="openai_responses")
    function = out["tools"][0]["function"]
    assert "start: /.+/" in function["description"]
    assert function["parameters"]["required"] == ["input"]
    wrapped = out["messages"][1]["tool_calls"][0]["function"]["arguments"]
    assert json.loads(wrapped) == {"input": "*** Begin"}


def test_F21_names_are_repaired_and_can_be_restored():
    tool = Tool("fs.read/file", schema={"type": "object"})
    encoded = CODEC.client.encode_request(asked(tools=(tool,)), Abilities())
    [name] = [tool["function"]["name"] for tool in json.loads(encoded.body)["tools"]]
    assert name == "fs_read_file"
    assert encoded.tools.originals[name].name == "fs.read/file"


def test_F24_P178_P179_no_choice_without_tools():
    out = body(tool_choice=ToolChoice(ChoiceMode.AUTO), parallel_tools=False)
    assert not out.keys() & {"tools", "tool_choice", "parallel_tool_calls"}
    with pytest.raises(Unsupported):
        body(tool_choice=ToolChoice(ChoiceMode.NAMED, ("f",)))


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        (ToolChoice(ChoiceMode.NONE), "none"),
        (ToolChoice(ChoiceMode.REQUIRED), "required"),
        (
            ToolChoice(ChoiceMode.NAMED, ("f",)),
            {"type": "function", "function": {"name": "f"}},
        ),
        (
            ToolChoice(ChoiceMode.ALLOWED_AUTO, ("f",)),
            {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "auto",
                    "tools": [{"type": "function", "function": {"name": "f"}}],
                },
            },
        ),
    ],
)
def test_choices(choice, told):
    own_host = Abilities(custom_tools=True)
    assert body(tools=(F,), tool_choice=choice, abilities=own_host)["tool_choice"] == told


def test_a_forced_free_text_tool_is_named_as_what_it_is_sent_as():
    tool = Tool("p", ToolKind.CUSTOM)
    forced = ToolChoice(ChoiceMode.NAMED, ("p",), ToolKind.CUSTOM)
    wrapped = body(tools=(tool,), tool_choice=forced)
    assert wrapped["tool_choice"] == {"type": "function", "function": {"name": "p"}}
    native = body(tools=(tool,), tool_choice=forced, abilities=OPENAI)
    assert native["tool_choice"] == {"type": "custom", "custom": {"name": "p"}}


def test_P103_a_forced_choice_that_is_refused_becomes_words():
    out, losses = encode(
        asked(tools=(F, Tool("g")), tool_choice=ToolChoice(ChoiceMode.NAMED, ("f",))),
        Abilities(forced_tool_choice=False),
    )
    assert [tool["function"]["name"] for tool in out["tools"]] == ["f"]
    assert out["tool_choice"] == "auto"
    assert out["messages"][-1]["content"] == "You must call the tool f now."
    assert losses == ["degrade:tool_choice"]


def test_F27_parallel_calls():
    assert body(tools=(F,), parallel_tools=False)["parallel_tool_calls"] is False
    out, losses = encode(asked(tools=(F,), parallel_tools=False), Abilities(parallel_tools=False))
    assert "parallel_tool_calls" not in out
    assert losses == ["drop:parallel_tool_calls"]


def test_a_model_without_tools_refuses_them():
    with pytest.raises(Unsupported) as caught:
        body(tools=(F,), abilities=Abilities(tools=False))
    assert caught.value.param == "tools"


def test_F25_P189_a_search_is_native_dropped_or_refused():
    out, losses = encode(asked(tools=(F, SEARCH)))
    assert [tool["function"]["name"] for tool in out["tools"]] == ["f"]
    assert losses == ["drop:tool.web_search"]
    with pytest.raises(Unsupported):
        body(tools=(SEARCH,))
    placed = ServerTool(
        "web_search", "anthropic", {}, user_location={"type": "approximate", "city": "Rome"}
    )
    anywhere = body(tools=(SEARCH,), abilities=Abilities(web_search=True))
    assert anywhere["web_search_options"] == {}
    out = body(tools=(placed,), abilities=Abilities(web_search=True))
    assert out["web_search_options"] == {
        "user_location": {"type": "approximate", "approximate": {"city": "Rome"}}
    }
    assert "tools" not in out


def test_functions_stay_functions_for_a_client_that_speaks_so():
    raw = {
        "model": "m",
        "messages": [
            {"role": "user", "content": "x"},
            {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}},
            {"role": "function", "name": "f", "content": "1"},
        ],
        "functions": [{"name": "f", "parameters": {"type": "object"}}],
        "function_call": "auto",
    }
    out = again(raw)
    assert out["functions"] == raw["functions"]
    assert out["function_call"] == "auto"
    assert out["messages"][1] == {
        "role": "assistant",
        "content": None,
        "function_call": {"name": "f", "arguments": "{}"},
    }
    assert out["messages"][2] == {"role": "function", "name": "f", "content": "1"}


# -- reasoning, sampling, limits ------------------------------------------------------------------


def thinks(**fields: Any) -> Abilities:
    return Abilities(**fields)


@pytest.mark.parametrize(
    ("reasoning", "abilities", "effort", "losses"),
    [
        (Reasoning(), thinks(), None, []),
        (Reasoning(ReasoningState.ON, Effort.XHIGH), thinks(), "xhigh", []),
        (
            Reasoning(ReasoningState.ON, Effort.MAX),
            thinks(efforts=(Effort.LOW, Effort.HIGH)),
            "high",
            ["degrade:reasoning_effort"],
        ),
        (
            Reasoning(ReasoningState.ON, Effort.MINIMAL),
            thinks(efforts=(Effort.LOW, Effort.HIGH)),
            "low",
            ["degrade:reasoning_effort"],
        ),
        (Reasoning(ReasoningState.ON, budget=9000), thinks(), "medium", []),
        (Reasoning(ReasoningState.ON), thinks(reasoning=ReasoningMode.DEFAULT), None, []),
        (Reasoning(ReasoningState.ON), thinks(reasoning=ReasoningMode.OPT_IN), "medium", []),
        (Reasoning(ReasoningState.OFF), thinks(effort_off=True), "none", []),
        (
            Reasoning(ReasoningState.OFF),
            thinks(reasoning=ReasoningMode.ALWAYS, efforts=(Effort.LOW, Effort.HIGH)),
            "low",
            ["degrade:reasoning"],
        ),
        (Reasoning(ReasoningState.OFF), thinks(reasoning=ReasoningMode.OPT_IN), None, []),
        (Reasoning(ReasoningState.OFF), thinks(), None, ["drop:reasoning"]),
        (
            Reasoning(ReasoningState.ON, Effort.HIGH),
            thinks(reasoning=ReasoningMode.NONE),
            None,
            ["drop:reasoning"],
        ),
        (Reasoning(ReasoningState.OFF), thinks(reasoning=ReasoningMode.NONE), None, []),
    ],
)
def test_P192_P193_P194_effort_by_what_the_model_accepts(reasoning, abilities, effort, losses):
    out, found = encode(asked(reasoning=reasoning), abilities)
    assert out.get("reasoning_effort") == effort
    assert found == losses


@pytest.mark.parametrize(
    ("field", "efforts", "reasoning", "expected"),
    [
        ("thinking", (), Reasoning(), {}),
        ("thinking", (), Reasoning(ReasoningState.OFF), {"thinking": {"type": "disabled"}}),
        (
            "thinking",
            (),
            Reasoning(ReasoningState.ON, Effort.MAX),
            {"thinking": {"type": "enabled"}},
        ),
        (
            "thinking",
            (Effort.LOW, Effort.HIGH),
            Reasoning(ReasoningState.ON, budget=9000),
            {"thinking": {"type": "enabled"}, "reasoning_effort": "high"},
        ),
        ("enable_thinking", (), Reasoning(ReasoningState.OFF), {"enable_thinking": False}),
        ("enable_thinking", (), Reasoning(ReasoningState.ON), {"enable_thinking": True}),
    ],
)
def test_hosts_with_a_switch_for_thinking(field, efforts, reasoning, expected):
    abilities = Abilities(thinking_field=field, efforts=efforts)
    out, losses = encode(asked(reasoning=reasoning), abilities)
    assert {key: out[key] for key in out.keys() - {"model", "messages"}} == expected
    assert losses == []


def test_P192_openai_takes_the_highest_effort_over_responses_only():
    highest = Reasoning(ReasoningState.ON, Effort.MAX)
    own = Abilities(openai_extras=True, efforts=(Effort.HIGH, Effort.XHIGH, Effort.MAX))
    out, losses = encode(asked(reasoning=highest), own)
    assert (out["reasoning_effort"], losses) == ("xhigh", ["degrade:reasoning_effort"])
    out, losses = encode(asked(reasoning=highest), Abilities())
    assert (out["reasoning_effort"], losses) == ("max", [])


def test_switches_of_single_hosts_come_back_as_they_were():
    hello = [{"role": "user", "content": "x"}]
    for fields in (
        {"thinking": {"type": "enabled"}, "reasoning_effort": "high"},
        {"enable_thinking": False},
        {"reasoning": {"effort": "low", "exclude": True}},
        {"reasoning_effort": "default"},
        {"reasoning_effort": "none"},
    ):
        out = again({"model": "m", "messages": hello, **fields})
        assert {key: out[key] for key in out.keys() - {"model", "messages"}} == fields


SAMPLING = Sampling(temperature=0.5, top_p=0.9, presence_penalty=0.1, seed=1)


def test_P210_sampling_a_reasoning_model_refuses_is_left_out():
    free = body(sampling=SAMPLING, logprobs=2)
    assert (free["temperature"], free["top_p"], free["seed"]) == (0.5, 0.9, 1)
    assert (free["logprobs"], free["top_logprobs"]) == (True, 2)
    out, losses = encode(asked(sampling=SAMPLING, logprobs=0), Abilities(sampling=SamplingRule.NO))
    assert "temperature" not in out
    assert "logprobs" not in out
    assert losses == [
        "drop:temperature",
        "drop:top_p",
        "drop:presence_penalty",
        "drop:logprobs",
    ]


@pytest.mark.parametrize(
    ("mode", "state", "sent"),
    [
        (ReasoningMode.DEFAULT, ReasoningState.UNSET, False),
        (ReasoningMode.DEFAULT, ReasoningState.OFF, True),
        (ReasoningMode.OPT_IN, ReasoningState.UNSET, True),
        (ReasoningMode.OPT_IN, ReasoningState.ON, False),
    ],
)
def test_sampling_while_reasoning_is_off(mode, state, sent):
    abilities = Abilities(reasoning=mode, effort_off=True, sampling=SamplingRule.WHEN_REASONING_OFF)
    out = body(sampling=SAMPLING, reasoning=Reasoning(state), abilities=abilities)
    assert ("temperature" in out) == sent


def test_P211_what_only_one_tokenizer_or_host_understands_stays_with_it():
    sampling = Sampling(top_k=5, min_p=0.1, repeat_penalty=1.1, logit_bias={"1": 5})
    out, losses = encode(asked(sampling=sampling, origin="ollama"))
    assert out.keys() == {"model", "messages"}
    assert losses == ["drop:top_k", "drop:min_p", "drop:repetition_penalty", "drop:logit_bias"]
    hello = [{"role": "user", "content": "x"}]
    fields = {"top_k": 5, "min_p": 0.1, "repetition_penalty": 1.1, "logit_bias": {"1": 5}}
    out = again({"model": "m", "messages": hello, **fields})
    assert {key: out[key] for key in fields} == fields


def test_P195_P196_P198_the_limit_under_the_hosts_name_and_not_above_it():
    assert body(max_output=5)["max_tokens"] == 5
    out, losses = encode(asked(max_output=500), Abilities(max_output=100))
    assert out["max_tokens"] == 100
    assert losses == ["degrade:max_tokens"]
    assert body(max_output=5, abilities=OPENAI)["max_completion_tokens"] == 5


def test_P201_stops_are_sent_as_far_as_they_are_taken():
    out, losses = encode(asked(stop=("a", "b", "c")), Abilities(stop_limit=2))
    assert out["stop"] == ["a", "b"]
    assert losses == ["degrade:stop"]
    out, losses = encode(asked(stop=("a",)), Abilities(stop=False))
    assert "stop" not in out
    assert losses == ["degrade:stop"]


def test_F38_P238_usage_is_asked_for_in_streams_only():
    assert body(stream=True)["stream_options"] == {"include_usage": True}
    assert "stream_options" not in body()
    assert "stream_options" not in body(stream=True, abilities=Abilities(ask_usage=False))


def test_several_answers():
    assert body(n=3)["n"] == 3
    assert "n" not in body(n=3, abilities=Abilities(n=False))


# -- format and the rest --------------------------------------------------------------------------

SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "integer"}},
    "required": ["a"],
    "additionalProperties": False,
}


def test_schemas_are_strict_where_they_keep_to_the_subset():
    exact = ResponseFormat(FormatKind.JSON_SCHEMA, "my name!", SCHEMA, True)
    assert body(response_format=exact)["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "my_name_", "schema": SCHEMA, "strict": True},
    }
    loose = ResponseFormat(FormatKind.JSON_SCHEMA, schema={"type": "object"}, strict=True)
    out, losses = encode(asked(response_format=loose))
    assert out["response_format"]["json_schema"]["name"] == "response"
    assert out["response_format"]["json_schema"]["strict"] is False
    assert losses == ["degrade:strict"]


def test_json_must_be_mentioned():
    wanted = ResponseFormat(FormatKind.JSON_OBJECT)
    out = body(response_format=wanted)
    assert out["messages"][0] == {"role": "system", "content": "Respond in JSON."}
    told = body(user(Text("Give me JSON")), response_format=wanted)["messages"]
    assert len(told) == 1


def test_a_host_that_cannot_be_bound_to_a_schema_is_asked():
    wanted = ResponseFormat(FormatKind.JSON_SCHEMA, "n", SCHEMA)
    out, losses = encode(asked(response_format=wanted), Abilities(structured=False))
    assert "response_format" not in out
    assert '"a":{"type":"integer"}' in out["messages"][0]["content"]
    assert losses == ["degrade:response_format"]
    out, losses = encode(
        asked(response_format=wanted, tools=(F,)), Abilities(structured_with_tools=False)
    )
    assert "response_format" not in out
    assert losses == ["degrade:response_format"]


def test_fields_of_openais_own_hosts():
    fields: dict[str, Any] = {
        "verbosity": "low",
        "service_tier": "standard_only",
        "cache_key": "k",
        "user_id": "u",
        "safety_id": "s",
        "metadata": {"a": "b"},
    }
    out, losses = encode(asked(**fields))
    assert out.keys() == {"model", "messages"}
    assert losses == ["drop:service_tier", "drop:verbosity", "drop:metadata"]
    out = body(abilities=OPENAI, **fields)
    assert (out["verbosity"], out["service_tier"]) == ("low", "default")
    assert (out["prompt_cache_key"], out["user"], out["safety_identifier"]) == ("k", "u", "s")
    assert "metadata" not in out


def test_what_chat_cannot_do_is_refused():
    for fields in (
        {"suffix": "end"},
        {"modalities": ("text", "audio")},
        {"previous_id": "resp_1"},
    ):
        with pytest.raises(Unsupported):
            body(origin="openai_responses", **fields)
    with pytest.raises(Unsupported):
        encode(Request("m", origin="anthropic"))


def test_the_same_request_gives_the_same_bytes():
    request = asked(HELLO, tools=(F,), sampling=SAMPLING)
    first = CODEC.client.encode_request(request, Abilities()).body
    assert CODEC.client.encode_request(request, Abilities()).body == first
    assert CODEC.client.path(request) == "/chat/completions"
