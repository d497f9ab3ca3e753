"""Histories from other dialects as this one's upstreams take them."""

from __future__ import annotations

from typing import Any

import pytest

from mux.codecs import _envelope
from mux.codecs.anthropic import CODEC
from mux.errors import Unsupported
from mux.ir import (
    Abilities,
    Annotation,
    CacheHint,
    Media,
    MediaKind,
    Message,
    Opaque,
    Refusal,
    Role,
    ServerCall,
    ServerResult,
    Signature,
    SourceKind,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from tests.codecs.anthropic.asking import ABLE, asked, assistant, native, sent, user
from tests.laws.strategies import PNG

CALL = ToolCall("t1", "f", '{"a": 1}')
CALL2 = ToolCall("t2", "g", "")
PDF = "JVBERi0xLjQK"


def results(*found: ToolResult) -> Message:
    return Message(Role.TOOL, found)


def turns(*messages: Message, abilities: Abilities = ABLE, **fields: Any) -> tuple[Any, list[str]]:
    found, losses = sent(asked(*messages, **fields), abilities)
    return [(m["role"], m["content"]) for m in found["messages"]], losses


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def use(call_id: str, name: str, given: dict[str, Any]) -> dict[str, Any]:
    return {"type": "tool_use", "id": call_id, "name": name, "input": given}


def test_F17_P99_results_of_a_turn_come_first_in_the_next_user_message():
    found, losses = turns(
        user("hi"),
        assistant("let me see", CALL),
        assistant(CALL2),
        user("meanwhile"),
        results(ToolResult("t2", (Text("two"),))),
        results(ToolResult("t1", (Text("one"),), is_error=True)),
    )
    assert losses == []
    assert found == [
        ("user", [text("hi")]),
        ("assistant", [text("let me see"), use("t1", "f", {"a": 1}), use("t2", "g", {})]),
        (
            "user",
            [
                {"type": "tool_result", "tool_use_id": "t1", "content": "one", "is_error": True},
                {"type": "tool_result", "tool_use_id": "t2", "content": "two"},
                text("meanwhile"),
            ],
        ),
    ]


def test_F17_P100_a_missing_result_is_made_up_and_an_orphan_told_in_words():
    found, losses = turns(
        user("hi"), assistant(CALL), results(ToolResult("zz", (Text("lost"),))), user("go on")
    )
    assert losses == ["degrade:orphan_tool_result", "degrade:missing_tool_result"]
    answer, *rest = found[2][1]
    assert answer == {
        "type": "tool_result",
        "tool_use_id": "t1",
        "content": "no result",
        "is_error": True,
    }
    assert "lost" in rest[0]["text"]
    assert rest[1] == text("go on")


def test_P101_a_result_may_be_empty_or_blank_but_a_text_may_not():
    found, _ = turns(
        user("hi", "  \n"),
        assistant("", "\n\n", CALL, CALL2),
        results(ToolResult("t1", (Text(" \n"),)), ToolResult("t2")),
    )
    assert found[0][1] == [text("hi")]
    assert [block["type"] for block in found[1][1]] == ["tool_use", "tool_use"]
    assert found[2][1] == [
        {"type": "tool_result", "tool_use_id": "t1", "content": " \n"},
        {"type": "tool_result", "tool_use_id": "t2"},
    ]


def test_F16_arguments_that_are_no_object():
    calls = [
        ToolCall("a", "f", ""),
        ToolCall("b", "f", "[1]"),
        ToolCall("c", "f", '{"a": "cut'),
        ToolCall("d", "f", '{"z":1,"a":2}'),
    ]
    found, _ = turns(user("x"), assistant(*calls))
    assert [block["input"] for block in found[1][1]] == [
        {},
        {"value": [1]},
        {"a": "cut"},
        {"z": 1, "a": 2},
    ]
    assert list(found[1][1][3]["input"]) == ["z", "a"]


def test_F21_P170_P171_ids_are_made_valid_and_unique_in_pairs():
    odd = ToolCall("call:1|x", "f", "{}")
    found, _ = turns(
        user("x"),
        assistant(odd),
        results(ToolResult("call:1|x", (Text("a"),))),
        assistant(ToolCall("call_0", "f", "{}")),
        results(ToolResult("call_0", (Text("b"),))),
        assistant(ToolCall("call_0", "f", "{}")),
        results(ToolResult("call_0", (Text("c"),))),
    )
    ids = [block["id"] for role, content in found if role == "assistant" for block in content]
    answered = [c[0]["tool_use_id"] for role, c in found[1:] if role == "user"]
    assert len(set(ids)) == 3
    assert answered == ids
    assert all(character.isalnum() or character in "_-" for one in ids for character in one)


def later(words: str) -> Message:
    return Message(Role.SYSTEM, (Text(words),))


def test_F33_later_system_messages_where_the_model_takes_them():
    found, losses = turns(
        user("hi"), later("s1"), assistant(CALL), later("s2"), results(ToolResult("t1"))
    )
    assert losses == []
    assert [role for role, _ in found] == ["user", "system", "assistant", "user", "system"]
    assert found[4][1] == [text("s2")]


def test_F33_a_system_message_after_the_assistant_is_a_reminder():
    found, losses = turns(user("a"), assistant("b"), later("s"), user("c"))
    assert losses == ["degrade:mid_system"]
    assert found[2] == (
        "user",
        [text("<system-reminder>\ns\n</system-reminder>"), text("c")],
    )


def test_P107_system_messages_for_models_that_refuse_them():
    found, losses = turns(
        user("hi"),
        assistant(CALL),
        later("s"),
        results(ToolResult("t1", (Text("r"),))),
        abilities=Abilities(mid_system=False),
    )
    assert losses == ["degrade:mid_system"]
    assert [block["type"] for block in found[2][1]] == ["tool_result", "text"]
    [_, own] = sent(
        native(
            messages=[
                {"role": "user", "content": "hi"},
                {"role": "system", "content": "s"},
            ]
        ),
        Abilities(mid_system=False),
    )
    assert own == ["degrade:mid_system"]


def test_F17_P99_results_split_over_user_messages_are_joined_for_own_clients_too():
    calls = [use("t1", "f", {}), use("t2", "f", {})]
    answers = [
        {"type": "tool_result", "tool_use_id": call_id, "content": "r"} for call_id in ("t1", "t2")
    ]
    history = [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": calls},
        {"role": "user", "content": [text("first this"), answers[1]]},
        {"role": "user", "content": [answers[0], text("then that")]},
    ]
    found, losses = sent(native(messages=history), ABLE)
    assert losses == []
    assert [message["role"] for message in found["messages"]] == ["user", "assistant", "user"]
    assert found["messages"][2]["content"] == [*answers, text("first this"), text("then that")]


def test_neighbours_of_one_role_are_joined_and_the_assistant_may_not_begin():
    found, losses = turns(assistant("a"), assistant("b"), user("c"), user("d"))
    assert losses == ["degrade:first_turn"]
    assert found == [
        ("user", [text(".")]),
        ("assistant", [text("a"), text("b")]),
        ("user", [text("c"), text("d")]),
    ]


PREFILL = Abilities(prefill=True)


def test_P102_a_prefill_goes_to_models_that_continue_it():
    found, losses = turns(user("x"), assistant("{ \n"), origin="ollama", abilities=PREFILL)
    assert losses == []
    assert found[-1] == ("assistant", [text("{")])


def test_P102_a_prefill_to_other_models():
    found, losses = turns(user("x"), assistant("{"), origin="gemini")
    assert (found[-1][0], losses) == ("user", ["degrade:prefill"])
    found, losses = turns(user("x"), assistant("said"), origin="openai_chat")
    assert found[-1] == ("user", [text("Continue.")])
    with pytest.raises(Unsupported, match="begun"):
        turns(user("x"), assistant("a long beginning of it"), origin="ollama")


def test_thoughts_alone_do_not_end_a_history():
    thought = Thinking(("t",), signature=Signature("anthropic", "sig"))
    found, _ = turns(user("x"), assistant(thought), abilities=PREFILL)
    assert [role for role, _ in found] == ["user"]


SIGNED = Thinking(("hm",), signature=Signature("anthropic", "c2ln"))
HIDDEN = Thinking(signature=Signature("anthropic", "c2ln"))
REDACTED = Thinking(signature=Signature("anthropic", "ZGF0YQ", "redacted"))
FOREIGN = Thinking(("hm",), signature=Signature("openai_responses", "gAAA", "enc"))


def test_F28_P96_P207_signed_thinking_is_kept_as_it_was_and_where_it_was():
    found, losses = turns(
        user("x"), assistant(SIGNED, HIDDEN, REDACTED, "t", SIGNED, CALL), results(ToolResult("t1"))
    )
    assert losses == []
    assert found[1][1] == [
        {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
        {"type": "thinking", "thinking": "", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "ZGF0YQ"},
        text("t"),
        {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
        use("t1", "f", {"a": 1}),
    ]


@pytest.mark.parametrize("stranger", [FOREIGN, Thinking(("hm",))])
def test_F29_P94_P206_a_turn_with_foreign_thinking_is_sent_without_any(stranger):
    found, losses = turns(
        user("x"),
        assistant(SIGNED),
        assistant(stranger, "a"),
        user("y"),
        assistant(SIGNED, "b"),
        user("z"),
    )
    assert losses == ["drop:reasoning"]
    assert found[1][1] == [text("a")]
    assert [block["type"] for block in found[3][1]] == ["thinking", "text"]


def test_no_envelope_reaches_an_upstream():
    signed = Signature("gemini", "Uw==")
    envelope = _envelope.seal(signed, "anthropic")
    history = [
        {"role": "user", "content": "x"},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "", "signature": envelope},
                use("t1", "f", {}),
                text("cited")
                | {
                    "citations": [
                        {
                            "type": "web_search_result_location",
                            "url": "u",
                            "title": None,
                            "cited_text": "",
                            "encrypted_index": envelope,
                        }
                    ]
                },
            ],
        },
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1"}]},
    ]
    found = CODEC.client.encode_request(native(messages=history), ABLE).body
    assert b"mux1." not in found
    assert b'"citations"' not in found


