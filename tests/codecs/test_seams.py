"""Texts of one answer, joined."""

from __future__ import annotations

from mux.codecs._seams import Seams
from mux.ir import Part, ServerCall, ServerResult, Text, Thinking, ToolCall


def joined(*parts: Part) -> str:
    seams = Seams()
    out = ""
    for part in parts:
        seams.meet(part)
        if isinstance(part, Text):
            out += seams.join(part.text)
    return out


def test_only_what_the_provider_ran_itself_sets_texts_apart():
    search = ServerCall("web_search"), ServerResult("web_search")
    assert joined(Text("a"), Text("b")) == "ab"
    assert joined(Text("a"), *search, Text(""), Text("b"), Text("c")) == "a\n\nbc"
    assert joined(*search, Text("a")) == "a"
    assert joined(Text("a"), Thinking(("x",)), ToolCall("c", "f"), Text("b")) == "ab"
