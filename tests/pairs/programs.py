"""Agent programs of each dialect: how they ask, what they keep of an answer, and how they go on.

Each sends back all it was given, as the vendors' own SDKs do, and runs every tool it is told to.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from mux.codecs import CODECS
from mux.ir import Request, Response, unfold

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}


class Program:
    """One conversation of a program with us. `body` is its next request."""

    dialect: str

    def __init__(self) -> None:
        self.body: dict[str, Any] = self.first()

    def first(self) -> dict[str, Any]:
        raise NotImplementedError

    def request(self) -> Request:
        """What we understand of its next request."""
        body = json.dumps(self.body).encode()
        return CODECS[self.dialect].server.decode_request(body, model="m", stream=False)

    def told(self, response: Response, *, streamed: bool) -> None:
        """It gets `response`, and its next request goes on from there."""
        server, request = CODECS[self.dialect].server, self.request()
        if streamed:
            encoder = server.stream_encoder(request)
            data = b"".join([encoder.encode(event) for event in unfold(response)]) + encoder.eof()
            self.go_on(self.gathered(data))
        else:
            self.go_on(json.loads(server.encode_response(response, request)))

    def gathered(self, data: bytes) -> dict[str, Any]:
        """The whole answer that a stream amounts to."""
        raise NotImplementedError

    def go_on(self, answer: dict[str, Any]) -> None:
        raise NotImplementedError


def events(data: bytes) -> Iterator[dict[str, Any]]:
    for line in data.splitlines():
        if line.startswith(b"data: {"):
            yield json.loads(line[6:])


class Anthropic(Program):
    dialect = "anthropic"

    def first(self) -> dict[str, Any]:
        return {
            "model": "m",
            "max_tokens": 9000,
            "thinking": {"type": "enabled", "budget_tokens": 2000},
            "messages": [{"role": "user", "content": "go"}],
            "tools": [{"name": "f", "input_schema": SCHEMA}],
        }

    def gathered(self, data: bytes) -> dict[str, Any]:
        content: list[dict[str, Any]] = []
        for event in events(data):
            if event["type"] == "content_block_start":
                assert event["index"] == len(content)
                content.append({**event["content_block"], "json": ""})
            elif event["type"] == "content_block_delta":
                _grow(content[event["index"]], event["delta"])
        for block in content:
            text = block.pop("json")
            if block["type"] == "tool_use":
                block["input"] = json.loads(text or "{}")
        return {"content": content}

    def go_on(self, answer: dict[str, Any]) -> None:
        calls = [block for block in answer["content"] if block["type"] == "tool_use"]
        results = [
            {"type": "tool_result", "tool_use_id": call["id"], "content": "r"} for call in calls
        ]
        self.body["messages"] += [
            {"role": "assistant", "content": answer["content"]},
            {"role": "user", "content": results or "more"},
        ]


def _grow(block: dict[str, Any], delta: dict[str, Any]) -> None:
    match delta["type"]:
        case "text_delta":
            block["text"] += delta["text"]
        case "thinking_delta":
            block["thinking"] += delta["thinking"]
        case "signature_delta":
            assert not block["signature"], "a block is signed once"
            block["signature"] = delta["signature"]
        case "input_json_delta":
            block["json"] += delta["partial_json"]


class Chat(Program):
    dialect = "openai_chat"

    def first(self) -> dict[str, Any]:
        return {
            "model": "m",
            "messages": [{"role": "user", "content": "go"}],
            "tools": [{"type": "function", "function": {"name": "f", "parameters": SCHEMA}}],
        }

    def gathered(self, data: bytes) -> dict[str, Any]:
        message: dict[str, Any] = {"content": None}
        calls: dict[int, dict[str, Any]] = {}
        for chunk in events(data):
            for choice in chunk["choices"]:
                delta = dict(choice["delta"])
                for piece in delta.pop("tool_calls", []):
                    call = calls.setdefault(piece["index"], {"function": {"arguments": ""}})
                    arguments = call["function"]["arguments"]
                    inner = {**call["function"], **piece.get("function", {})}
                    inner["arguments"] = arguments + piece.get("function", {}).get("arguments", "")
                    call |= {**piece, "function": inner}
                for key, value in delta.items():
                    joins = isinstance(value, str) and isinstance(message.get(key), str)
                    message[key] = message[key] + value if joins else value
        if calls:
            message["tool_calls"] = [calls[index] for index in sorted(calls)]
        return {"choices": [{"message": message}]}

    def go_on(self, answer: dict[str, Any]) -> None:
        message = answer["choices"][0]["message"]
        calls = message.get("tool_calls") or []
        results = [{"role": "tool", "tool_call_id": call["id"], "content": "r"} for call in calls]
        more = results or [{"role": "user", "content": "more"}]
        self.body["messages"] += [{**message, "role": "assistant"}, *more]


class Responses(Program):
    dialect = "openai_responses"

    def first(self) -> dict[str, Any]:
        return {
            "model": "m",
            "store": False,
            "include": ["reasoning.encrypted_content"],
            "reasoning": {"effort": "high", "summary": "auto"},
            "input": [{"role": "user", "content": "go"}],
            "tools": [{"type": "function", "name": "f", "parameters": SCHEMA}],
        }

    def gathered(self, data: bytes) -> dict[str, Any]:
        found = [event for event in events(data) if event["type"] == "response.output_item.done"]
        return {"output": [event["item"] for event in found]}

    def go_on(self, answer: dict[str, Any]) -> None:
        calls = [item for item in answer["output"] if item["type"] == "function_call"]
        results = [
            {"type": "function_call_output", "call_id": call["call_id"], "output": "r"}
            for call in calls
        ]
        self.body["input"] += [*answer["output"], *(results or [{"role": "user", "content": "m"}])]


class Gemini(Program):
    dialect = "gemini"

    def first(self) -> dict[str, Any]:
        return {
            "contents": [{"role": "user", "parts": [{"text": "go"}]}],
            "tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": SCHEMA}]}],
            "generationConfig": {"thinkingConfig": {"includeThoughts": True}},
        }

    def gathered(self, data: bytes) -> dict[str, Any]:
        parts = [
            part
            for chunk in events(data)
            for candidate in chunk.get("candidates", [])
            for part in candidate.get("content", {}).get("parts", [])
            if part != {"text": ""}
        ]
        return {"candidates": [{"content": {"role": "model", "parts": parts}}]}

    def go_on(self, answer: dict[str, Any]) -> None:
        content = answer["candidates"][0]["content"]
        calls = [part["functionCall"] for part in content["parts"] if "functionCall" in part]
        results = [
            {"functionResponse": {"id": c["id"], "name": c["name"], "response": {"output": "r"}}}
            for c in calls
        ]
        self.body["contents"] += [content, {"role": "user", "parts": results or [{"text": "more"}]}]


class Ollama(Program):
    dialect = "ollama"

    def request(self) -> Request:
        body = json.dumps(self.body).encode()
        return CODECS[self.dialect].server.decode_request(body, variant="chat")

    def first(self) -> dict[str, Any]:
        return {
            "model": "m",
            "think": True,
            "messages": [{"role": "user", "content": "go"}],
            "tools": [{"type": "function", "function": {"name": "f", "parameters": SCHEMA}}],
        }

    def gathered(self, data: bytes) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": "", "thinking": ""}
        for line in data.splitlines():
            said = json.loads(line)["message"]
            message["content"] += said.get("content") or ""
            message["thinking"] += said.get("thinking") or ""
            if said.get("tool_calls"):
                message.setdefault("tool_calls", []).extend(said["tool_calls"])
        return {"message": message}

    def go_on(self, answer: dict[str, Any]) -> None:
        message = answer["message"]
        results = [
            {"role": "tool", "tool_name": call["function"]["name"], "content": "r"}
            for call in message.get("tool_calls") or []
        ]
        more = results or [{"role": "user", "content": "more"}]
        self.body["messages"] += [message, *more]


PROGRAMS: dict[str, type[Program]] = {
    program.dialect: program for program in (Anthropic, Chat, Responses, Gemini, Ollama)
}