def image(**fields: Any) -> Media:
    return Media(MediaKind.IMAGE, SourceKind.BASE64, PNG, **{"mime": "image/png", **fields})


def test_images_and_documents():
    found, losses = turns(
        user(
            image(mime="image/jpeg", detail="high"),
            Media(MediaKind.IMAGE, SourceKind.URL, "https://x/i.png"),
            Media(MediaKind.DOCUMENT, SourceKind.BASE64, PDF, filename="a.pdf"),
            Media(MediaKind.DOCUMENT, SourceKind.URL, "https://x/a.pdf", title="A"),
            Media(MediaKind.DOCUMENT, SourceKind.TEXT, "words", "text/plain"),
            Media(MediaKind.DOCUMENT, SourceKind.BASE64, "aGk=", "text/markdown"),
        )
    )
    assert losses == []
    assert found[0][1] == [
        {
            "type": "image",
            "source": {"type": "base64", "media_type": "image/png", "data": PNG},
        },
        {"type": "image", "source": {"type": "url", "url": "https://x/i.png"}},
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
            "title": "a.pdf",
        },
        {"type": "document", "source": {"type": "url", "url": "https://x/a.pdf"}, "title": "A"},
        {
            "type": "document",
            "source": {"type": "text", "media_type": "text/plain", "data": "words"},
        },
        {
            "type": "document",
            "source": {"type": "text", "media_type": "text/plain", "data": "hi"},
        },
    ]


