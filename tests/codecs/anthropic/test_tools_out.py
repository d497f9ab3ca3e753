"""Tools of other dialects as this one's upstreams take them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mux.codecs.anthropic import CODEC
from mux.errors import Unsupported
from mux.ir import (
    Abilities,
    CacheHint,
    ChoiceMode,
    Message,
    Role,
    ServerTool,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolKind,
    ToolResult,
)
from tests.codecs.anthropic.asking import ABLE, asked, assistant, body, native, sent, user

OBJECT = {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]}
CLOSED = {**OBJECT, "additionalProperties": False}


def offered(*tools: Tool | ServerTool, abilities: Abilities = ABLE, **fields: Any) -> Any:
    found, losses = sent(asked(tools=tools, **fields), abilities)
    return found.get("tools"), found.get("tool_choice"), losses


def test_a_tool():
    tool = Tool("f", description="d", schema=OBJECT, strict=False, cache=CacheHint("1h"))
    assert offered(tool, Tool("g")) == (
        [
            {
                "name": "f",
                "description": "d",
                "input_schema": OBJECT,
                "cache_control": {"type": "ephemeral", "ttl": "1h"},
            },
            {"name": "g", "input_schema": {"type": "object"}},
        ],
        None,
        [],
    )


def test_P182_a_union_at_the_root_is_merged():
    union = {"anyOf": [OBJECT, {"type": "object", "properties": {"n": {"type": "integer"}}}]}
    [tool], _, _ = offered(Tool("f", schema=union))
    assert tool["input_schema"]["type"] == "object"
    assert set(tool["input_schema"]["properties"]) == {"q", "n"}
    assert "anyOf" not in tool["input_schema"]


def test_P180_strict_goes_only_where_it_can_be_kept():
    [tool], _, losses = offered(Tool("f", schema=CLOSED, strict=True))
    assert (tool["strict"], tool["input_schema"], losses) == (True, CLOSED, [])
    weak = {**CLOSED, "properties": {"q": {"type": "string", "maxLength": 3}}}
    [tool], _, losses = offered(Tool("f", schema=weak, strict=True))
    assert ("strict" in tool, tool["input_schema"], losses) == (False, weak, ["degrade:strict"])
    [tool], _, losses = offered(
        Tool("f", schema=CLOSED, strict=True), abilities=Abilities(strict_tools=False)
    )
    assert ("strict" in tool, losses) == (False, ["degrade:strict"])


def test_too_many_strict_tools_or_unions_are_not_strict():
    many = [Tool(f"f{n}", schema=CLOSED, strict=True) for n in range(21)]
    tools, _, losses = offered(*many)
    assert not any("strict" in tool for tool in tools)
    assert set(losses) == {"degrade:strict"}
    union = {"anyOf": [{"type": "string"}, {"type": "null"}]}
    names = [f"p{n}" for n in range(17)]
    wide = {**CLOSED, "properties": dict.fromkeys(names, union), "required": names}
    [tool], _, _ = offered(Tool("f", schema=wide, strict=True))
    assert "strict" not in tool


def test_F21_P172_P173_names_are_repaired_and_the_way_back_is_known():
    odd, long = "mcp.server/tool", "x" * 70
    request = asked(
        user("x"),
        assistant(ToolCall("t1", odd, "{}")),
        Message(Role.TOOL, (ToolResult("t1"),)),
        tools=(Tool(odd), Tool(long), Tool("spawn", namespace="agents")),
        tool_choice=ToolChoice(ChoiceMode.NAMED, (long,)),
    )
    encoded = CODEC.client.encode_request(request, ABLE)
    found = body(request)
    names = [tool["name"] for tool in found["tools"]]
    assert names[0] == "mcp_server_tool"
    assert len(names[1]) == 64
    assert names[2] == "agents__spawn"
    assert found["tool_choice"] == {"type": "tool", "name": names[1]}
    assert found["messages"][1]["content"][0]["name"] == "mcp_server_tool"
    assert {name: encoded.tools.originals[name].name for name in names} == {
        "mcp_server_tool": odd,
        names[1]: long,
        "agents__spawn": "spawn",
    }


def test_a_client_of_this_dialect_may_have_longer_names():
    name = "x" * 100
    request = native(tools=[{"name": name, "input_schema": {"type": "object"}}])
    assert body(request)["tools"][0]["name"] == name


def test_P186_a_tool_of_free_text_becomes_a_function():
    tool = Tool("patch", kind=ToolKind.CUSTOM, description="d", grammar=("lark", "start: x"))
    [found], _, _ = offered(tool)
    assert found["input_schema"]["required"] == ["input"]
    assert "start: x" in found["description"]


def test_duplicates_collapse():
    tools, _, losses = offered(Tool("f"), Tool("f"))
    assert ([tool["name"] for tool in tools], losses) == (["f"], ["drop:duplicate_tool"])


@pytest.mark.parametrize(
    ("choice", "parallel", "expected"),
    [
        (None, None, None),
        (None, True, None),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
        (ToolChoice(ChoiceMode.AUTO), None, {"type": "auto"}),
        (ToolChoice(ChoiceMode.NONE), False, {"type": "none"}),
        (ToolChoice(ChoiceMode.REQUIRED), None, {"type": "any"}),
        (
            ToolChoice(ChoiceMode.NAMED, ("f",)),
            False,
            {"type": "tool", "name": "f", "disable_parallel_tool_use": True},
        ),
    ],
)
def test_F27_tool_choice(choice, parallel, expected):
    _, found, losses = offered(Tool("f"), tool_choice=choice, parallel_tools=parallel)
    assert (found, losses) == (expected, [])


@pytest.mark.parametrize(
    ("mode", "expected"),
    [(ChoiceMode.ALLOWED_AUTO, "auto"), (ChoiceMode.ALLOWED_REQUIRED, "any")],
)
def test_allowed_tools_are_the_only_ones_sent(mode, expected):
    tools, choice, _ = offered(
        Tool("f"), Tool("g"), Tool("h"), tool_choice=ToolChoice(mode, ("f", "h"))
    )
    assert [tool["name"] for tool in tools] == ["f", "h"]
    assert choice == {"type": expected}


def test_F24_P178_P179_a_choice_without_tools():
    request = asked(tool_choice=ToolChoice(ChoiceMode.AUTO), parallel_tools=False)
    assert "tool_choice" not in body(request)
    with pytest.raises(Unsupported):
        sent(asked(tool_choice=ToolChoice(ChoiceMode.REQUIRED)))


def test_P103_models_that_cannot_be_forced_are_told_in_words():
    abilities = Abilities(forced_tool_choice=False)
    request = asked(tools=(Tool("f"), Tool("g")), tool_choice=ToolChoice(ChoiceMode.NAMED, ("g",)))
    found, losses = sent(request, abilities)
    assert [tool["name"] for tool in found["tools"]] == ["g"]
    assert found["tool_choice"] == {"type": "auto"}
    assert found["messages"][-1] == {
        "role": "system",
        "content": [{"type": "text", "text": "You must call the tool g now."}],
    }
    assert losses == ["degrade:tool_choice"]


def test_P177_a_history_with_calls_but_no_tools_gets_stubs():
    request = asked(
        user("x"),
        assistant(ToolCall("t1", "f", "{}"), ToolCall("t2", "f", "{}")),
        Message(Role.TOOL, (ToolResult("t1"), ToolResult("t2"))),
    )
    found = body(request)
    assert found["tools"] == [{"name": "f", "input_schema": {"type": "object"}}]
    assert found["tool_choice"] == {"type": "none"}


SEARCH = {"type": "web_search", "filters": {}}


def test_F25_a_web_search_is_native_here():
    place = {"type": "approximate", "city": "Paris", "region": None, "x": "y"}
    tool = ServerTool(
        "web_search",
        "openai_responses",
        SEARCH,
        allowed_domains=("a.org",),
        blocked_domains=("b.org",),
        max_uses=2,
        user_location=place,
    )
    tools, _, losses = offered(tool)
    assert tools == [
        {
            "type": "web_search_20250305",
            "name": "web_search",
            "max_uses": 2,
            "allowed_domains": ["a.org"],
            "user_location": {"type": "approximate", "city": "Paris"},
        }
    ]
    assert losses == ["drop:blocked_domains"]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("web_fetch", {"type": "web_fetch_20250910", "name": "web_fetch"}),
        ("code_execution", {"type": "code_execution_20250825", "name": "code_execution"}),
    ],
)
def test_F25_other_tools_that_are_native_here(kind, expected):
    assert offered(ServerTool(kind, "gemini", {}))[0] == [expected]


def test_F25_tools_only_their_own_provider_runs():
    files = ServerTool("file_search", "openai_responses", {})
    tools, _, losses = offered(files, Tool("f"))
    assert ([tool["name"] for tool in tools], losses) == (["f"], ["drop:tool.file_search"])
    with pytest.raises(Unsupported, match="file_search"):
        offered(files)


def test_tools_are_deferred_only_where_they_can_be_found():
    search = ServerTool("tool_search", "openai_responses", {"type": "tool_search"})
    deferred = Tool("f", deferred=True)
    tools, _, losses = offered(deferred, Tool("g"), search)
    assert [tool.get("defer_loading") for tool in tools] == [True, None, None]
    assert tools[2]["type"] == "tool_search_tool_bm25_20251119"
    assert losses == []
    [alone], _, _ = offered(deferred)
    assert "defer_loading" not in alone
    tools, _, losses = offered(Tool("g"), search)
    assert ([tool["name"] for tool in tools], losses) == (["g"], ["drop:tool.tool_search"])


def test_built_in_tools_of_a_client_of_this_dialect_go_as_they_are():
    raw = [
        {"type": "bash_20250124", "name": "bash"},
        {"type": "mcp_toolset", "mcp_server_name": "s"},
        {"type": "web_search_20260318", "name": "web_search", "allowed_callers": ["direct"]},
    ]
    assert body(native(tools=raw))["tools"] == raw


def test_P190_fields_of_other_hosts_stay_behind():
    tool = Tool("f", ext={"openai_chat": {"x_extra": True}})
    assert offered(tool)[0] == [{"name": "f", "input_schema": {"type": "object"}}]


def test_system_text_of_a_forced_call_is_no_loss_of_the_prompt():
    request = asked(
        system=(Text("s"),),
        tools=(Tool("f"),),
        tool_choice=ToolChoice(ChoiceMode.REQUIRED),
    )
    found, _ = sent(request, Abilities(forced_tool_choice=False, mid_system=False))
    assert found["system"] == [{"type": "text", "text": "s"}]
    assert "You must call the tool f now." in found["messages"][-1]["content"][-1]["text"]


def test_F21_a_function_named_like_the_native_search_gets_another_name():
    search = ServerTool("web_search", "openai_responses", {"type": "web_search"}, "web_search")
    encoded = CODEC.client.encode_request(asked(tools=(search, Tool("web_search"))), ABLE)
    names = [tool["name"] for tool in json.loads(encoded.body)["tools"]]
    assert names[0] == "web_search" != names[1]
    assert encoded.tools.originals[names[1]].name == "web_search"
