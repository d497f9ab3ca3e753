"""The estimate of translation spec section 24, figure by figure."""

from __future__ import annotations

from base64 import b64encode

import pytest

from mux.ir import (
    FormatKind,
    Media,
    MediaKind,
    Message,
    Opaque,
    Part,
    Refusal,
    Request,
    ResponseFormat,
    Role,
    ServerCall,
    ServerResult,
    ServerTool,
    SourceKind,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
)
from mux.tokens import estimate


def of(*parts: Part) -> int:
    """The estimate of `parts`, without what a message costs."""
    message = Message(Role.USER, parts)
    return estimate(Request("m", (message,))) - estimate(Request("m", (Message(Role.USER, ()),)))


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", 0),
        ("a", 1),
        ("abcd", 1),
        ("abcde", 2),
        ("a" * 400, 100),
        ("ü", 1),
        ("üüüü", 3),
        ("你好世界", 3),
        ("ab" + "ü" * 2, 2),
        ("\ud83d", 1),
    ],
)
def test_ascii_is_a_quarter_and_the_rest_three_quarters_rounded_up(text: str, tokens: int):
    assert of(Text(text)) == tokens


def test_each_message_costs_four():
    assert estimate(Request("m")) == 0
    messages = (Message(Role.USER, (Text("abcd"),)), Message(Role.ASSISTANT, (Text("abcd"),)))
    assert estimate(Request("m", messages)) == 2 * (4 + 1)


def test_F40_system_text_and_tools_count():
    tool = Tool("name", description="d" * 40, schema={"type": "object"})
    request = Request("m", system=(Text("s" * 40),), tools=(tool,))
    assert estimate(request) == 10 + (1 + 10 + len('{"type":"object"}') // 4 + 1)


def test_other_tools_count_by_what_is_sent():
    custom = Tool("name", grammar=("lark", "g" * 40))
    assert estimate(Request("m", tools=(custom,))) == 1 + 10
    server = ServerTool("web_search", "anthropic", {"type": "web_search"})
    assert estimate(Request("m", tools=(server,))) == 6


def test_the_schema_of_the_answer_counts():
    wanted = ResponseFormat(FormatKind.JSON_SCHEMA, schema={"type": "string"})
    assert estimate(Request("m", response_format=wanted)) == 5


def test_text_before_the_gap_and_after_it():
    assert estimate(Request("m", suffix="abcd")) == 1


def test_an_image_is_1200_wherever_it_comes_from():
    for source in (SourceKind.BASE64, SourceKind.URL, SourceKind.FILE_ID):
        assert of(Media(MediaKind.IMAGE, source, "x" * 9)) == 1200


def test_a_pdf_is_2000_a_page_when_its_pages_can_be_counted():
    pdf = b"%PDF-1.4 /Type /Pages /Type /Page /Type/Page\n/Type  /Page>>"
    data = b64encode(pdf).decode()
    assert of(Media(MediaKind.DOCUMENT, SourceKind.BASE64, data, "application/pdf")) == 3 * 2000


def test_a_pdf_that_does_not_say_is_counted_by_its_bytes():
    data = b64encode(b"%PDF-1.7 " + bytes(99_990)).decode()
    assert of(Media(MediaKind.DOCUMENT, SourceKind.BASE64, data)) == 200
    assert of(Media(MediaKind.DOCUMENT, SourceKind.BASE64, "no base64 at all")) == 1
    assert of(Media(MediaKind.AUDIO, SourceKind.BASE64, data)) == 200


def test_what_cannot_be_seen_is_a_page_and_text_is_text():
    assert of(Media(MediaKind.DOCUMENT, SourceKind.URL, "https://x")) == 2000
    assert of(Media(MediaKind.DOCUMENT, SourceKind.TEXT, "abcd" * 5)) == 5


@pytest.mark.parametrize(
    ("part", "tokens"),
    [
        (Refusal("abcd"), 1),
        (Thinking(("abcd", "efgh")), 2),
        (ToolCall("id", "name", '{"a": 1}'), 1 + 2),
        (ToolResult("id", (Text("abcd"), Media(MediaKind.IMAGE, SourceKind.URL, "u"))), 1 + 1200),
        (ServerCall("web_search", raw={"query": "abcd"}), 4),
        (ServerResult("web_search", raw={"query": "abcd"}), 4),
        (Opaque("anthropic", {"query": "abcd"}), 4),
    ],
)
def test_every_kind_of_part_counts(part: Part, tokens: int):
    assert of(part) == tokens