@pytest.mark.parametrize(
    ("media", "abilities", "words"),
    [
        (Media(MediaKind.AUDIO, SourceKind.BASE64, "UklGRg==", "audio/wav"), ABLE, "audio"),
        (Media(MediaKind.VIDEO, SourceKind.URL, "https://x/v"), ABLE, "video"),
        (Media(MediaKind.IMAGE, SourceKind.BASE64, "PHN2Zz4=", "image/svg+xml"), ABLE, "svg"),
        (
            Media(MediaKind.DOCUMENT, SourceKind.BASE64, "UEsDBA==", "application/msword"),
            ABLE,
            "msword",
        ),
        (image(), Abilities(vision=False), "image"),
        (Media(MediaKind.DOCUMENT, SourceKind.BASE64, PDF), Abilities(pdf=False), "PDF"),
        (
            Media(MediaKind.IMAGE, SourceKind.URL, "https://x/i"),
            Abilities(image_url=False),
            "base64",
        ),
        (Media(MediaKind.IMAGE, SourceKind.FILE_ID, "file-1"), ABLE, "file id"),
    ],
)
def test_F36_what_cannot_be_read_is_refused_by_name(media, abilities, words):
    with pytest.raises(Unsupported, match=words) as caught:
        turns(user(media), abilities=abilities)
    assert caught.value.param


