"""Which words are cues, and which are not."""

from __future__ import annotations

import re
from typing import Any

import pytest

from mux.providers.demo.cues import COMMAND_CHARS, DEFAULT_RATE, Cues, read
from tests.conftest import ROOT

TOOLS = ("get_weather", "Read", "read_file", "mcp__files__list", "a.b")


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("Think about it", "think", True),
        ("please REASON first", "think", True),
        ("I was thinking", "think", False),
        ("don't think", "think", False),
        ("do not think", "think", False),
        ("refuse", "refuse", True),
        ("never refuse", "refuse", False),
        ("stop short", "short", True),
        ("cite a source", "cite", True),
        ("excited", "cite", False),
        ("fail midway", "midway", True),
        ("cut the stream", "cut", True),
        ("cut the connection please", "cut", True),
        ("fail with 429", "status", 429),
        ("Fail with 503.", "status", 503),
        ("fail with style", "status", 0),
        ("count to 3", "words", ("1", "2", "3")),
        ("count to 0", "words", ()),
        ("count to 3", "rate", DEFAULT_RATE),
        ("count to 3 at 50 per second", "rate", 50.0),
        ("stream 2 words at 0.5/s", "words", ("word1", "word2")),
        ("stream 2 words at 0.5/s", "rate", 0.5),
        ("stream 2 tokens at 10 tokens per second", "rate", 10.0),
        ("stream 2 tokens at 10 words a second", "rate", 10.0),
        ("use a tool", "any_tool", True),
        ("call a tool", "any_tool", True),
        ("do not use a tool", "any_tool", False),
        ("use all tools in parallel", "all_tools", True),
        ("call all the tools", "all_tools", True),
        ("call get_weather", "tools", ("get_weather",)),
        ("Please use the get_weather tool.", "tools", ("get_weather",)),
        ("You must call the tool Read now.", "tools", ("Read",)),
        ("call `a.b`", "tools", ("a.b",)),
        ("call READ", "tools", ("Read",)),
        ("call read_file", "tools", ("read_file",)),
        ("call Read and get_weather", "tools", ("Read", "get_weather")),
        ("call Read, get_weather, and a.b", "tools", ("Read", "get_weather", "a.b")),
        ("call Read, then call mcp__files__list", "tools", ("Read", "mcp__files__list")),
        ("call Read and call Read", "tools", ("Read",)),
        ("call reader", "tools", ()),
        ("never call Read", "tools", ()),
        ("use a loop and read the file", "tools", ()),
        ("call the police", "tools", ()),
        ('call Read with {"path": "a}b"}', "arguments", {"path": "a}b"}),
        ("call Read with care {}", "arguments", None),
        ("call Read with {broken", "arguments", None),
        ("call Read with {broken}", "arguments", None),
    ],
)
def test_a_cue(text: str, field: str, value: Any):
    assert getattr(read(text, TOOLS), field) == value


def documented() -> list[str]:
    """The phrases in the first column of the table of cues."""
    table = (ROOT / "docs" / "demo.md").read_text(encoding="utf-8").split("\n## ")[1]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    return [phrase for row in rows for phrase in re.findall("`([^`]+)`", row)]


@pytest.mark.parametrize("phrase", documented())
def test_what_is_documented_is_understood(phrase: str):
    assert read(phrase, ("NAME", "a", "b", "c")) != Cues()


def test_the_cues_are_documented():
    assert len(documented()) > 15


def test_no_cue_no_command():
    assert read("Hello, what is the weather like?", TOOLS) == Cues()
    assert read("", ()) == Cues()
    assert read("call get_weather", ()) == Cues()


def test_long_texts_give_no_commands():
    text = "fail with 500, refuse, call Read, think. "
    assert read(text, TOOLS).status == 500
    assert read(text + "x" * COMMAND_CHARS, TOOLS) == Cues()


def test_a_count_without_end_ends():
    assert len(read("count to 99999999999999999999", ()).words) == 100_000
