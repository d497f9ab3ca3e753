"""What a Responses upstream says, and what it must be told, whoever the client is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mux.codecs import CODECS
from mux.ir import (
    Abilities,
    Event,
    Reasoning,
    ReasoningState,
    Request,
    Thinking,
    Visibility,
    fold,
)
from tests import sdk
from tests.pairs.test_tools import ABLE, ANTHROPIC, CHAT, GEMINI, OLLAMA, RESPONSES, ways
from tests.pairs.upstreams import sse

CLIENTS = pytest.mark.parametrize("client", ABLE)
SUMMARY = ["**First** I look.", "**Then** I think."]
MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed"}


def response(*output: Any, status: str = "completed", **fields: Any) -> dict[str, Any]:
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "model": "gpt-x",
        "status": status,
        "output": [*output],
        "usage": {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2},
        **fields,
    }


def events(done: dict[str, Any]) -> bytes:
    """The response as a stream of whole items and the deltas of reasoning and text."""
    out: list[Any] = [{"type": "response.created", "response": {**done, "output": []}}]
    for place, item in enumerate(done["output"]):
        where = {"item_id": item["id"], "output_index": place}
        begun = {**item, "summary": []} if "summary" in item else {**item, "content": []}
        out.append({"type": "response.output_item.added", "output_index": place, "item": begun})
        for index, part in enumerate(item.get("summary", ())):
            kind = "response.reasoning_summary_text.delta"
            out += [
                {"type": kind, **where, "summary_index": index, "delta": piece}
                for piece in part["text"].partition(" ")
            ]
        for index, part in enumerate(item.get("content", ())):
            kind = "response.output_text.delta"
            out.append({"type": kind, **where, "content_index": index, "delta": part["text"]})
        out.append({"type": "response.output_item.done", "output_index": place, "item": item})
    out.append({"type": f"response.{done['status']}", "response": done})
    return sse(*out, named=True)


def text(words: str) -> dict[str, Any]:
    part = {"type": "output_text", "text": words, "annotations": [], "logprobs": []}
    return {**MESSAGE, "content": [part]}


def told(client: str, done: dict[str, Any], *, stream: bool) -> bytes:
    source, server = CODECS[RESPONSES].client, CODECS[client].server
    thinks = Reasoning(ReasoningState.ON, visible=Visibility.FULL)
    variant = "chat" if client == OLLAMA else ""
    asks = Request("m", origin=client, variant=variant, stream=stream, reasoning=thinks)
    if not stream:
        return server.encode_response(source.decode_response(json.dumps(done).encode()), asks)
    decoder, encoder = source.stream_decoder(), server.stream_encoder(asks)
    heard: list[Event] = decoder.feed(events(done)) + decoder.eof()
    return b"".join(map(encoder.encode, heard)) + encoder.eof()


def thoughts(client: str, body: bytes, *, stream: bool) -> str:
    """The reasoning a client shows."""
    raw = (sdk.stream if stream else sdk.whole)(client, body).raw
    match client:
        case "openai_chat":
            if stream:
                lines = [line[6:] for line in body.decode().split("\n") if line[:7] == "data: {"]
                choices = [choice for line in lines for choice in json.loads(line)["choices"]]
                return "".join(c["delta"].get("reasoning_content") or "" for c in choices)
            return raw.choices[0].message.reasoning_content
        case "openai_responses":
            [item] = [item for item in raw.output if item.type == "reasoning"]
            return "\n\n".join(part.text for part in item.summary)
        case "anthropic":
            return "".join(block.thinking for block in raw.content if block.type == "thinking")
        case _:
            answer = CODECS[client].client
            decoder = answer.stream_decoder()
            folded = fold([*decoder.feed(body), *decoder.eof()]) if stream else None
            parts = (folded or answer.decode_response(body)).parts
            return "".join(part.text for part in parts if isinstance(part, Thinking))


@CLIENTS
@ways
def test_F31a_P68_parts_of_a_summary_stay_apart(client, stream):
    summary = [{"type": "summary_text", "text": words} for words in SUMMARY]
    reasoning = {"id": "rs_1", "type": "reasoning", "summary": summary, "encrypted_content": "gA"}
    body = told(client, response(reasoning, text("Hi.")), stream=stream)
    assert thoughts(client, body, stream=stream) == "\n\n".join(SUMMARY)


@CLIENTS
@ways
@pytest.mark.parametrize("reason", ["max_output_tokens", "content_filter"])
def test_P71_an_incomplete_answer_is_an_answer(client, stream, reason):
    done = response(text("So far"), status="incomplete", incomplete_details={"reason": reason})
    body = told(client, done, stream=stream)
    seen = (sdk.stream if stream else sdk.whole)(client, body)
    assert seen.text.startswith("So far")
    words = {
        "max_output_tokens": {"length", "incomplete", "max_tokens", "MAX_TOKENS"},
        "content_filter": {"content_filter", "incomplete", "refusal", "SAFETY", "stop"},
    }
    assert str(seen.finish).removeprefix("FinishReason.") in words[reason]


SAID: dict[str, dict[str, Any]] = {
    CHAT: {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "one"},
            {"role": "assistant", "content": "two"},
            {"role": "user", "content": "three"},
        ]
    },
    ANTHROPIC: {
        "max_tokens": 50,
        "system": "Be brief.",
        "messages": [
            {"role": "user", "content": "one"},
            {"role": "assistant", "content": "two"},
            {"role": "user", "content": [{"type": "text", "text": "three"}]},
        ],
    },
    GEMINI: {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {"role": "user", "parts": [{"text": "one"}]},
            {"role": "model", "parts": [{"text": "two"}]},
            {"role": "user", "parts": [{"text": "three"}]},
        ],
    },
    RESPONSES: {
        "instructions": "Be brief.",
        "input": [
            {"role": "user", "content": "one"},
            {"role": "assistant", "content": "two"},
            {"role": "user", "content": [{"type": "input_text", "text": "three"}]},
        ],
    },
}
SAID[OLLAMA] = SAID[CHAT]


@CLIENTS
def test_P74_each_role_has_its_type_of_text(client):
    request = CODECS[client].server.decode_request(
        json.dumps({"model": "m", **SAID[client]}).encode(), model="m"
    )
    body = json.loads(CODECS[RESPONSES].client.encode_request(request, Abilities()).body)
    assert body["instructions"] == "Be brief."
    assert [(item["role"], part["type"], part["text"]) for item in body["input"]
            for part in item["content"]] == [
        ("user", "input_text", "one"),
        ("assistant", "output_text", "two"),
        ("user", "input_text", "three"),
    ]  # fmt: skip


@pytest.mark.parametrize("target", [CHAT, ANTHROPIC, GEMINI, OLLAMA])
def test_P74_easy_messages_and_strings_mean_the_same_to_everybody(target):
    client, able = CODECS[RESPONSES].server, ABLE[target]
    forms: list[Any] = [
        "hi",
        [{"role": "user", "content": "hi"}],
        [{"type": "message", "role": "user", "content": "hi"}],
        [{"role": "user", "content": [{"type": "input_text", "text": "hi"}]}],
    ]
    bodies = {
        CODECS[target]
        .client.encode_request(
            client.decode_request(json.dumps({"model": "m", "input": form}).encode()), able
        )
        .body
        for form in forms
    }
    assert len(bodies) == 1


def test_P73_instructions_are_for_one_call_and_no_part_of_the_history():
    asks = {"model": "m", "instructions": "Be brief.", "previous_response_id": "resp_0"}
    request = CODECS[RESPONSES].server.decode_request(
        json.dumps({**asks, "input": "and now?"}).encode()
    )
    assert [part.text for part in request.system] == ["Be brief."]
    assert len(request.messages) == 1
    body = json.loads(CODECS[RESPONSES].client.encode_request(request, Abilities()).body)
    assert (body["instructions"], body["previous_response_id"]) == ("Be brief.", "resp_0")
    assert "Be brief." not in json.dumps(body["input"])


def test_P64_reasoning_stands_right_before_what_it_led_to():
    call = {"id": "fc_1", "type": "function_call", "status": "completed", "call_id": "call_1"}
    call |= {"name": "f", "arguments": "{}"}
    summary = [{"type": "summary_text", "text": "I look it up."}]
    reasoning = {"id": "rs_1", "type": "reasoning", "summary": summary, "encrypted_content": "gA"}
    body = json.loads(told(ANTHROPIC, response(reasoning, call), stream=False))
    result = {"type": "tool_result", "tool_use_id": body["content"][-1]["id"], "content": "ok"}
    messages = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": body["content"]},
        {"role": "user", "content": [result]},
    ]
    tools = [{"name": "f", "input_schema": {"type": "object"}}]
    again = {"model": "m", "max_tokens": 50, "messages": messages, "tools": tools}
    request = CODECS[ANTHROPIC].server.decode_request(json.dumps(again).encode())
    items = json.loads(CODECS[RESPONSES].client.encode_request(request, Abilities()).body)["input"]
    assert [item["type"] for item in items] == [
        "message",
        "reasoning",
        "function_call",
        "function_call_output",
    ]
    assert (items[1]["id"], items[1]["encrypted_content"]) == ("rs_1", "gA")


@CLIENTS
@ways
def test_P69_the_phase_of_a_message_is_kept_where_there_is_one(client, stream):
    done = response({**text("Let me see."), "phase": "commentary"})
    body = told(client, done, stream=stream)
    seen = (sdk.stream if stream else sdk.whole)(client, body)
    assert seen.text == "Let me see."
    if client == RESPONSES:
        assert seen.raw.output[0].phase == "commentary"
        item = json.loads(seen.raw.output[0].model_dump_json())
        asks = {"model": "m", "input": [{"role": "user", "content": "q"}, item]}
        request = CODECS[RESPONSES].server.decode_request(json.dumps(asks).encode())
        again = CODECS[RESPONSES].client.encode_request(request, Abilities()).body
        assert json.loads(again)["input"][1]["phase"] == "commentary"
