"""Reasoning in tags: found at the start of the text, however the stream is cut (F31b)."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mux.codecs._think_tags import ThinkTags
from mux.errors import ErrorKind
from mux.ir import (
    Annotation,
    AnnotationDelta,
    Answer,
    BlockStart,
    BlockStop,
    Checker,
    Choice,
    Event,
    Failure,
    Finish,
    Part,
    Response,
    Start,
    StopReason,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    TokenLogprob,
    ToolCall,
    fold,
    unfold,
)

STOP = Finish(StopReason.STOP)


def stream(*pieces: str, after: tuple[Part, ...] = ()) -> list[Event]:
    """A stream whose first block is text in these pieces."""
    events: list[Event] = [Start(), BlockStart(0, Text(""))]
    events += [TextDelta(0, piece) for piece in pieces]
    events.append(BlockStop(0))
    for index, part in enumerate(after, 1):
        events += [BlockStart(index, part), BlockStop(index)]
    return [*events, STOP]


def filtered(events: list[Event]) -> list[Event]:
    tags, check = ThinkTags(), Checker()
    out = [done for event in events for done in tags.events([event])]
    for event in out:
        check(event)
    assert check.done
    assert ThinkTags().events(events) == out
    return out


def parts(*pieces: str, after: tuple[Part, ...] = ()) -> tuple[Part, ...]:
    return fold(filtered(stream(*pieces, after=after))).parts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<think>why</think>42", (Thinking(("why",)), Text("42"))),
        ("\n<think>\nwhy\n\nso\n</think>\n\n42\n", (Thinking(("why\n\nso",)), Text("42\n"))),
        ("<think></think>42", (Text("42"),)),
        ("<think>\n\n</think>\n\n42", (Text("42"),)),
        ("<think>why</think>", (Thinking(("why",)),)),
        ("<think>why</think>\n", (Thinking(("why",)),)),
        ("<think>why", (Thinking(("why",)),)),
        ("<think>a < b </th</think>x", (Thinking(("a < b </th",)), Text("x"))),
        ("<think>a</think>b<think>c</think>", (Thinking(("a",)), Text("b<think>c</think>"))),
        ("say <think>x</think>", (Text("say <think>x</think>"),)),
        ("<thinking>x", (Text("<thinking>x"),)),
        ("<thi", (Text("<thi"),)),
        ("  ", (Text("  "),)),
        ("plain", (Text("plain"),)),
    ],
)
def test_F31b_tags_at_the_start_are_reasoning(text, expected):
    assert parts(text) == expected
    assert parts(*text) == expected


@given(
    st.text("<>/think \n", max_size=12),
    st.text("<>/think ab\n", max_size=12),
    st.lists(st.integers(1, 30), max_size=6),
)
def test_F31b_any_split_gives_the_same_parts(thought, said, cuts):
    text = f"<think>{thought}</think>{said}"
    edges = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    pieces = [text[a:b] for a, b in pairwise(edges)]
    assert parts(*pieces) == parts(text)


def test_later_blocks_are_counted_anew():
    call = ToolCall("c", "f", "{}")
    assert parts("<think>a</think>b", after=(call,)) == (Thinking(("a",)), Text("b"), call)
    assert parts("<think> </think>", after=(call,)) == (call,)
    assert parts("<think>a</think>", after=(call,)) == (Thinking(("a",)), call)


def test_text_behind_another_block_is_left_alone():
    events: list[Event] = [
        Start(),
        BlockStart(0, Thinking()),
        ThinkingDelta(0, "native"),
        BlockStop(0),
        BlockStart(1, Text("")),
        TextDelta(1, "<think>x</think>"),
        BlockStop(1),
        STOP,
    ]
    assert filtered(events) == events


def test_reasoning_streams_as_it_comes():
    tags = ThinkTags()
    tags.events([Start(), BlockStart(0, Text(""))])
    assert tags.events([TextDelta(0, "<think>a")]) == [
        BlockStart(0, Thinking()),
        ThinkingDelta(0, "a"),
    ]
    assert tags.events([TextDelta(0, " b <")]) == [ThinkingDelta(0, " b")]
    assert tags.events([TextDelta(0, "/think>c")]) == [
        BlockStop(0),
        BlockStart(1, Text("")),
        TextDelta(1, "c"),
    ]


def test_an_answer_that_breaks_off_keeps_what_was_said():
    failure = Failure(ErrorKind.SERVER, "x")
    for text, delta in (
        ("<think>a b ", ThinkingDelta(0, "a b")),
        ("<thi", TextDelta(0, "<thi")),
    ):
        events = [Start(), BlockStart(0, Text("")), TextDelta(0, text), failure]
        assert filtered(events)[-2:] == [delta, failure]


def test_citations_and_log_probabilities_stay_with_the_answer():
    token = TokenLogprob("b", -1.0)
    cited = Annotation("https://a.example", start=18, end=19, dialect="openai_chat", raw={})
    events: list[Event] = [
        Start(),
        BlockStart(0, Text("")),
        TextDelta(0, "<think>a</think>\n\n"),
        TextDelta(0, "b", (token,)),
        AnnotationDelta(0, cited),
        BlockStop(0),
        STOP,
    ]
    moved = Annotation("https://a.example", start=0, end=1, dialect="openai_chat")
    assert fold(filtered(events)).parts == (Thinking(("a",)), Text("b", (moved,), (token,)))


def test_every_choice_is_looked_at():
    two = Response(
        answers=(Answer((Text("<think>a</think>b"),)), Answer((Text("<think>c</think>d"),)))
    )
    expected = [(Thinking(("a",)), Text("b")), (Thinking(("c",)), Text("d"))]
    assert [answer.parts for answer in fold(filtered(unfold(two))).answers] == expected
    assert Choice(1) in filtered(unfold(two))


def test_a_whole_answer_without_tags_is_equal():
    whole = Response("i", "m", 1, (Answer((Text("x"), ToolCall("c", "f", "{}")), STOP),))
    assert fold(filtered(unfold(whole))) == whole
