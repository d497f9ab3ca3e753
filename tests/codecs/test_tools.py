"""Tool names and forms a target accepts, and the way back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mux.codecs._free_text import Unwrapper, unwrap_text
from mux.codecs._tool_names import ToolMap, ToolRules
from mux.codecs._tools import ToolRestorer, adapt
from mux.errors import Unsupported
from mux.ir import (
    Answer,
    ArgsDelta,
    BlockStart,
    BlockStop,
    ChoiceMode,
    Message,
    Request,
    Response,
    Role,
    Tool,
    ToolCall,
    ToolChoice,
    ToolKind,
    ToolResult,
)
from tests.laws.strategies import words

CUSTOM = Tool("apply_patch", ToolKind.CUSTOM, description="Patch.", grammar=("lark", "start: x"))


def adapted(request: Request, **rules) -> tuple[Request, ToolMap, list[str]]:
    losses = []
    done, names = adapt(request, ToolRules(**rules), losses)
    return names.messages(done), names.map, [loss.code for loss in losses]


def test_P172_illegal_characters_are_replaced_and_restored():
    done, tools, _ = adapted(Request("m", tools=(Tool("files/read.v2"),)))
    assert done.tools[0].name == "files_read_v2"
    call = BlockStart(0, ToolCall("c", "files_read_v2"))
    [restored] = ToolRestorer(tools).events([call])
    assert restored.part.name == "files/read.v2"


def test_P173_long_names_that_would_collide_stay_apart():
    names = [f"{'x' * 70}_{end}" for end in "ab"]
    done, tools, _ = adapted(Request("m", tools=tuple(Tool(name) for name in names)))
    wire = [tool.name for tool in done.tools]
    assert len(set(wire)) == 2
    assert all(len(name) <= 64 for name in wire)
    assert [tools.originals[name].name for name in wire] == names


@given(st.lists(words, min_size=1, max_size=6, unique=True))
def test_F21_repaired_names_are_injective_and_legal(names):
    done, tools, _ = adapted(Request("m", tools=tuple(Tool(name) for name in names)))
    wire = [tool.name for tool in done.tools]
    assert len(set(wire)) == len(names)
    for name, original in zip(wire, names, strict=True):
        assert name.replace("_", "").replace("-", "").isalnum() or set(name) <= {"_", "-"}
        assert tools.originals[name].name == original if name in tools.originals else True
        assert name == original or name in tools.originals


def test_P62_namespaces_are_flattened_in_tools_history_and_choice_and_restored():
    request = Request(
        "m",
        (
            Message(Role.ASSISTANT, (ToolCall("c", "search", "{}", namespace="mcp"),)),
            Message(Role.TOOL, (ToolResult("c", name="search"),)),
        ),
        tools=(Tool("search", namespace="mcp"),),
        tool_choice=ToolChoice(ChoiceMode.NAMED, ("search",)),
    )
    done, tools, _ = adapted(request)
    assert done.tools[0].name == "mcp__search"
    assert done.messages[0].parts[0].name == "mcp__search"
    assert done.messages[0].parts[0].namespace == ""
    assert done.messages[1].parts[0].name == "mcp__search"
    assert done.tool_choice.names == ("mcp__search",)
    [restored] = ToolRestorer(tools).events([BlockStart(0, ToolCall("c", "mcp__search"))])
    assert (restored.part.namespace, restored.part.name) == ("mcp", "search")


def test_native_namespaces_stay():
    done, tools, _ = adapted(Request("m", tools=(Tool("s", namespace="a"),)), namespaces=True)
    assert (done.tools[0].namespace, done.tools[0].name) == ("a", "s")
    assert tools.originals == {}


def test_F22_custom_tools_become_functions_that_carry_the_grammar():
    done, _, _ = adapted(Request("m", tools=(CUSTOM,)))
    [tool] = done.tools
    assert tool.kind is ToolKind.FUNCTION
    assert tool.schema["required"] == ["input"]
    assert "start: x" in tool.description


def test_F22_history_of_custom_calls_is_wrapped():
    request = Request(
        "m",
        (Message(Role.ASSISTANT, (ToolCall("c", "apply_patch", "*** a", ToolKind.CUSTOM),)),),
        tools=(CUSTOM,),
    )
    done, _, _ = adapted(request)
    assert done.messages[0].parts[0].arguments == '{"input":"*** a"}'


def test_custom_tools_stay_where_they_are_native():
    done, tools, _ = adapted(Request("m", tools=(CUSTOM,)), custom=True)
    assert done.tools == (CUSTOM,)
    assert tools.originals == {}


@given(words, st.booleans(), st.integers(1, 7))
def test_P61_free_text_is_unwrapped_while_it_streams(text, ascii_only, step):
    _, tools, _ = adapted(Request("m", tools=(CUSTOM,)))
    written = json.dumps({"input": text}, ensure_ascii=ascii_only)
    restorer = ToolRestorer(tools)
    events = [BlockStart(0, ToolCall("c", "apply_patch"))]
    events += [ArgsDelta(0, written[i : i + step]) for i in range(0, len(written), step)]
    out = [made for event in [*events, BlockStop(0)] for made in restorer.events([event])]
    assert out[0].part.kind is ToolKind.CUSTOM
    assert "".join(event.arguments for event in out if isinstance(event, ArgsDelta)) == text


@pytest.mark.parametrize("arguments", ["plain text", '{"other":1}', "[1]", ""])
def test_P61_what_is_not_wrapped_is_passed_on_as_it_is(arguments):
    _, tools, _ = adapted(Request("m", tools=(CUSTOM,)))
    restorer = ToolRestorer(tools)
    out = restorer.events(
        [BlockStart(0, ToolCall("c", "apply_patch")), ArgsDelta(0, arguments), BlockStop(0)]
    )
    assert "".join(e.arguments for e in out if isinstance(e, ArgsDelta)) == arguments
    assert unwrap_text(arguments) == arguments


def test_duplicates_collapse_and_are_reported():
    done, _, losses = adapted(Request("m", tools=(Tool("f"), Tool("f"))))
    assert len(done.tools) == 1
    assert losses == ["drop:duplicate_tool"]


def test_F24_tool_choice_goes_with_the_tools():
    none, _, _ = adapted(Request("m", tool_choice=ToolChoice(ChoiceMode.AUTO)))
    assert none.tool_choice is None
    with pytest.raises(Unsupported):
        adapted(Request("m", tool_choice=ToolChoice(ChoiceMode.REQUIRED)))
    with pytest.raises(Unsupported):
        adapted(Request("m", tools=(Tool("f"),), tool_choice=ToolChoice(ChoiceMode.NAMED, ("g",))))


def test_F21_P173_flattened_names_that_read_the_same_stay_apart():
    tools = (
        Tool("b__c", namespace="a"),
        Tool("c", namespace="a__b"),
        Tool("a__b__c"),
        Tool("a.b.c"),
        Tool("a/b/c"),
        Tool("a_b_c"),
    )
    done, back, _ = adapted(Request("m", tools=tools))
    wire = [tool.name for tool in done.tools]
    assert len(set(wire)) == len(tools)
    assert wire[-1] == "a_b_c"  # what needs no repair keeps its name, wherever it stands
    calls = [BlockStart(0, ToolCall("c", name)) for name in wire]
    parts = [event.part for event in ToolRestorer(back).events(calls)]
    assert [(part.namespace, part.name) for part in parts] == [
        (tool.namespace, tool.name) for tool in tools
    ]


@pytest.mark.parametrize("native", [False, True])
def test_F22_P62_a_tool_and_one_of_a_namespace_may_have_one_name(native):
    tools = (Tool("read", namespace="fs"), Tool("read"))
    done, back, losses = adapted(Request("m", tools=tools), namespaces=native)
    assert losses == []
    wire = [(tool.namespace, tool.name) for tool in done.tools]
    assert wire == ([("fs", "read"), ("", "read")] if native else [("", "fs__read"), ("", "read")])
    [bare] = ToolRestorer(back).events([BlockStart(0, ToolCall("c", "read"))])
    assert (bare.part.namespace, bare.part.name) == ("", "read")


def test_F21_names_of_the_targets_own_tools_are_taken():
    tools = (Tool("web_search"), Tool("f"))
    done, back, _ = adapted(Request("m", tools=tools), reserved=frozenset({"web_search"}))
    assert done.tools[0].name != "web_search"
    assert back.originals[done.tools[0].name].name == "web_search"


def test_P61_native_free_text_under_a_repaired_name_is_not_unwrapped():
    tools = (Tool("apply.patch", ToolKind.CUSTOM),)
    done, back, _ = adapted(Request("m", tools=tools), custom=True)
    text = '{"input":"this is the text itself"}'
    call = ToolCall("c", done.tools[0].name, kind=ToolKind.CUSTOM)
    events = [BlockStart(0, call), ArgsDelta(0, text), BlockStop(0)]
    out = ToolRestorer(back).events(events)
    assert out[0].part.name == "apply.patch"
    assert out[1].arguments == text


LIST = {"type": "array", "items": {"$ref": "#/$defs/n"}, "$defs": {"n": {"type": "integer"}}}


@pytest.mark.parametrize("step", [1, 3, 100])
def test_arguments_that_are_no_object_travel_in_one(step):
    history = Message(Role.ASSISTANT, (ToolCall("c", "sum", "[1, 2]"),))
    request = Request("m", (history,), tools=(Tool("sum", schema=LIST), Tool("f", schema={})))
    done, back, _ = adapted(request)
    assert done.tools[0].schema["type"] == "object"
    assert done.tools[0].schema["properties"]["value"]["items"] == {
        "$ref": "#/properties/value/$defs/n"
    }
    assert done.tools[1].schema == {}
    assert json.loads(done.messages[0].parts[0].arguments) == {"value": [1, 2]}
    restorer, written = ToolRestorer(back), '{"value": [3, 4]}'
    events = [BlockStart(0, ToolCall("c", "sum"))]
    events += [ArgsDelta(0, written[i : i + step]) for i in range(0, len(written), step)]
    out = [made for event in [*events, BlockStop(0)] for made in restorer.events([event])]
    assert "".join(e.arguments for e in out if isinstance(e, ArgsDelta)) == "[3,4]"
    answer = Response(answers=(Answer((ToolCall("c", "sum", written),)),))
    assert ToolRestorer(back).response(answer).parts[0].arguments == "[3,4]"


def test_F24_allowed_tools_of_which_none_is_left():
    allowed = ToolChoice(ChoiceMode.ALLOWED_AUTO, ("gone",))
    done, _, losses = adapted(Request("m", tools=(Tool("f"),), tool_choice=allowed))
    assert done.tool_choice == ToolChoice(ChoiceMode.NONE)
    assert losses == ["drop:tool_choice"]
    required = ToolChoice(ChoiceMode.ALLOWED_REQUIRED, ("gone",))
    with pytest.raises(Unsupported):
        adapted(Request("m", tools=(Tool("f"),), tool_choice=required))


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (r'{"input":"a\ud83dabcdefgh"}', "a\ufffdabcdefgh"),
        (r'{"input":"a\ud83d"}', "a\ufffd"),
        (r'{"input":"\ud83d\ude00x"}', "\U0001f600x"),
        (r'{"input":"\ud83d\u0041x"}', "\ufffdAx"),
        (r'{"input":"\ud83d\nx"}', "\ufffd\nx"),
        (r'{"input":"\u12zzx"}', "\ufffdx"),
        ('{ "input" : "x", "more": 1}', "x"),
        ('{"input":""}', ""),
        ('{"input":"', ""),
        ('{"input":"cut', "cut"),
        (r'{"input":"cut\u00', "cut"),
    ],
)
@pytest.mark.parametrize("step", [1, 5, 100])
def test_P61_free_text_with_broken_escapes_loses_nothing_else(written, text, step):
    unwrapper = Unwrapper()
    pieces = [written[start : start + step] for start in range(0, len(written), step)]
    assert "".join(map(unwrapper.feed, pieces)) + unwrapper.eof() == text
