"""What strict clients of Responses streams insist on, whoever the answer comes from.

The official SDK raises, and Codex drops the turn, where one of these does not hold.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from mux.ir import (
    Annotation,
    Finish,
    Media,
    MediaKind,
    Refusal,
    Response,
    SearchHit,
    ServerCall,
    ServerResult,
    Signature,
    SourceKind,
    StopReason,
    Text,
    Thinking,
    ToolCall,
    ToolKind,
)
from mux.ir import Answer as Choice
from tests import sdk
from tests.pairs.test_finish import ENDS, RESPONSES
from tests.pairs.upstreams import retold, told

EVERYTHING = Response(
    "up_1",
    "m-up",
    1,
    (
        Choice(
            (
                Thinking(("first", "second"), signature=Signature("gemini", "Uw==")),
                Text("Hello "),
                Text("world.", (Annotation("https://a", "A", 0, 5),)),
                ServerCall("web_search", "s1", "web_search", '{"query":"q"}', "gemini"),
                ServerResult("web_search", "s1", "gemini", hits=(SearchHit("https://a"),)),
                ServerCall("code_execution", "s2", "", '{"code":"1"}', "gemini"),
                ServerResult("code_execution", "s2", "gemini", output="1"),
                Media(MediaKind.IMAGE, SourceKind.BASE64, "AAAA", "image/png"),
                ToolCall("call:1", "f", '{"a": 1}', signature=Signature("gemini", "Vw==")),
                ToolCall("call:1", "f", ""),
                ToolCall("c3", "apply_patch", "*** Begin", ToolKind.CUSTOM, "files"),
                Refusal("No more."),
            ),
            Finish(StopReason.TOOL_CALLS),
        ),
    ),
)

STREAMS = {
    f"{upstream}-{case}": told(upstream, RESPONSES, answer, stream=True)
    for upstream, case, answer, _ in ENDS
} | {"everything": retold(EVERYTHING, RESPONSES, stream=True)}

streams = pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS.keys())

TERMINAL = {"response.completed", "response.incomplete", "response.failed", "error"}


def events(stream: bytes) -> list[dict[str, Any]]:
    out = []
    for record in stream.decode().split("\n\n"):
        lines = [line for line in record.split("\n") if line and not line.startswith(":")]
        if lines:
            name, data = lines
            out.append(json.loads(data.removeprefix("data: ")))
            assert name == f"event: {out[-1]['type']}"
    return out


@streams
def test_P51_the_first_event_is_response_created(stream):
    first, second, *_ = events(stream)
    assert [first["type"], second["type"]] == ["response.created", "response.in_progress"]
    assert first["response"]["status"] == "in_progress"
    assert first["response"]["output"] == []


@streams
def test_P52_nothing_is_told_of_an_item_or_part_that_was_not_announced(stream):
    items: dict[int, str] = {}
    opened: set[tuple[int, str, int]] = set()
    closed: set[int] = set()
    for event in events(stream):
        kind, place = event["type"].removeprefix("response."), event.get("output_index")
        if place is None:
            continue
        if kind == "output_item.added":
            assert place == len(items), "items are numbered as they come"
            assert place - 1 in closed or not place, "one item at a time"
            items[place] = event["item"]["type"]
            continue
        assert place in items
        assert place not in closed, "nothing after output_item.done"
        if kind == "output_item.done":
            assert event["item"]["type"] == items[place]
            closed.add(place)
            assert not [part for part in opened if part[0] == place]
            continue
        index = event.get("content_index", event.get("summary_index"))
        if index is None:
            continue
        part = (place, "summary" if "summary_index" in event else "content", index)
        if kind.endswith("part.added"):
            opened.add(part)
        elif kind.endswith("part.done"):
            opened.remove(part)
        else:
            assert part in opened, kind
    assert closed == set(items)


@streams
def test_P53_an_item_has_one_id_from_first_to_last(stream):
    ids: dict[int, set[str]] = {}
    for event in events(stream):
        if (place := event.get("output_index")) is not None:
            found = event.get("item_id") or event["item"]["id"]
            ids.setdefault(place, set()).add(found)
    assert all(len(found) == 1 for found in ids.values())
    assert len(set.union(set(), *ids.values())) == len(ids), "and no other item has it"


@streams
def test_P54_the_response_has_one_id(stream):
    ids = {event["response"]["id"] for event in events(stream) if "response" in event}
    [found] = ids
    assert found.startswith("resp_")


@streams
def test_P55_the_last_event_holds_all_items_as_they_were_closed(stream):
    told = events(stream)
    done = [event["item"] for event in told if event["type"] == "response.output_item.done"]
    assert told[-1]["response"]["output"] == done
    written: dict[tuple[int, int], str] = {}
    for event in told:
        if event["type"] in ("response.output_text.delta", "response.refusal.delta"):
            key = (event["output_index"], event["content_index"])
            written[key] = written.get(key, "") + event["delta"]
    for (place, index), text in written.items():
        part = done[place]["content"][index]
        assert part.get("text", part.get("refusal")) == text
    if told[-1]["type"] != "response.failed":
        assert sdk.stream(RESPONSES, stream).raw.output_text == "".join(
            part["text"]
            for item in done
            if item["type"] == "message"
            for part in item["content"]
            if part["type"] == "output_text"
        )


@streams
def test_P56_exactly_one_terminal_event_ends_the_stream(stream):
    kinds = [event["type"] for event in events(stream)]
    assert [kind for kind in kinds if kind in TERMINAL] == [kinds[-1]]


@streams
def test_P57_every_count_is_a_number(stream):
    usage = events(stream)[-1]["response"]["usage"]
    counts = (
        usage["input_tokens"],
        usage["output_tokens"],
        usage["total_tokens"],
        usage["input_tokens_details"]["cached_tokens"],
        usage["output_tokens_details"]["reasoning_tokens"],
    )
    assert all(type(count) is int for count in counts)


@streams
def test_P58_events_are_numbered_from_zero_without_a_gap(stream):
    numbers = [event["sequence_number"] for event in events(stream)]
    assert numbers == list(range(len(numbers)))


@streams
def test_P59_there_is_no_done_marker(stream):
    assert b"[DONE]" not in stream


def test_F07_calls_of_one_answer_have_ids_of_their_own():
    output = events(STREAMS["everything"])[-1]["response"]["output"]
    ids = [item["call_id"] for item in output if "call_id" in item]
    assert len(ids) == len(set(ids)) == 3
    assert all(len(found) <= 64 and ":" not in found for found in ids)
