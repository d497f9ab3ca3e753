"""Tools on their way from any client to any upstream, and their calls on the way back.

The names and forms an upstream accepts never show: what a client declared is what it hears of,
whole and streamed (translation spec sections 6 and 7).
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from mux.codecs import CODECS, Encoded, ToolRestorer
from mux.errors import Unsupported
from mux.ir import (
    Abilities,
    Answer,
    ArgsDelta,
    ChoiceMode,
    Event,
    Finish,
    Message,
    Request,
    Response,
    Role,
    ServerTool,
    StopReason,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolKind,
    ToolResult,
    fold,
    unfold,
)

CHAT, RESPONSES, ANTHROPIC = "openai_chat", "openai_responses", "anthropic"
GEMINI, OLLAMA = "gemini", "ollama"
ABLE = {
    CHAT: Abilities(),
    RESPONSES: Abilities(),
    ANTHROPIC: Abilities(max_output=100),
    GEMINI: Abilities(),
    OLLAMA: Abilities(),
}
"""Models that can do everything but take free text."""

PATCH = '*** Begin Patch\n+ "quoted" \\ and é 😀\n*** End Patch'
TOOLS = (
    Tool("apply_patch", ToolKind.CUSTOM, description="Patch.", grammar=("lark", "start: line+")),
    Tool("read", namespace="mcp__files", schema={"type": "object"}),
    Tool("read", schema={"type": "object"}),
    Tool("files/read.v2", schema={"type": "object"}),
    Tool("x" * 70 + "_a", schema={"type": "object"}),
    Tool("x" * 70 + "_b", schema={"type": "object"}),
    Tool("edit", ToolKind.CUSTOM, "mcp__files", "Edit."),
)

targets = pytest.mark.parametrize("upstream", ABLE)
pairs = pytest.mark.parametrize(
    ("client", "upstream"), [(a, b) for a in ABLE for b in ABLE if a != b]
)
ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


def asked(client: str = "", *history: Message, **fields: Any) -> Request:
    messages = history or (Message(Role.USER, (Text("hi"),)),)
    return Request("m", messages, origin=client, **fields)


def sent(request: Request, upstream: str, abilities: Abilities | None = None) -> Encoded:
    return CODECS[upstream].client.encode_request(request, abilities or ABLE[upstream])


def body(encoded: Encoded) -> Any:
    return json.loads(encoded.body)


def declared(upstream: str, sent_body: Any) -> list[Any]:
    """The functions an upstream is told of, as (name, the rest)."""
    tools = sent_body.get("tools", [])
    if upstream == GEMINI:
        tools = [entry for tool in tools for entry in tool.get("functionDeclarations", ())]
    return [tool.get("function", tool) for tool in tools]


def replied(upstream: str, encoded: Encoded, *calls: ToolCall, stream: bool) -> list[Event]:
    """The events of an answer that makes `calls`, as the gateway hands them to the client."""
    response = Response("r1", "m", 1, (Answer(calls, Finish(StopReason.TOOL_CALLS)),))
    asks = Request(
        "m", origin=upstream, stream=stream, variant="chat" if upstream == OLLAMA else ""
    )
    server, source = CODECS[upstream].server, CODECS[upstream].client
    restorer = ToolRestorer(encoded.tools)
    if not stream:
        decoded = source.decode_response(server.encode_response(response, asks))
        return unfold(restorer.response(decoded))
    encoder, decoder = server.stream_encoder(asks), source.stream_decoder()
    data = b"".join(encoder.encode(event) for event in unfold(response)) + encoder.eof()
    out: list[Event] = []
    for start in range(0, len(data), 7):
        out += restorer.events(decoder.feed(data[start : start + 7]))
    return out + restorer.events(decoder.eof())


# -- names and forms ------------------------------------------------------------------------------


@targets
@ways
def test_F21_F22_P60_P61_P62_P172_P173_P186_calls_come_back_as_the_client_declared_them(
    upstream, stream
):
    encoded = sent(asked(tools=TOOLS), upstream)
    names = [tool["name"] for tool in declared(upstream, body(encoded))]
    assert len(set(names)) == len(TOOLS)
    assert all(len(name) <= 64 for name in names)
    calls = [
        ToolCall(f"c{number}", name, json.dumps({"input": PATCH}))
        for number, name in enumerate(names)
    ]
    response = fold(replied(upstream, encoded, *calls, stream=stream))
    for tool, call in zip(TOOLS, response.parts, strict=True):
        assert isinstance(call, ToolCall)
        assert (call.name, call.namespace, call.kind) == (tool.name, tool.namespace, tool.kind)
        if tool.kind is ToolKind.CUSTOM:
            assert call.arguments == PATCH
        else:
            assert json.loads(call.arguments) == {"input": PATCH}


@targets
def test_F22_P186_the_grammar_of_free_text_is_told_in_words(upstream):
    [first, *_] = declared(upstream, body(sent(asked(tools=TOOLS), upstream)))
    assert "start: line+" in first["description"]
    assert "lark" in first["description"]


@pytest.mark.parametrize("upstream", [CHAT, ANTHROPIC])
def test_F22_P61_free_text_reaches_a_responses_client_piece_by_piece(upstream):
    encoded = sent(asked(RESPONSES, tools=TOOLS), upstream)
    name = declared(upstream, body(encoded))[0]["name"]
    words = json.dumps({"input": PATCH}, ensure_ascii=True)
    server, source = CODECS[upstream].server, CODECS[upstream].client
    encoder, decoder = server.stream_encoder(asked(upstream)), source.stream_decoder()
    restorer = ToolRestorer(encoded.tools)
    client = CODECS[RESPONSES].server.stream_encoder(asked(RESPONSES, tools=TOOLS, stream=True))
    head, *rest = unfold(Response("r", "m", 1, (Answer((ToolCall("c", name),)),)))
    events = [head, rest[0], *(ArgsDelta(0, letter) for letter in words), *rest[1:]]
    pieces = [*map(encoder.encode, events), encoder.eof()]
    out = b"".join(
        client.encode(restored)
        for piece in pieces
        for restored in restorer.events(decoder.feed(piece))
    )
    frames = [json.loads(line[6:]) for line in out.decode().split("\n") if line[:6] == "data: "]
    deltas = [frame for frame in frames if frame["type"].endswith("custom_tool_call_input.delta")]
    assert len(deltas) == len(PATCH), "a character is passed on as soon as it is known"
    assert "".join(frame["delta"] for frame in deltas) == PATCH
    [done] = [frame for frame in frames if frame["type"].endswith("custom_tool_call_input.done")]
    assert done["input"] == PATCH
    [item] = frames[-1]["response"]["output"]
    assert (item["type"], item["name"], item["input"]) == ("custom_tool_call", "apply_patch", PATCH)


@targets
def test_F21_F22_history_and_choice_use_the_names_and_forms_that_are_declared(upstream):
    calls = [
        ToolCall(f"c{number}", tool.name, PATCH if tool.kind is ToolKind.CUSTOM else "{}",
                 tool.kind, tool.namespace)
        for number, tool in enumerate(TOOLS)
    ]  # fmt: skip
    results = [ToolResult(call.id, (Text("done"),), call.name, kind=call.kind) for call in calls]
    history = (
        Message(Role.USER, (Text("hi"),)),
        Message(Role.ASSISTANT, tuple(calls)),
        Message(Role.TOOL, tuple(results)),
    )
    choice = ToolChoice(ChoiceMode.NAMED, ("files/read.v2",))
    found = body(sent(asked("", *history, tools=TOOLS, tool_choice=choice), upstream))
    names = [tool["name"] for tool in declared(upstream, found)]
    text = json.dumps(found, ensure_ascii=False)
    assert "files/read.v2" not in text
    inner = json.dumps({"input": PATCH}, ensure_ascii=False, separators=(",", ":"))
    objects = upstream in (ANTHROPIC, GEMINI, OLLAMA)
    assert text.count(json.dumps(PATCH, ensure_ascii=False)) == (2 if objects else 0)
    assert text.count(json.dumps(inner, ensure_ascii=False)) == (0 if objects else 2)
    if upstream != OLLAMA:  # which is offered the one tool alone
        assert all(text.count(name) >= 2 for name in names)
        chosen = json.dumps(found.get("tool_choice", found.get("toolConfig")))
        assert names[3] in chosen


@targets
def test_F22_null_and_equal_tools(upstream):
    twice = sent(asked(tools=(Tool("f"), Tool("f"))), upstream)
    assert len(declared(upstream, body(twice))) == 1
    assert "drop:duplicate_tool" in [loss.code for loss in twice.losses]


@pytest.mark.parametrize("client", ABLE)
def test_F22_tools_that_are_null_are_none(client):
    asks: dict[str, Any] = {"model": "m", "max_tokens": 9, "tools": None, "tool_choice": None}
    said = {"role": "user", "content": "hi"}
    asks |= {RESPONSES: {"input": [said]}, GEMINI: {"contents": [{"parts": [{"text": "hi"}]}]}}.get(
        client, {"messages": [said]}
    )
    request = CODECS[client].server.decode_request(json.dumps(asks).encode(), model="m")
    assert (request.tools, request.tool_choice) == ((), None)


# -- arguments ------------------------------------------------------------------------------------


@pairs
@ways
def test_F16_P168_no_arguments_are_an_empty_object(client, upstream, stream):
    encoded = sent(asked(client, tools=(Tool("f"),)), upstream)
    events = replied(upstream, encoded, ToolCall("c", "f", ""), stream=stream)
    asks = asked(client, stream=stream, tools=(Tool("f"),))
    server = CODECS[client].server
    if not stream:
        told = server.encode_response(fold(events), asks)
    else:
        encoder = server.stream_encoder(asks)
        told = b"".join(encoder.encode(event) for event in events) + encoder.eof()
    source = CODECS[client].client
    decoder = source.stream_decoder()
    answer = fold([*decoder.feed(told), *decoder.eof()]) if stream else source.decode_response(told)
    [call] = [part for part in answer.parts if isinstance(part, ToolCall)]
    assert json.loads(call.arguments or "{}") == {}
    if client in (CHAT, RESPONSES):
        assert call.arguments == "{}"


@targets
def test_F16_P168_no_arguments_in_a_history_are_an_empty_object(upstream):
    history = (
        Message(Role.USER, (Text("hi"),)),
        Message(Role.ASSISTANT, (ToolCall("c1", "f", " "),)),
        Message(Role.TOOL, (ToolResult("c1", (Text("ok"),)),)),
    )
    text = sent(asked("", *history, tools=(Tool("f"),)), upstream).body.decode()
    written = {
        CHAT: '"arguments":"{}"',
        RESPONSES: '"arguments":"{}"',
        ANTHROPIC: '"input":{}',
        GEMINI: '"args":{}',
        OLLAMA: '"arguments":{}',
    }
    assert written[upstream] in text


ODD = '{"b": 1.0, "a": 12345678901234567890123, "\\u00e9": "\\/", "n": -0.0, "e": 1e5}'


@pytest.mark.parametrize(("client", "upstream"), [(CHAT, RESPONSES), (RESPONSES, CHAT)])
@ways
def test_P169_arguments_keep_their_text_between_dialects_that_write_text(client, upstream, stream):
    history = (
        Message(Role.USER, (Text("hi"),)),
        Message(Role.ASSISTANT, (ToolCall("c1", "f", ODD),)),
        Message(Role.TOOL, (ToolResult("c1", (Text("ok"),)),)),
    )
    encoded = sent(asked(client, *history, tools=(Tool("f"),)), upstream)
    assert json.dumps(ODD) in encoded.body.decode()
    [call] = fold(replied(upstream, encoded, ToolCall("c", "f", ODD), stream=stream)).parts
    assert isinstance(call, ToolCall)
    assert call.arguments == ODD


@pytest.mark.parametrize("upstream", [ANTHROPIC, GEMINI, OLLAMA])
def test_P169_arguments_keep_their_values_and_order_where_they_become_an_object(upstream):
    history = (
        Message(Role.USER, (Text("hi"),)),
        Message(Role.ASSISTANT, (ToolCall("c1", "f", ODD),)),
        Message(Role.TOOL, (ToolResult("c1", (Text("ok"),)),)),
    )
    text = sent(asked("", *history, tools=(Tool("f"),)), upstream).body.decode()
    assert '{"b":1.0,"a":12345678901234567890123,"é":"/","n":-0.0,"e":100000.0}' in text


@targets
def test_P191_arguments_of_a_history_are_never_held_against_the_schema(upstream):
    strict = {
        "type": "object",
        "properties": {"n": {"type": "integer"}},
        "required": ["n"],
        "additionalProperties": False,
    }
    history = (
        Message(Role.USER, (Text("hi"),)),
        Message(Role.ASSISTANT, (ToolCall("c1", "f", '{"old":"no number"}'),)),
        Message(Role.TOOL, (ToolResult("c1", (Text("ok"),)),)),
    )
    encoded = sent(asked("", *history, tools=(Tool("f", schema=strict),)), upstream)
    assert "no number" in encoded.body.decode()
    assert not encoded.losses


# -- choice ---------------------------------------------------------------------------------------


def choosing(found: Any) -> list[str]:
    """What is said about tools although there are none."""
    words = ("tools", "tool_choice", "parallel_tool_calls", "toolConfig", "functions")
    return [key for key in words if key in found]


@pairs
@pytest.mark.parametrize("mode", [ChoiceMode.AUTO, ChoiceMode.NONE])
def test_F24_P178_P179_nothing_is_said_of_a_choice_without_tools(client, upstream, mode):
    request = asked(client, tool_choice=ToolChoice(mode), parallel_tools=False)
    assert choosing(body(sent(request, upstream))) == []


@pairs
@pytest.mark.parametrize("mode", [ChoiceMode.REQUIRED, ChoiceMode.NAMED])
def test_F24_a_call_that_is_demanded_without_tools_is_refused(client, upstream, mode):
    names = ("f",) if mode is ChoiceMode.NAMED else ()
    with pytest.raises(Unsupported) as caught:
        sent(asked(client, tool_choice=ToolChoice(mode, names)), upstream)
    assert caught.value.param == "tool_choice"


@targets
@pytest.mark.parametrize("forced", [False, True])
@pytest.mark.parametrize("own_host", [False, True])
def test_F24_only_the_allowed_tools_may_be_called(upstream, forced, own_host):
    mode = ChoiceMode.ALLOWED_REQUIRED if forced else ChoiceMode.ALLOWED_AUTO
    tools = (Tool("a.x"), Tool("b"), Tool("c"))
    request = asked(tools=tools, tool_choice=ToolChoice(mode, ("a.x", "b")))
    encoded = sent(request, upstream, Abilities(max_output=100, custom_tools=own_host))
    found = body(encoded)
    names = [tool["name"] for tool in declared(upstream, found)]
    first = "a.x" if upstream == GEMINI else "a_x"
    if upstream == GEMINI or (own_host and upstream in (CHAT, RESPONSES)):
        assert names == [first, "b", "c"], "prompt caches keep what does not change"
        choice = json.dumps(found.get("tool_choice") or found["toolConfig"])
        assert first in choice
        assert '"c"' not in choice
        assert ("ANY" in choice or "required" in choice) is forced
        return
    assert names == [first, "b"]
    told = {
        CHAT: ("auto", "required"),
        RESPONSES: ("auto", "required"),
        ANTHROPIC: ({"type": "auto"}, {"type": "any"}),
        OLLAMA: (None, None),
    }
    assert found.get("tool_choice") == told[upstream][forced]
    degraded = ["degrade:tool_choice"] if upstream == OLLAMA and forced else []
    assert [loss.code for loss in encoded.losses] == degraded


@pytest.mark.parametrize("upstream", [CHAT, OLLAMA])
def test_F24_F25_a_forced_tool_that_cannot_be_sent_is_refused(upstream):
    search = ServerTool("web_search", RESPONSES, {"type": "web_search"}, "web_search")
    forced = ToolChoice(ChoiceMode.NAMED, ("web_search",))
    with pytest.raises(Unsupported, match="web_search"):
        sent(asked(RESPONSES, tools=(search, Tool("f")), tool_choice=forced), upstream)


@pairs
def test_F25_P189_a_search_among_other_tools_never_fails_a_request(client, upstream):
    search = ServerTool("web_search", client, {"type": "web_search"}, "web_search")
    encoded = sent(asked(client, tools=(search, Tool("f"))), upstream)
    assert [tool["name"] for tool in declared(upstream, body(encoded)) if "name" in tool][-1:]
    if upstream in (CHAT, OLLAMA):
        assert "drop:tool.web_search" in [loss.code for loss in encoded.losses]
        with pytest.raises(Unsupported) as caught:
            sent(asked(client, tools=(search,)), upstream)
        assert caught.value.code == "server_tool_unsupported"
        assert "web_search" in str(caught.value)


@pairs
def test_F25_a_computer_is_never_taken_away_in_silence(client, upstream):
    computer = ServerTool("computer", client, {"type": "computer_20250124"}, "computer")
    with pytest.raises(Unsupported) as caught:
        sent(asked(client, tools=(computer, Tool("f"))), upstream)
    assert caught.value.code == "server_tool_unsupported"


@pytest.mark.parametrize("upstream", ABLE)
def test_what_is_said_of_a_namespace_is_told_once_where_there_are_none(upstream):
    said = "Agents work on their own."
    tools = [{"type": "function", "name": name, "parameters": LOOSE} for name in ("a", "b")]
    spaces = {"type": "namespace", "name": "agents", "description": said, "tools": tools}
    asks = {"model": "m", "input": "hi", "tools": [spaces]}
    request = CODECS[RESPONSES].server.decode_request(json.dumps(asks).encode())
    if upstream == RESPONSES:
        assert body(sent(request, upstream))["tools"] == [spaces]
        return
    told = declared(upstream, body(sent(request, upstream)))
    assert [tool["name"] for tool in told] == ["agents__a", "agents__b"]
    assert [said in tool.get("description", "") for tool in told] == [True, False]


@pairs
@pytest.mark.parametrize("kind", ["computer", "file_search"])
def test_F25_where_the_configuration_says_so_it_is_left_out_and_told_of(client, upstream, kind):
    known = ServerTool(kind, client, {"type": kind}, kind)
    lenient = replace(ABLE[upstream], drop_server_tools=True)
    for others in ((), (Tool("f"),)):
        encoded = sent(asked(client, tools=(known, *others)), upstream, lenient)
        assert f"drop:tool.{kind}" in [loss.code for loss in encoded.losses]
        assert kind not in encoded.body.decode()
    demanded = ToolChoice(ChoiceMode.NAMED, (kind,))
    with pytest.raises(Unsupported):
        sent(asked(client, tools=(known, Tool("f")), tool_choice=demanded), upstream, lenient)


@pytest.mark.parametrize("upstream", [CHAT, RESPONSES])
def test_more_tools_than_openai_takes_are_refused_and_not_cut(upstream):
    many = asked(ANTHROPIC, tools=tuple(Tool(f"t{number}") for number in range(129)))
    with pytest.raises(Unsupported, match="at most 128 tools") as caught:
        sent(many, upstream, Abilities(custom_tools=True))
    assert caught.value.param == "tools"
    assert len(declared(upstream, body(sent(many, upstream)))) == 129, "others may take more"


# -- strictness and fields of one host ------------------------------------------------------------

LOOSE = {"type": "object", "properties": {"a": {"type": "string"}}}


@pairs
@pytest.mark.parametrize("strict", [None, False])
def test_P180_P181_strict_is_never_asked_for_where_the_client_did_not(client, upstream, strict):
    tool = Tool("f", schema=LOOSE, strict=strict)
    [told] = declared(upstream, body(sent(asked(client, tools=(tool,)), upstream)))
    assert told.get("strict") is (False if upstream == RESPONSES else None)
    assert "VALIDATED" not in sent(asked(client, tools=(tool,)), upstream).body.decode()


@pairs
def test_P190_no_field_of_one_host_reaches_another(client, upstream):
    kept = {"eager_input_streaming": True, "allowed_callers": ["direct"], "x-own": 1}
    tool = Tool("f", schema=LOOSE, deferred=True, examples=({"a": "x"},), ext={client: dict(kept)})
    found = body(sent(asked(client, tools=(tool,)), upstream))
    [told] = declared(upstream, found)
    allowed = {
        CHAT: {"name", "description", "parameters"},
        RESPONSES: {"type", "name", "description", "parameters", "strict"},
        ANTHROPIC: {"name", "input_schema", "input_examples"},
        GEMINI: {"name", "description", "parametersJsonSchema"},
        OLLAMA: {"name", "description", "parameters"},
    }
    assert set(told) <= allowed[upstream]
    assert '"x"' in json.dumps(told).replace("\\", ""), "examples are told in words"
