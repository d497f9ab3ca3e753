"""Why an answer ended, from every upstream to every client (translation spec sections 15 and 16).

Read through the clients' own SDKs, whole and streamed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from tests import sdk
from tests.pairs.upstreams import CALL, DIALECTS, Answer, told

CHAT, COMPLETIONS, RESPONSES = "openai_chat", "openai_completions", "openai_responses"


class End(NamedTuple):
    """The end of an answer in the words of each client."""

    chat: str
    completions: str
    responses: str
    anthropic: str
    gemini: str
    ollama: str

    def of(self, client: str) -> str:
        return getattr(self, client.removeprefix("openai_"))


STOP = End("stop", "stop", "completed", "end_turn", "STOP", "stop")
CALLS = End("tool_calls", "stop", "completed", "tool_use", "STOP", "stop")
LENGTH = End("length", "length", "max_output_tokens", "max_tokens", "MAX_TOKENS", "length")
FILTER = End("content_filter", "content_filter", "content_filter", "refusal", "SAFETY", "stop")
REFUSED = End("content_filter", "content_filter", "content_filter", "refusal", "SAFETY", "stop")
IN_WORDS = End("stop", "content_filter", "completed", "refusal", "STOP", "stop")
"""The model refused in words of its own."""


def chat(reason: str, **fields: Any) -> Answer:
    return Answer({"finish_reason": reason}, **fields)


def responses(status: str, reason: str = "", **fields: Any) -> Answer:
    details = {"incomplete_details": {"reason": reason}} if reason else {}
    return Answer({"status": status, **details}, **fields)


def anthropic(reason: str, sequence: str | None = None, **fields: Any) -> Answer:
    return Answer({"stop_reason": reason, "stop_sequence": sequence}, **fields)


def gemini(reason: str, **fields: Any) -> Answer:
    return Answer({"finishReason": reason}, **fields)


def ollama(reason: str, **fields: Any) -> Answer:
    return Answer({"done_reason": reason}, **fields)


ENDS: list[tuple[str, str, Answer, End]] = [
    (CHAT, "stop", chat("stop"), STOP),
    (CHAT, "calls", chat("tool_calls", call=True), CALLS),
    (CHAT, "calls-told-as-stop", chat("stop", call=True), CALLS),
    (CHAT, "calls-told-but-not-made", chat("tool_calls"), STOP),
    (CHAT, "length", chat("length"), LENGTH),
    (CHAT, "length-in-a-call", chat("length", call=True), LENGTH),
    (CHAT, "filter", chat("content_filter"), FILTER),
    (CHAT, "refusal", chat("stop", text="", refusal="No."), IN_WORDS),
    (COMPLETIONS, "stop", chat("stop"), STOP),
    (COMPLETIONS, "length", chat("length"), LENGTH),
    (COMPLETIONS, "filter", chat("content_filter"), FILTER),
    (RESPONSES, "stop", responses("completed"), STOP),
    (RESPONSES, "calls", responses("completed", call=True), CALLS),
    (RESPONSES, "length", responses("incomplete", "max_output_tokens"), LENGTH),
    (RESPONSES, "filter", responses("incomplete", "content_filter"), FILTER),
    (RESPONSES, "refusal", responses("completed", text="", refusal="No."), IN_WORDS),
    ("anthropic", "stop", anthropic("end_turn"), STOP),
    ("anthropic", "sequence", anthropic("stop_sequence", "END"), STOP),
    ("anthropic", "calls", anthropic("tool_use", call=True), CALLS),
    ("anthropic", "calls-told-as-stop", anthropic("end_turn", call=True), CALLS),
    ("anthropic", "length", anthropic("max_tokens"), LENGTH),
    ("anthropic", "window", anthropic("model_context_window_exceeded"), LENGTH),
    ("anthropic", "refusal", anthropic("refusal"), REFUSED),
    ("anthropic", "pause", anthropic("pause_turn"), STOP),
    ("gemini", "stop", gemini("STOP"), STOP),
    ("gemini", "calls", gemini("STOP", call=True), CALLS),
    ("gemini", "length", gemini("MAX_TOKENS"), LENGTH),
    ("gemini", "continuation", gemini("CONTINUATION"), LENGTH),
    *(
        ("gemini", reason.lower(), gemini(reason), FILTER)
        for reason in (
            "SAFETY",
            "RECITATION",
            "LANGUAGE",
            "BLOCKLIST",
            "PROHIBITED_CONTENT",
            "SPII",
            "IMAGE_SAFETY",
            "IMAGE_PROHIBITED_CONTENT",
        )
    ),
    ("gemini", "other", gemini("OTHER"), STOP),
    ("ollama", "stop", ollama("stop"), STOP),
    ("ollama", "calls", ollama("stop", call=True), CALLS),
    ("ollama", "length", ollama("length"), LENGTH),
    ("ollama", "nothing", Answer({}), STOP),
]
NATIVE = {
    ("anthropic", "sequence"): "stop_sequence",
    ("anthropic", "window"): "model_context_window_exceeded",
    ("anthropic", "pause"): "pause_turn",
    ("openai_chat", "calls-told-but-not-made"): "stop",
}
"""What a client of the upstream's own dialect is told where no other one has a word for it."""

