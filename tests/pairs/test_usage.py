"""Token counts from every upstream to every client, through the clients' own SDKs.

One answer, counted as each provider counts it: 1,000 tokens read, of which 600 from the cache and
100 into it, and 200 written, of which 80 are reasoning. Whatever a dialect can tell of that must
reach every client, in the client's arithmetic (translation spec section 14).
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from mux.ir import Answer as IrAnswer
from mux.ir import Finish, Response, StopReason, Text, Usage
from tests import sdk
from tests.pairs.upstreams import DIALECTS, Answer, answered, asked, retold, told

RESPONSES = "openai_responses"
READ, WRITE, INPUT, OUTPUT, REASONING = 600, 100, 1000, 200, 80

_OPENAI = {
    "prompt_tokens": INPUT,
    "completion_tokens": OUTPUT,
    "total_tokens": INPUT + OUTPUT,
    "prompt_tokens_details": {"cached_tokens": READ, "cache_write_tokens": WRITE},
    "completion_tokens_details": {"reasoning_tokens": REASONING},
}
COUNTED: dict[str, Answer] = {
    "openai_chat": Answer({"finish_reason": "stop"}, _OPENAI),
    "openai_completions": Answer({"finish_reason": "stop"}, _OPENAI),
    "openai_responses": Answer(
        {"status": "completed"},
        {
            "input_tokens": INPUT,
            "input_tokens_details": {"cached_tokens": READ, "cache_write_tokens": WRITE},
            "output_tokens": OUTPUT,
            "output_tokens_details": {"reasoning_tokens": REASONING},
            "total_tokens": INPUT + OUTPUT,
        },
    ),
    "anthropic": Answer(
        {"stop_reason": "end_turn"},
        {
            "input_tokens": INPUT - READ - WRITE,
            "cache_read_input_tokens": READ,
            "cache_creation_input_tokens": WRITE,
            "output_tokens": OUTPUT,
            "output_tokens_details": {"thinking_tokens": REASONING},
        },
    ),
    "gemini": Answer(
        {"finishReason": "STOP"},
        {
            "promptTokenCount": INPUT - 10,
            "toolUsePromptTokenCount": 10,
            "cachedContentTokenCount": READ,
            "candidatesTokenCount": OUTPUT - REASONING,
            "thoughtsTokenCount": REASONING,
            "totalTokenCount": INPUT + OUTPUT,
        },
    ),
    "ollama": Answer({"done_reason": "stop"}, {"prompt_eval_count": INPUT, "eval_count": OUTPUT}),
}
KNOWN: dict[str, tuple[int, int, int]] = {
    **dict.fromkeys(DIALECTS, (READ, WRITE, REASONING)),
    "gemini": (READ, 0, REASONING),
    "ollama": (0, 0, 0),
}
"""What an upstream can tell of cache reads, cache writes and reasoning."""

CLIENT_TELLS_WRITES = ("openai_chat", "openai_completions", "openai_responses", "anthropic")

pairs = pytest.mark.parametrize(
    ("upstream", "client", "stream"),
    [
        pytest.param(upstream, client, stream, id=f"{upstream}-{client}-{kind}")
        for upstream in DIALECTS
        for client in DIALECTS
        for stream, kind in ((False, "whole"), (True, "stream"))
    ],
)
clients = pytest.mark.parametrize(
    ("client", "stream"),
    [
        pytest.param(client, stream, id=f"{client}-{kind}")
        for client in DIALECTS
        for stream, kind in ((False, "whole"), (True, "stream"))
    ],
)


def seen(client: str, body: bytes, *, stream: bool) -> dict[str, Any]:
    """The counts as the client's SDK holds them."""
    judge = sdk.stream if stream else sdk.whole
    found = judge(client, body)
    if client == "ollama":
        last = found.raw[-1]
        return {"in": last.prompt_eval_count, "out": last.eval_count}
    return found.usage.model_dump() if found.usage is not None else {}


def reckoned(client: str, counts: dict[str, Any]) -> dict[str, int]:
    """All of what the client reads in one arithmetic: that of the specification's IR."""
    match client:
        case "anthropic":
            parts = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
            fresh, read, write = (counts[part] for part in parts)
            details = counts.get("output_tokens_details") or {}
            return {
                "input": fresh + read + write,
                "output": counts["output_tokens"],
                "read": read,
                "write": write,
                "reasoning": details.get("thinking_tokens") or 0,
            }
        case "gemini":
            names = (
                "prompt_token_count",
                "tool_use_prompt_token_count",
                "candidates_token_count",
                "thoughts_token_count",
                "cached_content_token_count",
            )
            prompt, tools, answer, thoughts, cached = (counts.get(name) or 0 for name in names)
            assert counts["total_token_count"] == prompt + tools + answer + thoughts
            return {
                "input": prompt + tools,
                "output": answer + thoughts,
                "read": cached,
                "reasoning": thoughts,
            }
        case "ollama":
            return {"input": counts["in"], "output": counts["out"]}
    first, last = ("input", "output") if client == RESPONSES else ("prompt", "completion")
    read, written = (counts.get(f"{word}_tokens_details") or {} for word in (first, last))
    out = {"input": counts[f"{first}_tokens"], "output": counts[f"{last}_tokens"]}
    assert counts["total_tokens"] == sum(out.values())
    return out | {
        "read": read.get("cached_tokens") or 0,
        "write": read.get("cache_write_tokens") or 0,
        "reasoning": written.get("reasoning_tokens") or 0,
    }


