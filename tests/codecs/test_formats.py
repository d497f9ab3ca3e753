"""Formats asked for in words, and what models make of the words."""

from __future__ import annotations

import pytest

from mux.codecs._formats import instruct, unfenced, words_for
from mux.ir import (
    Annotation,
    Answer,
    FormatKind,
    Loss,
    Request,
    Response,
    ResponseFormat,
    Text,
    ToolCall,
)

JSON = ResponseFormat(FormatKind.JSON_OBJECT)
SCHEMA = ResponseFormat(FormatKind.JSON_SCHEMA, "person", {"type": "object"})


def said(*parts, wanted=JSON):
    return unfenced(Response(answers=(Answer(parts),)), wanted).parts


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ('```json\n{"a": 1}\n```', '{"a": 1}'),
        ('```\n{"a": 1}\n```\n', '{"a": 1}'),
        ("\n ```JSON\r\n[1]```", "[1]"),
        ('{"a": "```json\\n```"}', '{"a": "```json\\n```"}'),
        ('```json\n{"a": "```"}\n```', '{"a": "```"}'),
        ('Here it is:\n```json\n{"a": 1}\n```', 'Here it is:\n```json\n{"a": 1}\n```'),
        ('```json\n{"a": 1}', '```json\n{"a": 1}'),
        ("```", "```"),
    ],
)
def test_F27_one_fence_around_an_answer_that_is_json_is_taken_off(text, bare):
    assert said(Text(text)) == (Text(bare),)
    assert said(Text(text), wanted=SCHEMA) == (Text(bare),)


def test_F27_fences_stay_where_nobody_asked_for_json_or_they_are_not_around_it_all():
    fenced = Text("```json\n{}\n```")
    assert said(fenced, wanted=ResponseFormat()) == (fenced,)
    assert said(fenced, Text("and more")) == (fenced, Text("and more"))
    cited = Text(fenced.text, (Annotation("https://x", start=0, end=3),))
    assert said(cited) == (cited,)
    assert said(fenced, ToolCall("c", "f")) == (Text("{}"), ToolCall("c", "f"))


def test_F27_a_format_in_words_is_the_last_system_text():
    losses: list[Loss] = []
    request = Request("m", system=(Text("Be brief."),), response_format=SCHEMA)
    told = instruct(request, losses)
    assert [text.text for text in told.system] == ["Be brief.", words_for(SCHEMA)]
    assert '{"type":"object"}' in told.system[-1].text
    assert told.response_format == ResponseFormat()
    assert [loss.code for loss in losses] == ["degrade:response_format"]
    plain = Request("m", system=request.system)
    assert instruct(plain, losses) is plain
