"""Long conversations with tools, for every program with every upstream, and nothing is lost.

Parallel calls, errors and pictures in results, thinking before calls, several user turns: what the
program gets is what the upstream said, and what the upstream is told in the end is everything.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.strict.answers import Turn
from tests.strict.programs import FLAGS_ERRORS, PROGRAMS, SYSTEM, Result
from tests.strict.proofs import standard
from tests.strict.scenarios import UPSTREAMS, Step, converse, expected, running, via
from tests.strict.told import Told, told
from tests.strict.upstream import Script

STEPS = [
    Step(
        question="What is the weather like in Wien and Graz? Look at map.png too.",
        answer=Turn(
            "Two towns and a picture.",
            "I will look.",
            (
                ("get_weather", {"city": "Wien"}),
                ("get_weather", {"city": "Graz \"Süd\" \\ 🎡"}),
                ("read_file", {"path": "map.png", "lines": 3}),
            ),
        ),
    ),
    Step(
        results=(Result("rain at 7 degrees"), Result("no such town", error=True),
                 Result("a map", image=True)),
        answer=Turn("Perhaps there is another tool.", "", (("list_tools", {}),)),
    ),
    Step(
        results=(Result('["get_weather","read_file"]\n\nzwei Zeilen ✓'),),
        answer=Turn("", "It rains in Wien; Graz is unknown."),
    ),
    Step(
        question="And now the notes, please.",
        answer=Turn("A file.", "", (("read_file", {"path": "notes.md", "lines": 1}),)),
    ),
    Step(
        results=(Result("# Notes"),),
        answer=Turn("More of it.", "One more look.", (
            ("read_file", {"path": "notes.md", "lines": 99}),
            ("get_weather", {"city": "Linz"}))),
    ),
    Step(
        results=(Result("permission denied", error=True), Result("sunny")),
        answer=Turn("Enough.", "The notes are closed to me; Linz is sunny."),
    ),
    Step(question="Thank you.", answer=Turn("", "You are welcome.")),
]  # fmt: skip


@pytest.fixture(scope="module")
def script() -> Script:
    return Script()


@pytest.fixture(scope="module")
def programs(script: Script) -> Iterator[dict[str, Any]]:
    with running(script) as started:
        yield started


SILENT = ("gpt-5.2",)
"""Models that do not show what they think."""

every_pair = pytest.mark.parametrize(
    ("name", "upstream", "stream"),
    [
        pytest.param(
            name,
            upstream,
            stream,
            id=f"{name}-{upstream.model}-{kind}",
        )
        for name in PROGRAMS
        for upstream in UPSTREAMS
        for stream, kind in ((False, "whole"), (True, "stream"))
    ],
)


@every_pair
def test_nothing_is_lost_in_a_long_conversation(programs, script, name, upstream, stream):
    script.begin(*(step.answer for step in STEPS))
    models = [via(upstream)] * len(STEPS)
    try:
        replies = converse(programs[name], STEPS, models, stream=stream)
    finally:
        refused = script.refused[:]
    assert refused == []
    for step, reply in zip(STEPS, replies, strict=True):
        assert reply.text == step.answer.text
        assert [tuple(call[1:]) for call in reply.calls] == list(step.answer.calls)
        if upstream.model not in SILENT:
            assert reply.thinking == step.answer.thinking
    _assert_proofs_came_back(script)
    last = told(*script.asked[-1])
    assert SYSTEM in last.system
    assert last.images == 1
    assert _comparable(last, name, upstream.dialect) == _wanted(name, upstream.dialect)


def _assert_proofs_came_back(script: Script) -> None:
    """With the results the upstream gets back what it signed when the tools were called: from the
    program, or, where its dialect has no place for that, from the gateway's memory."""
    signs = script.asked[0][0] in ("anthropic", "gemini", "openai_responses")
    assert any(script.minted) is signs
    for step, minted, asked in zip(STEPS[1:], script.minted, script.asked[1:], strict=False):
        if step.results:
            tokens = [standard(token) for token in told(*asked).tokens]
            assert set(minted) <= set(tokens), (step, minted, tokens)


def _wanted(name: str, dialect: str) -> list[tuple[Any, ...]]:
    """The conversation; where a dialect has no flag for errors, words say so."""
    flagged = name in FLAGS_ERRORS and dialect in ("anthropic", "gemini")
    out: list[tuple[Any, ...]] = []
    for item in expected(STEPS):
        if item[0] != "result":
            out.append(item)
            continue
        _, tool, text, error = item
        text = f"Error: {text}" if error and not flagged else text
        out.append(("result", tool, text, flagged and error))
    return out


def _comparable(last: Told, name: str, dialect: str) -> list[tuple[Any, ...]]:
    """`said` without the words that stand where a picture was."""
    questions = [step.question for step in STEPS]
    texts = [result.told for step in STEPS for result in step.results]
    out: list[tuple[Any, ...]] = []
    for item in last.said:
        if item[0] == "user" and item[1] not in questions:
            continue
        if item[0] == "result":
            kind, tool, given, error = item
            text = next((text for text in texts if given.startswith(f"{text}\n")), given)
            out.append((kind, tool, text, error))
        else:
            out.append(item)
    return out