def test_F26_media_in_results():
    result = ToolResult("t1", (Text("shot"), image()))
    source = {"type": "base64", "media_type": "image/png", "data": PNG}
    history = (user("x"), assistant(CALL), results(result), user("and?"))
    found, losses = turns(*history)
    assert losses == []
    assert found[2][1] == [
        {
            "type": "tool_result",
            "tool_use_id": "t1",
            "content": [text("shot"), {"type": "image", "source": source}],
        },
        text("and?"),
    ]
    found, losses = turns(*history, abilities=Abilities(tool_media=False))
    assert losses == []
    assert found[2][1] == [
        {
            "type": "tool_result",
            "tool_use_id": "t1",
            "content": [text("shot"), text("[image attached below]")],
        },
        {"type": "image", "source": source},
        text("and?"),
    ]
    found, losses = turns(*history, abilities=Abilities(vision=False))
    assert losses == ["drop:image"]
    left_out = "[image left out: this model cannot read it]"
    assert found[2][1][0]["content"][1]["text"] == left_out


def test_what_an_assistant_said_elsewhere():
    found, losses = turns(
        user("x"),
        assistant(
            Refusal("no"),
            Text("cited", annotations=(Annotation(url="https://x", title="X"),)),
            image(),
        ),
        user("y"),
    )
    assert losses == ["degrade:assistant_image"]
    assert found[1][1] == [text("no"), text("cited"), text("[image]")]


def test_parts_only_other_providers_understand_are_lost_with_a_word():
    found, losses = turns(
        user("x"),
        assistant(
            ServerCall("web_search", "ws_1", dialect="openai_responses", raw={"type": "x"}),
            ServerResult("web_search", "ws_1", dialect="gemini", raw={}),
            Opaque("openai_responses", {"type": "compaction"}),
            "said",
        ),
        user("y"),
    )
    assert losses == ["drop:server_call.web_search", "drop:server_result.web_search", "drop:opaque"]
    assert found[1][1] == [text("said")]


def test_F39_hints_on_results_and_calls():
    found, _ = turns(
        user("x"),
        assistant(CALL),
        results(ToolResult("t1", (Text("r"),), cache=CacheHint())),
    )
    assert found[2][1][0]["cache_control"] == {"type": "ephemeral"}


def test_content_of_results_we_do_not_know_goes_back_as_it_came():
    odd = {"type": "browser_state", "content": [{"type": ["x"], "a": 1}]}
    result = {"type": "search_result", "source": "s", "title": "t", "content": [odd]}
    calls = [{"type": "tool_use", "id": "t1", "name": "f", "input": {}}]
    answer = {"type": "tool_result", "tool_use_id": "t1", "content": [odd, result]}
    request = native(
        messages=[
            {"role": "user", "content": "x"},
            {"role": "assistant", "content": calls},
            {"role": "user", "content": [answer]},
        ]
    )
    found, losses = sent(request, Abilities(auto_cache=True, cache_control=False))
    assert found["messages"][2]["content"] == [answer]
    assert losses == []
