"""What tools answered, on its way from any client to any upstream (translation spec 4, 5 and 7)."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest

from mux.codecs import CODECS
from mux.ir import (
    Abilities,
    Answer,
    Finish,
    Media,
    MediaKind,
    Message,
    Request,
    Response,
    Role,
    SourceKind,
    StopReason,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    fold,
    unfold,
)
from tests.laws.strategies import PNG
from tests.pairs.test_tools import (
    ABLE,
    ANTHROPIC,
    CHAT,
    GEMINI,
    OLLAMA,
    RESPONSES,
    asked,
    body,
    pairs,
    sent,
    targets,
    ways,
)

IMAGE = Media(MediaKind.IMAGE, SourceKind.BASE64, PNG, "image/png")
TOOLS = (Tool("f"), Tool("g"))


class Told(NamedTuple):
    """A result as an upstream reads it."""

    id: str
    name: str
    text: str
    failed: bool


def user(*parts: Any) -> Message:
    return Message(Role.USER, tuple(Text(p) if isinstance(p, str) else p for p in parts))


def called(*calls: ToolCall | Text) -> Message:
    return Message(Role.ASSISTANT, calls)


def answered(*results: ToolResult) -> Message:
    return Message(Role.TOOL, results)


def result(call_id: str, text: str = "", *more: Any, **fields: Any) -> ToolResult:
    return ToolResult(call_id, (*((Text(text),) if text else ()), *more), **fields)


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(part["text"] for part in content or () if "text" in part)


def turns(upstream: str, found: Any) -> list[tuple[str, Any]]:
    """The conversation as ("call", id and name), ("result", Told) and ("role", text) in order."""
    return list(_TURNS[upstream](found))


def _chat(found: Any) -> Any:
    for message in found["messages"]:
        if message["role"] == "tool":
            content = message["content"]
            failed = content.startswith("Error: ")
            name = message.get("tool_name", "")
            yield "result", Told(message["tool_call_id"], name, content, failed)
            continue
        if message.get("content") or message.get("images"):
            yield message["role"], message["content"]
        for call in message.get("tool_calls", ()):
            yield "call", (call["id"], call["function"]["name"])


def _responses(found: Any) -> Any:
    for item in found["input"]:
        if item["type"] == "function_call":
            yield "call", (item["call_id"], item["name"])
        elif item["type"] == "function_call_output":
            text = _text(item["output"])
            yield "result", Told(item["call_id"], "", text, text.startswith("Error: "))
        else:
            yield item["role"], item["content"]


def _anthropic(found: Any) -> Any:
    for message in found["messages"]:
        for block in message["content"]:
            if block["type"] == "tool_use":
                yield "call", (block["id"], block["name"])
            elif block["type"] == "tool_result":
                text, failed = _text(block.get("content")), block.get("is_error", False)
                yield "result", Told(block["tool_use_id"], "", text, failed)
            else:
                yield message["role"], [block]


def _gemini(found: Any) -> Any:
    for content in found["contents"]:
        for part in content["parts"]:
            if "functionCall" in part:
                yield "call", ("", part["functionCall"]["name"])
            elif "functionResponse" in part:
                response = part["functionResponse"]["response"]
                [(key, text)] = response.items()
                name = part["functionResponse"]["name"]
                yield "result", Told("", name, text, key == "error")
            else:
                yield content["role"], [part]


_TURNS = {
    CHAT: _chat,
    RESPONSES: _responses,
    ANTHROPIC: _anthropic,
    GEMINI: _gemini,
    OLLAMA: _chat,
}


def kinds(upstream: str, found: Any) -> list[str]:
    return [kind for kind, _ in turns(upstream, found)]


def results(upstream: str, found: Any) -> list[Told]:
    return [told for kind, told in turns(upstream, found) if kind == "result"]


# -- order ----------------------------------------------------------------------------------------

SCATTERED = (
    user("hi"),
    called(Text("I look."), ToolCall("a", "f", "{}"), ToolCall("b", "g", "{}")),
    user("a note in between", result("b", "second")),
    answered(result("a", "first, too early"), result("gone", "whose?")),
    answered(result("a", "first")),
    called(ToolCall("c", "f", "{}")),
    user("never mind"),
)


@targets
def test_F17_F18_P138_each_call_has_one_result_right_after_it_in_its_order(upstream):
    encoded = sent(asked("", *SCATTERED, tools=TOOLS), upstream)
    found = body(encoded)
    kind = kinds(upstream, found)
    first = kind.index("call")
    assert kind[first : first + 4] == ["call", "call", "result", "result"]
    last = len(kind) - 1 - kind[::-1].index("call")
    assert kind[last : last + 2] == ["call", "result"]
    one, two, three = results(upstream, found)
    assert (one.text, two.text) == ("first", "second")
    assert "no result" in three.text
    assert three.failed
    codes = [loss.code for loss in encoded.losses]
    assert "degrade:orphan_tool_result" in codes
    assert "degrade:missing_tool_result" in codes
    assert "whose?" in json.dumps(found), "nothing a tool said is lost"
    if upstream in (GEMINI, OLLAMA):
        assert [told.name for told in (one, two, three)] == ["f", "g", "f"]


def test_F18_responses_stand_alone_in_the_content_after_their_calls():
    found = body(sent(asked("", *SCATTERED, tools=TOOLS), GEMINI))
    contents = found["contents"]
    for position, content in enumerate(contents):
        calls = [part for part in content["parts"] if "functionCall" in part]
        if calls:
            answers = contents[position + 1]["parts"]
            assert len(answers) == len(calls)
            assert all("functionResponse" in part for part in answers)


@targets
def test_F17_results_and_calls_of_one_turn_may_come_in_many_messages(upstream):
    history = (
        user("hi"),
        called(ToolCall("a", "f", "{}")),
        called(ToolCall("b", "g", "{}")),
        answered(result("b", "2")),
        answered(result("a", "1")),
    )
    found = body(sent(asked("", *history, tools=TOOLS), upstream))
    assert [told.text for told in results(upstream, found)] == ["1", "2"]
    apart = ["call", "result", "call", "result"]  # two messages with a call and its result each
    together = ["call", "call", "result", "result"]
    assert kinds(upstream, found)[-4:] == (apart if upstream == CHAT else together)
    if upstream == ANTHROPIC:
        roles = [message["role"] for message in found["messages"]]
        assert roles == ["user", "assistant", "user"]


# -- ids ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("upstream", [CHAT, RESPONSES, ANTHROPIC, OLLAMA])
@pytest.mark.parametrize(
    "odd",
    ["call|1:2/3", "x" * 65, "functions.f:0", "", "é"],
    ids=["signs", "long", "dots", "", "é"],
)
def test_F21_P170_P171_ids_are_legal_unique_and_the_same_in_every_turn(upstream, odd):
    history = (
        user("hi"),
        called(ToolCall(odd, "f", "{}")),
        answered(result(odd, "1", name="f")),
        called(ToolCall(odd, "f", "{}")),
        answered(result(odd, "2", name="f")),
    )

    def ids(messages: tuple[Message, ...]) -> tuple[list[str], list[Told]]:
        found = body(sent(asked("", *messages, tools=TOOLS), upstream))
        pairs = [told[0] for kind, told in turns(upstream, found) if kind == "call"]
        return pairs, results(upstream, found)

    calls, told = ids(history)
    assert len(set(calls)) == 2
    assert all(0 < len(call) <= 64 and call.replace("_", "").replace("-", "").isalnum()
               and call.isascii() for call in calls)  # fmt: skip
    assert [(answer.id, answer.text) for answer in told] == [(calls[0], "1"), (calls[1], "2")]
    assert ids(history[:3])[0] == calls[:1], "a longer history names its beginning the same"


@pytest.mark.parametrize("client", [CHAT, RESPONSES, ANTHROPIC])
@ways
def test_F19_P170_calls_of_upstreams_without_ids_get_the_same_ones_every_time(client, stream):
    calls = (ToolCall("", "f", '{"a":1}'), ToolCall("", "f", '{"a":2}'), ToolCall("", "g", "{}"))
    parts = [{"functionCall": {"name": c.name, "args": json.loads(c.arguments)}} for c in calls]
    candidate = {"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}
    answer = {"candidates": [candidate], "responseId": "r-1", "modelVersion": "g"}
    data = json.dumps(answer)
    source = CODECS[GEMINI].client
    decoder = source.stream_decoder()
    streamed = fold([*decoder.feed(f"data: {data}\n\n".encode()), *decoder.eof()])
    assert streamed == source.decode_response(data.encode())
    server, asks = CODECS[client].server, asked(client, stream=stream)
    told = server.encode_response(streamed, asks)
    if stream:
        encoder = server.stream_encoder(asks)
        told = b"".join(map(encoder.encode, unfold(streamed))) + encoder.eof()
    ids = [part.id for part in streamed.parts if isinstance(part, ToolCall)]
    assert len(set(ids)) == 3
    assert all(call_id in told.decode() for call_id in ids)


@pytest.mark.parametrize("client", [GEMINI, OLLAMA])
@targets
def test_F19_results_of_clients_without_ids_find_their_calls_by_name_first_in_first_out(
    client, upstream
):
    history = (
        user("hi"),
        called(ToolCall("", "f", '{"n":1}'), ToolCall("", "g", "{}"), ToolCall("", "f", "{}")),
        answered(
            result("", "g1", name="g"), result("", "f1", name="f"), result("", "f2", name="f")
        ),
    )
    if client == upstream:
        pytest.skip("a history of its own goes back as it came")
    found = body(sent(asked(client, *history, tools=TOOLS), upstream))
    assert [told.text for told in results(upstream, found)] == ["f1", "g1", "f2"]


# -- what they hold -------------------------------------------------------------------------------


@pairs
def test_P176_an_error_is_one_for_the_model_too(client, upstream):
    history = (
        user("hi"),
        called(ToolCall("a", "f", "{}"), ToolCall("b", "g", "{}"), ToolCall("c", "g", "{}")),
        answered(
            result("a", "no such file", is_error=True),
            result("b", "Error: said already", is_error=True),
            result("c", "Error: but fine"),
        ),
    )
    found = body(sent(asked(client, *history, tools=TOOLS), upstream))
    first, second, third = results(upstream, found)
    assert first.failed
    assert "no such file" in first.text
    assert second.text == "Error: said already"
    assert third.text == "Error: but fine"
    if upstream in (ANTHROPIC, GEMINI):
        assert not third.failed


SHOWN = (
    user("hi"),
    called(ToolCall("a", "f", "{}"), ToolCall("b", "g", "{}")),
    answered(result("a", "seen", IMAGE), result("b", "", IMAGE)),
    user("go on"),
)


@pytest.mark.parametrize("client", [ANTHROPIC, RESPONSES, GEMINI, CHAT])
@targets
def test_F26_P174_P175_images_in_results_are_seen_and_stand_between_no_results(client, upstream):
    if client == upstream:
        pytest.skip("goes as it came")
    for able in (ABLE[upstream], Abilities(max_output=100, tool_media=False)):
        encoded = sent(asked(client, *SHOWN, tools=TOOLS), upstream, able)
        found = body(encoded)
        text = encoded.body.decode()
        assert text.count(PNG) == 2, "each image once"
        first, second = results(upstream, found)
        assert PNG not in first.text + second.text, "never as words"
        assert first.text.startswith("seen")
        kind = kinds(upstream, found)
        at = kind.index("result")
        assert kind[at : at + 2] == ["result", "result"]
        if upstream == CHAT or not able.tool_media:
            assert "result" not in kind[at + 2 :]


@pytest.mark.parametrize("client", [ANTHROPIC, RESPONSES])
@targets
def test_F26_P174_a_model_without_eyes_is_told_that_there_was_an_image(client, upstream):
    if client == upstream:
        pytest.skip("goes as it came")
    blind = Abilities(max_output=100, vision=False)
    encoded = sent(asked(client, *SHOWN, tools=TOOLS), upstream, blind)
    assert PNG not in encoded.body.decode()
    first, second = results(upstream, body(encoded))
    assert first.text.startswith("seen")
    assert "image" in first.text
    assert "image" in second.text
    assert any("image" in loss.code or "media" in loss.code for loss in encoded.losses)


@pairs
def test_results_without_any_text_are_results(client, upstream):
    history = (user("hi"), called(ToolCall("a", "f", "{}")), answered(result("a")))
    found = body(sent(asked(client, *history, tools=TOOLS), upstream))
    [told] = results(upstream, found)
    assert told.text in ("", "(no output)")
    assert not told.failed


@targets
def test_F16_text_and_calls_keep_their_order_where_there_is_one(upstream):
    history = (
        user("hi"),
        called(Text("before"), ToolCall("a", "f", "{}"), Text("after"), ToolCall("b", "f", "{}")),
        answered(result("a", "1"), result("b", "2")),
    )
    found = body(sent(asked("", *history, tools=TOOLS), upstream))
    kind = kinds(upstream, found)
    if upstream in (CHAT, OLLAMA):
        assert kind == ["user", "assistant", "call", "call", "result", "result"]
        assert "before" in json.dumps(found)
        assert "after" in json.dumps(found)
        return
    said = "model" if upstream == GEMINI else "assistant"
    assert kind[1:] == [said, "call", said, "call", "result", "result"]


@pairs
@ways
def test_F16_arguments_that_are_no_object_reach_every_client(client, upstream, stream):
    call = ToolCall("c", "f", "[1, 2]")
    answer = Response("r", "m", 1, (Answer((call,), Finish(StopReason.TOOL_CALLS)),))
    source, theirs = CODECS[upstream].client, CODECS[upstream].server
    variant = "chat" if upstream == OLLAMA else ""
    asks = Request("m", origin=upstream, stream=stream, variant=variant)
    if stream:
        encoder, decoder = theirs.stream_encoder(asks), source.stream_decoder()
        data = b"".join(map(encoder.encode, unfold(answer))) + encoder.eof()
        response = fold([*decoder.feed(data), *decoder.eof()])
    else:
        response = source.decode_response(theirs.encode_response(answer, asks))
    told = CODECS[client].server.encode_response(response, asked(client))
    again = CODECS[client].client.decode_response(told)
    [found] = [part for part in again.parts if isinstance(part, ToolCall)]
    assert json.loads(found.arguments) in ([1, 2], {"value": [1, 2]})
