"""Tool names and forms a target accepts, and the way back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mux.codecs._tools import ToolMap, ToolRestorer, ToolRules, adapt, unwrap_text
from mux.errors import Unsupported
from mux.ir import (
    ArgsDelta,
    BlockStart,
    BlockStop,
    ChoiceMode,
    Message,
    Request,
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
    done, tools = adapt(request, ToolRules(**rules), losses)
    return done, tools, [loss.code for loss in losses]


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
