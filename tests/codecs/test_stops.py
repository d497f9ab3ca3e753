"""Stop sequences watched for here, where the upstream cannot (translation spec section 10)."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mux.codecs import CODECS
from mux.codecs._stops import Stops
from mux.ir import (
    Abilities,
    Answer,
    BlockStart,
    BlockStop,
    Choice,
    Event,
    Finish,
    Message,
    Request,
    Response,
    Role,
    Start,
    StopReason,
    Text,
    TextDelta,
    Thinking,
    ToolCall,
    Usage,
    UsageUpdate,
    fold,
    unfold,
)

DONE = Finish(StopReason.STOP)


def streamed(*pieces: str) -> list[Event]:
    texts: list[Event] = [TextDelta(0, piece) for piece in pieces]
    return [Start("id"), BlockStart(0, Text("")), *texts, BlockStop(0), DONE]


def watched(events: list[Event], *sequences: str, eager: bool = True) -> Response:
    stops = Stops(sequences, eager=eager)
    return fold([after for event in events for after in stops.events([event])])


def test_P202_a_sequence_cut_in_pieces_is_found_and_none_of_it_shows():
    response = watched(streamed("one E", "N", "D two"), "END")
    assert response.parts == (Text("one "),)
    assert response.finish == Finish(StopReason.STOP_SEQUENCE, "END")


def test_what_only_looked_like_the_beginning_of_a_sequence_is_told():
    response = watched(streamed("an E", "N", "ding EN"), "END")
    assert response.parts == (Text("an ENding EN"),)
    assert response.finish == DONE


def test_of_two_sequences_the_one_that_begins_first_counts():
    assert watched(streamed("a b c"), "c", "b").finish.stop_sequence == "b"
    assert watched(streamed("ab"), "a", "ab").finish.stop_sequence == "ab"


def test_a_match_at_once_leaves_an_empty_answer():
    assert watched(streamed("END", " more"), "END").parts == (Text(""),)


def test_only_visible_text_is_watched():
    parts = (Thinking(("END",)), ToolCall("c", "END", '{"END":1}'))
    assert watched(unfold(Response(answers=(Answer(parts, DONE),))), "END").parts == parts


def test_every_alternative_answer_is_cut_on_its_own():
    events = [*streamed("a END b"), Choice(1), *streamed("c")[1:-1], UsageUpdate(Usage(1, 2)), DONE]
    response = watched(events, "END", eager=False)
    assert [answer.parts for answer in response.answers] == [(Text("a "),), (Text("c"),)]
    assert [answer.finish.reason for answer in response.answers] == ["stop_sequence", "stop"]
    assert response.usage == Usage(1, 2)


@given(
    text=st.text("aEND", max_size=30),
    cuts=st.lists(st.integers(0, 30), max_size=6),
    sequences=st.lists(st.text("aEND", min_size=1, max_size=4), min_size=1, max_size=3),
)
def test_any_cut_gives_the_same_answer_as_the_whole(
    text: str, cuts: list[int], sequences: list[str]
):
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    pieces = [text[start:end] for start, end in pairwise(places)]
    answer = Response(answers=(Answer((Text(text),), DONE),))
    whole = fold(Stops(sequences, eager=False).events(unfold(answer)))
    first = min((text.find(one) for one in sequences if one in text), default=len(text))
    streamed_text = "".join(part.text for part in watched(streamed(*pieces), *sequences).parts)
    assert streamed_text == "".join(part.text for part in whole.parts)  # type: ignore[union-attr]
    assert len(streamed_text) == first


@pytest.mark.parametrize(
    ("dialect", "abilities", "stop", "sent", "left"),
    [
        ("openai_chat", Abilities(), ("a", "b"), ["a", "b"], ()),
        ("openai_chat", Abilities(stop_limit=1), ("a", "b"), ["a"], ("b",)),
        ("openai_chat", Abilities(stop=False), ("a",), None, ("a",)),
        ("openai_completions", Abilities(stop=False), ("a",), None, ("a",)),
        ("openai_responses", Abilities(), ("a",), None, ("a",)),
        ("anthropic", Abilities(), ("a", "\n"), ["a"], ("\n",)),
        ("gemini", Abilities(), tuple("abcdefg"), list("abcde"), ("f", "g")),
        ("ollama", Abilities(), tuple("abcdefg"), list("abcdefg"), ()),
    ],
)
def test_P201_what_cannot_be_sent_is_left_to_the_caller(
    dialect: str,
    abilities: Abilities,
    stop: tuple[str, ...],
    sent: list[str] | None,
    left: tuple[str, ...],
):
    from mux.wire import json

    asked = (Message(Role.USER, (Text("hi"),)),)
    origin = "openai_completions" if dialect == "openai_completions" else ""
    request = Request("m", asked, stop=stop, max_output=2000, origin=origin)
    encoded = CODECS[dialect].client.encode_request(request, abilities)
    body = json.load_object(encoded.body) or {}
    homes = [body, body.get("generationConfig"), body.get("options")]
    names = ("stop", "stop_sequences", "stopSequences")
    told = [
        home[name] for home in homes if isinstance(home, dict) for name in names if name in home
    ]
    assert told == ([] if sent is None else [sent])
    assert encoded.stops == left
    assert ("degrade:stop" in [loss.code for loss in encoded.losses]) == bool(left)