@pairs
def test_F37_P125_P126_P212_P213_P214_P215_every_count_reaches_every_client(
    upstream, client, stream
):
    body = told(upstream, client, COUNTED[upstream], stream=stream)
    found = reckoned(client, seen(client, body, stream=stream))
    read, write, reasoning = KNOWN[upstream]
    wanted = {"input": INPUT, "output": OUTPUT}
    wanted |= {"read": read, "write": write, "reasoning": reasoning}
    assert found == {name: wanted[name] for name in found}
    assert ("write" in found) is (client in CLIENT_TELLS_WRITES)


@clients
def test_P216_nobody_gets_a_null_where_numbers_are_added_up(client, stream):
    usage = Usage(input_total=10, output_total=4)
    answer = IrAnswer((Text("x"),), Finish(StopReason.STOP))
    body = retold(Response("id", "m", 1, (answer,), usage), client, stream=stream)
    told_counts = reckoned(client, seen(client, body, stream=stream))
    assert (told_counts["input"], told_counts["output"]) == (10, 4)
    assert all(isinstance(count, int) for count in told_counts.values())


@clients
def test_P216_counts_that_contradict_each_other_never_become_negative(client, stream):
    """More from the cache than was read, more reasoning than output: hosts do say so."""
    usage = Usage(input_total=10, output_total=4, cache_read=20, cache_write=5, reasoning=9)
    answer = IrAnswer((Text("x"),), Finish(StopReason.STOP))
    body = retold(Response("id", "m", 1, (answer,), usage), client, stream=stream)
    counts = seen(client, body, stream=stream)
    assert all(count >= 0 for count in reckoned(client, counts).values())


@clients
@pytest.mark.parametrize("upstream", [name for name in DIALECTS if name != "anthropic"])
def test_counts_nobody_gave_are_not_made_up(upstream, client, stream):
    """Zeros only where the dialect demands numbers, else nothing. Anthropic always counts."""
    silent = Answer(COUNTED[upstream].end)
    found = seen(client, told(upstream, client, silent, stream=stream), stream=stream)
    match client:
        case "anthropic" | "openai_responses":
            assert set(reckoned(client, found).values()) == {0}
        case "ollama":
            assert found == {"in": None, "out": None}
        case _:
            assert found == {}


@pytest.mark.parametrize("upstream", DIALECTS)
@pytest.mark.parametrize("client", ["openai_chat", "openai_completions"])
def test_F38_a_client_that_did_not_ask_gets_no_counts_in_its_stream(upstream, client):
    request = replace(asked(client, stream=True), include_usage=False)
    body = answered(upstream, request, COUNTED[upstream])
    assert b"usage" not in body
    assert b'"choices":[]' not in body
    assert body.endswith(b"data: [DONE]\n\n")
    assert sdk.stream(client, body).text == "Hi."


def test_sounds_and_pictures_are_counted_apart_where_both_sides_do():
    """Translation spec section 14: Gemini by modality, OpenAI by name."""
    heard = {
        "promptTokenCount": 50,
        "promptTokensDetails": [
            {"modality": "TEXT", "tokenCount": 10},
            {"modality": "AUDIO", "tokenCount": 30},
            {"modality": "IMAGE", "tokenCount": 10},
        ],
        "candidatesTokenCount": 7,
        "totalTokenCount": 57,
    }
    body = told("gemini", "openai_chat", Answer({"finishReason": "STOP"}, heard), stream=False)
    details = json.loads(body)["usage"]["prompt_tokens_details"]
    assert (details["audio_tokens"], details["image_tokens"]) == (30, 10)
    usage = _OPENAI | {
        "prompt_tokens_details": {"audio_tokens": 30, "image_tokens": 10},
        "completion_tokens_details": {"audio_tokens": 5},
    }
    body = told("openai_chat", "gemini", Answer({"finish_reason": "stop"}, usage), stream=False)
    counts = json.loads(body)["usageMetadata"]
    assert counts["promptTokensDetails"] == [
        {"modality": "AUDIO", "tokenCount": 30},
        {"modality": "IMAGE", "tokenCount": 10},
    ]
    assert counts["candidatesTokensDetails"] == [{"modality": "AUDIO", "tokenCount": 5}]
