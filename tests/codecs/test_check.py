"""The checkers of streams: good streams pass, and each rule finds the one thing that breaks it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TypeAlias

import pytest

import mux.codecs
from mux.codecs import CODECS, StreamCheck, Violation
from tests.codecs.streams import GEMINI_ARRAY, GOOD

FOLDER = Path(mux.codecs.__file__).parent


def check(dialect: str, data: bytes, step: int = 0) -> list[Violation]:
    checker = StreamCheck(CODECS[dialect].rules())
    found: list[Violation] = []
    for at in range(0, len(data), step or len(data) or 1):
        found += checker.feed(data[at : at + (step or len(data))])
    return found + checker.eof()


def test_every_dialect_has_its_good_stream():
    assert set(GOOD) == set(CODECS)


@pytest.mark.parametrize(("dialect", "data"), [*GOOD.items(), ("gemini", GEMINI_ARRAY)])
def test_a_good_stream_has_no_violations(dialect, data):
    assert check(dialect, data) == []
    assert check(dialect, data, 1) == []


@pytest.mark.parametrize("dialect", ["anthropic", "openai_chat", "openai_responses"])
@pytest.mark.parametrize("end", [b"\r\n", b"\r"])
def test_P2_any_line_end_and_comments_are_good_where_clients_read_event_streams(dialect, end):
    data = b"\xef\xbb\xbf: hello\n\nretry: 5\n\n" + GOOD[dialect]
    assert check(dialect, data.replace(b"\n", end)) == []
    assert check(dialect, data.replace(b"\n", end), 1) == []


# -- one bad stream for each rule -----------------------------------------------------------------


def without(event: str, data: str = "") -> tuple[bytes, bytes]:
    """What to replace so that the first event of that name is gone."""
    pattern = rf"event: {event}\n[^\n]*{re.escape(data)}\n\n"
    dialect = "openai_responses" if event.startswith("response.") else "anthropic"
    found = re.search(pattern.encode(), GOOD[dialect])
    assert found is not None
    return found[0], b""


Bad: TypeAlias = tuple[str, bytes, bytes] | tuple[str, bytes, bytes, int]
"""The rules that find it, what is replaced in the good stream, by what, and how often; nothing
stands for the end."""

_SSE: list[Bad] = [
    ("json role", b'"created":7,', b'"created":7,"x":NaN,'),
    ("json role", b'"created":7,', b'"created":7,"x":1,"x":2,'),
    ("sse-line", b"data:", b"<html>\ndata:"),
]
BAD: dict[str, list[Bad]] = {
    "anthropic": [
        *_SSE[-1:],
        ("json", b'"text":"Hello"', b'"text":"\xff"'),
        ("no-data", b"event: ping\n", b"event: ping\n\nevent: ping\n"),
        ("event-line", b"event: ping\n", b""),
        ("event-line", b"event: ping\n", b"event: pong\n"),
        ("event-type", b'event: ping\ndata: {"type":"ping"}', b'event: x\ndata: {"type":"x"}'),
        ("field", b'{"type":"ping"}', b'{"type":"ping"}\n\nevent: x\ndata: {}'),
        ("field", b'"input_tokens":9', b'"input_tokens":"9"'),
        ("field", b'"text":"Hello"', b'"text":null'),
        ("field", b'"output_tokens":9', b'"x":9'),
        ("field", b'"stop_reason":"tool_use"', b'"stop_reason":null'),
        ("field", b'"id":"toolu_2"', b'"id":""'),
        ("field", b'"data":"AAAA"', b'"data":""'),
        ("message", b'"content":[]', b'"content":[1]'),
        ("message", b'"role":"assistant"', b'"role":"user"'),
        (
            "order",
            b"event: message_start",
            b'event: ping\ndata: {"type":"ping"}\n\nevent: message_start',
        ),
        ("order", *without("content_block_stop", '{"type":"content_block_stop","index":5}')),
        ("order", b"message_delta", b"ping", 2),
        ("one-block", *without("content_block_stop", '{"type":"content_block_stop","index":0}')),
        ("block-index", b'"index":5', b'"index":6', 2),
        ("block-index", b'"content_block_delta","index":2', b'"content_block_delta","index":1'),
        ("block-type", b'"type":"redacted_thinking"', b'"type":"invented"'),
        ("delta-type", b'"type":"text_delta"', b'"type":"thinking_delta"'),
        ("delta-type", b'"type":"text_delta"', b'"type":"invented"'),
        (
            "signature",
            b'"delta":{"type":"thinking_delta","thinking":"hm"}',
            b'"delta":{"type":"signature_delta","signature":"x"}',
        ),
        ("tool-id", b"toolu_2", b"toolu_1"),
        ("tool-input", b'"input":{}', b'"input":{"a":1}'),
        ("tool-input", b'"partial_json":"1}"', b'"partial_json":"1"'),
        ("tool-input", b'"partial_json":"1}"', b'"partial_json":"1}}"'),
        ("stop-reason", b'"stop_reason":"tool_use"', b'"stop_reason":"end_turn"'),
        ("stop-reason", b'"stop_reason":"tool_use"', b'"stop_reason":"tool_calls"'),
        ("usage", b'"usage":{"output_tokens":9', b'"usage":{"input_tokens":0,"output_tokens":9'),
        ("terminal", *without("message_stop", '{"type":"message_stop"}')),
        ("done-marker", b"", b"data: [DONE]\n\n"),
        ("after-end", b"", b'event: ping\ndata: {"type":"ping"}\n\n'),
        ("blank-line", b'{"type":"message_stop"}\n\n', b'{"type":"message_stop"}\n'),
        ("blank-line", b'{"type":"message_stop"}\n\n', b'{"type":"message_stop"}'),
    ],
    "openai_chat": [
        *_SSE,
        ("json", b'{"content":"Hello"', b'{"content":"\xff"'),
        ("event-line", b"data:", b"event: message\ndata:"),
        ("object", b"chat.completion.chunk", b"chat.completion"),
        ("field", b'"id":"c-1"', b'"id":""'),
        ("field role", b'"choices":[', b'"choixes":['),
        ("field", b'"finish_reason":null', b'"x":null'),
        ("field", b'"type":"function"', b'"x":1'),
        ("field", b'"arguments":""', b'"x":1'),
        ("field", b'"name":"g"', b'"x":1'),
        ("field", b'"content":"Hello"', b'"content":["Hello"]'),
        ("identity", b'"id":"c-1"', b'"id":"c-0"'),
        ("choice-order role", b'"index":0,"delta":{"role"', b'"index":1,"delta":{"role"'),
        ("role", b'"role":"assistant",', b""),
        ("role", b'{"content":"Hello"', b'{"role":"assistant","content":"Hello"'),
        ("refusal", b'"content":"Hello"', b'"content":"Hello","refusal":"No"'),
        ("list-index", b'"content":"Hello"', b'"annotations":[{"a":1}]'),
        ("call-index", b'{"index":2', b'{"index":3', 2),
        ("call-index call-repeats", b'"index":0,"id":"call_1"', b'"index":1,"id":"call_1"'),
        ("call-id", b"call_2", b"call_1"),
        ("call-repeats", b'{"arguments":"{', b'{"name":"f","arguments":"{'),
        ("call-repeats", b'"index":0,"function":{', b'"index":0,"id":"call_1","function":{'),
        ("arguments", b'"arguments":"{}"', b'"arguments":"{"'),
        ("finish-reason", b'"finish_reason":"tool_calls"', b'"finish_reason":"stop"'),
        ("finish-reason", b'"finish_reason":"stop"', b'"finish_reason":"tool_calls"'),
        ("finish-reason", b'"finish_reason":"stop"', b'"finish_reason":"end_turn"'),
        ("finish-reason", b'"finish_reason":"stop"', b'"finish_reason":null'),
        (
            "after-finish",
            b'"content":"Hello"},"finish_reason":null',
            b'"content":"Hello"},"finish_reason":"length"',
        ),
        (
            "usage",
            b'"usage":null',
            b'"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}',
        ),
        ("field", b'"prompt_tokens":1', b'"prompt_tokens":null'),
        ("terminal", b"data: [DONE]\n\n", b""),
        ("done-marker", b"", b"data: [DONE]\n\n"),
        (
            "done-marker",
            b"data: [DONE]\n\n",
            b'data: {"error":{"message":"x"}}\n\ndata: [DONE]\n\n',
        ),
        ("after-end", b"", b'data: {"a":1}\n\n'),
        ("field", b"data: [DONE]\n\n", b'data: {"error":{"code":1}}\n\n'),
        ("json", b"data: [DONE]\n\n", b"data:\n\ndata: [DONE]\n\n"),
        ("blank-line", b"data: [DONE]\n\n", b"data: [DONE]"),
    ],
    "openai_completions": [
        ("object", b"text_completion", b"chat.completion.chunk"),
        ("field", b'"text":"Hi"', b'"text":null'),
        ("finish-reason", b'"finish_reason":"length"', b'"finish_reason":"tool_calls"'),
        (
            "after-finish",
            b'"text":"Hi","logprobs":null,"finish_reason":null',
            b'"text":"Hi","logprobs":null,"finish_reason":"stop"',
        ),
        ("done-marker", b"", b"data: [DONE]\n\n"),
        ("terminal", b"data: [DONE]\n\n", b""),
    ],
    "openai_responses": [
        *_SSE[-1:],
        ("event-line", b"event: response.created\n", b""),
        (
            "event-type",
            b"response.web_search_call.completed",
            b"response.file_search_call.completed",
            2,
        ),
        ("sequence", b'"sequence_number":5', b'"sequence_number":6'),
        ("field", b'"sequence_number":5,', b""),
        ("order status", b"response.created", b"response.queued", 2),
        ("order", b"response.in_progress", b"response.created", 2),
        ("identity", b'"id":"resp_1"', b'"id":"resp_0"'),
        ("status", b'"status":"completed","usage":{', b'"status":"in_progress","usage":{'),
        ("field", b'"cached_tokens":0', b'"x":0'),
        ("field", b'"object":"response"', b'"object":"chat"'),
        (
            "output-index item-unknown item-open output",
            b'"output_index":1,"item"',
            b'"output_index":0,"item"',
        ),
        ("item-unknown item-open", b'"output_index":4', b'"output_index":5'),
        ("output-index output", b'"output_index":3', b'"output_index":1', -1),
        ("item-id", b'"item_id":"msg_1"', b'"item_id":"msg_2"'),
        ("part-index part-unknown item-parts", b'"content_index":0', b'"content_index":1'),
        ("part-type", b"response.output_text.delta", b"response.refusal.delta", 2),
        ("part-unknown text", b'"summary_index":0,"delta"', b'"summary_index":1,"delta"'),
        ("sequence part-open", *without("response.reasoning_summary_part.done")),
        ("sequence text-done", *without("response.output_text.done")),
        ("sequence text-done", *without("response.function_call_arguments.done")),
        ("item-parts", b'"summary":[{"type":"summary_text","text":"Hm"}]', b'"summary":[]', -1),
        ("sequence item-open", *without("response.output_item.done")),
        ("item-done", b'"item_id":"ws_1","output_index":4', b'"item_id":"ws_1","output_index":3'),
        ("output", b'"output":[{', b'"output":[{"type":"message","id":"x"},{'),
        ("text", b'"delta":"lo"', b'"delta":"la"'),
        ("text", b'"delta":"free"', b'"delta":"fr"'),
        ("arguments", b'{\\"a\\":1}', b'{\\"a\\":1', -1),
        ("done-marker", b"event: response.completed", b"data: [DONE]\n\nevent: response.completed"),
        ("after-end", b"", b'event: error\ndata: {"type":"error"}\n\n'),
        ("terminal", *without("response.completed")),
    ],
    "gemini": [
        ("comment", b"data:", b": ping\r\n\r\ndata:"),
        ("data-only", b"data:", b"event: message\r\ndata:"),
        ("data-space", b"data: ", b"data:"),
        ("one-line", b"data: {", b"data: {\r\ndata: "),
        ("sse-line", b"data:", b"hello\r\ndata:"),
        ("done-marker", b"", b"data: [DONE]\r\n\r\n"),
        ("blank-line", b"", b'data: {"usageMetadata":{}}\r\n'),
        ("field", b'"index":0', b'"index":"0"'),
        ("field", b'"args":{"a":1}', b'"args":"{}"'),
        ("field", b'"promptTokenCount":5', b'"promptTokenCount":"5"'),
        ("field", b'"text":"Hello"', b'"text":7'),
        ("field", b'"thought":true', b'"thought":"yes"'),
        ("field", b'"name":"f"', b'"x":1'),
        ("identity", b'"responseId":"r-1"', b'"responseId":"r-0"'),
        ("role", b'"role":"model"', b'"role":"assistant"'),
        ("part", b'{"text":"Hello"}', b'{"texts":"Hello"}'),
        ("part", b'{"text":"Hello"}', b'{"text":"Hello","functionCall":{"name":"f"}}'),
        ("partial-call", b'{"functionCall":{}}', b'{"text":"x"}'),
        ("partial-call", b'{"functionCall":{}}', b'{"functionCall":{"name":"h"}}'),
        ("finish-reason", b'"STOP"', b'"stop"'),
        (
            "after-finish",
            b"",
            b'data: {"candidates":[{"content":{"parts":[{"text":"x"}]}}]}\r\n\r\n',
        ),
        ("terminal", b'"finishReason":"STOP",', b""),
        ("chunk", b'data: {"usageMetadata"', b'data: {"x"'),
        (
            "error-alone",
            b'data: {"usageMetadata"',
            b'data: {"error":{"code":400,"message":"x","status":"X"},"x"',
        ),
        ("field", b"", b'data: {"error":"x"}\r\n\r\n'),
        (
            "after-end",
            b"",
            b'data: {"error":{"code":1,"message":"","status":"X"}}\r\n\r\ndata: {}\r\n\r\n',
        ),
    ],
    "ollama": [
        ("json", b'{"model"', b'data: {"model"'),
        ("blank-line", b"}\n", b"}\n\n"),
        ("line-end", b'"eval_count":2}\n', b'"eval_count":2}'),
        ("line-separator", b"Hello", "a\u2028b".encode()),
        ("field", b'"content":"Hello"', b'"content":null'),
        ("field", b'"arguments":{"a":1}', b'"arguments":"{}"'),
        ("field", b'"done":false', b'"done":0'),
        ("field", b'"message":', b'"x":'),
        ("field", b'"eval_count":2', b'"eval_count":2.5'),
        (
            "field",
            b'{"model":"m","created_at":"2026-01-02T03:04:05.123456789Z","message":{"role":"assistant","content":""},"done":true',
            b'{"error":{}',
        ),
        ("identity", b'"model":"m"', b'"model":"n"'),
        ("created-at", b"2026-01-02T", b"2026-01-02 "),
        ("role", b'"role":"assistant"', b'"role":"model"'),
        ("shape", b'"message":{"role":"assistant","content":"Hello"}', b'"response":"Hello"'),
        ("done-reason", b'"done_reason":"stop"', b'"done_reason":"tool_calls"'),
        ("terminal", b'"done":true', b'"done":false'),
        ("after-end", b'"done":false', b'"done":true,"done_reason":"stop"'),
    ],
}


def spoilt(dialect: str, old: bytes, new: bytes, times: int = 1) -> bytes:
    good = GOOD[dialect]
    if not old:
        return good + new
    assert old in good
    return good.replace(old, new, times)


ROWS = [(dialect, *row) for dialect, rows in BAD.items() for row in rows]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}-{row[1]}")
def test_a_broken_rule_is_found_at_its_place_whatever_the_cut(row):
    dialect, rules, *change = row
    data = spoilt(dialect, *change)
    found = check(dialect, data)
    assert {violation.rule for violation in found} == set(rules.split())
    assert found[0].rule == rules.split()[0]
    for violation in found:
        begins = data[violation.offset - 1 : violation.offset]
        assert violation.offset in (0, len(data)) or begins == b"\n"
    assert check(dialect, data, 1) == found
    assert check(dialect, data, 7) == found


@pytest.mark.parametrize("dialect", sorted(CODECS))
def test_every_rule_of_a_dialect_has_its_bad_stream(dialect):
    sources = [FOLDER / dialect / "check.py", FOLDER / dialect / "check_items.py"]
    if dialect in ("openai_chat", "openai_completions"):
        sources.append(FOLDER / "_openai_check.py")
    text = "".join(path.read_text() for path in sources if path.exists())
    rules = set(re.findall(r'wrong\(\s*"([a-z-]+)"', text))
    assert len(rules) >= 4
    tried = {
        rule for _, rules, *_ in (("", *row) for row in BAD[dialect]) for rule in rules.split()
    }
    if dialect == "openai_completions":
        tried |= {rule for row in BAD["openai_chat"] for rule in row[0].split()}
    assert rules <= tried