pairs = pytest.mark.parametrize(
    ("upstream", "case", "answer", "end", "client", "stream"),
    [
        pytest.param(*row, client, stream, id=f"{row[0]}-{row[1]}-{client}-{kind}")
        for row in ENDS
        for client in DIALECTS
        for stream, kind in ((False, "whole"), (True, "stream"))
    ],
)


def read(upstream: str, client: str, answer: Answer, *, stream: bool) -> sdk.Seen:
    judge = sdk.stream if stream else sdk.whole
    return judge(client, told(upstream, client, answer, stream=stream))


def ending(client: str, seen: sdk.Seen) -> str:
    """Why it ended, with the reason of an incomplete response in place of its status."""
    if client == RESPONSES and seen.finish == "incomplete":
        return seen.raw.incomplete_details.reason
    return seen.finish


@pairs
def test_every_end_in_the_words_of_every_client(upstream, case, answer, end, client, stream):
    wanted = end.of(client)
    if upstream == client:
        wanted = NATIVE.get((upstream, case), wanted)
        if upstream == "gemini" and end is not CALLS:
            wanted = answer.end["finishReason"]
        if (upstream, case) == ("ollama", "nothing"):
            wanted = ""
    seen = read(upstream, client, answer, stream=stream)
    assert ending(client, seen) == wanted
    if answer.text and client != "ollama":
        assert seen.text == answer.text
    if answer.call and client != COMPLETIONS:
        assert seen.calls == [(CALL[1], CALL[2])]


BLOCKED = Answer({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}, text="")
WITHHELD = gemini("SAFETY", text="")
DECLINED = Answer(
    {
        "stop_reason": "refusal",
        "stop_details": {"type": "refusal", "category": None, "explanation": "Not this one."},
    },
    text="",
)
clients = pytest.mark.parametrize("client", DIALECTS)
streamed = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


@clients
@streamed
@pytest.mark.parametrize(
    ("upstream", "answer", "words"),
    [
        ("gemini", BLOCKED, "PROHIBITED_CONTENT"),
        ("gemini", WITHHELD, "SAFETY"),
        ("anthropic", DECLINED, "Not this one."),
    ],
    ids=["prompt", "answer", "refusal"],
)
def test_F35_P115_P128_an_answer_that_was_not_given_says_why(
    upstream, answer, words, client, stream
):
    seen = read(upstream, client, answer, stream=stream)
    if (client, upstream) == ("gemini", "gemini"):
        assert seen.finish.endswith(words)
        return
    assert ending(client, seen) == FILTER.of(client)
    match client:
        case "anthropic":
            assert words in seen.raw.stop_details.explanation
        case "gemini":  # its own SDK does not pass the message on
            assert words in told(upstream, client, answer, stream=stream).decode()
        case "openai_chat" | "ollama":
            assert words in seen.text
        case _:  # a reason, and no place for words
            assert seen.text == ""


@clients
@streamed
def test_F35_a_filter_in_the_middle_keeps_what_was_said(client, stream):
    seen = read("gemini", client, gemini("SAFETY", text="Half of"), stream=stream)
    assert ending(client, seen) == FILTER.of(client)
    assert seen.text.startswith("Half of")


@clients
@streamed
@pytest.mark.parametrize("upstream", [CHAT, RESPONSES])
def test_a_refusal_in_words_is_words_everywhere(upstream, client, stream):
    said = replace(dict_of(upstream), refusal="I will not.")
    seen = read(upstream, client, said, stream=stream)
    assert seen.text == "I will not."
    assert ending(client, seen) == IN_WORDS.of(client)
    if client == CHAT:
        message = seen.raw.choices[0].message
        assert (message.content or None, message.refusal) == (None, "I will not.")


def dict_of(upstream: str) -> Answer:
    return chat("stop", text="") if upstream == CHAT else responses("completed", text="")


CUT = [row for row in ENDS if row[3] is LENGTH and row[1] in ("length", "window")]


@clients
@streamed
@pytest.mark.parametrize(("upstream", "answer"), [(row[0], row[2]) for row in CUT])
def test_P208_a_limit_that_left_no_room_for_words_is_seen(upstream, answer, client, stream):
    """Models that think may use up all of it before the first word."""
    seen = read(upstream, client, replace(answer, text=""), stream=stream)
    wanted = LENGTH.of(client)
    if upstream == client == "anthropic":
        wanted = answer.end["stop_reason"]
    assert (ending(client, seen), seen.text, seen.calls) == (wanted, "", [])
