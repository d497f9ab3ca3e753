"""The four official SDKs as agent programs use them, behind one face.

Each client asks a question, runs a tool loop, asks for thinking, asks for JSON; streamed or not.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import Any

import anthropic
import ollama
import openai
from google import genai
from google.genai import types as google
from openai.lib.streaming.chat import ChatCompletionStreamState

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city", "days"],
    "additionalProperties": False,
}
TOOL = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
}
TOOL_NAME = "get_weather"
RESULT = "rain at 7 degrees"


@dataclass
class Reply:
    """What came back: visible text, thinking, calls as (id, name, arguments), the native turn."""

    text: str
    thinking: str
    calls: list[tuple[str, str, dict[str, Any]]]
    turn: Any


class OpenAIChat:
    def __init__(self, url: str) -> None:
        client = openai.OpenAI(api_key="k", base_url=f"{url}/v1", max_retries=0)
        self._create: Callable[..., Any] = client.chat.completions.create
        self.close = client.close

    def ask(self, model: str, turns: list[Any], *, stream: bool, **extra: Any) -> Reply:
        made = self._create(model=model, messages=turns, stream=stream, **extra)
        if stream:
            state = ChatCompletionStreamState()
            for chunk in made:
                state.handle_chunk(chunk)
            made = state.current_completion_snapshot
        message = made.choices[0].message
        calls = [
            (call.id, call.function.name, json.loads(call.function.arguments))
            for call in message.tool_calls or ()
        ]
        thinking = getattr(message, "reasoning_content", None) or ""
        return Reply(message.content or "", thinking, calls, message)

    def user(self, text: str) -> list[Any]:
        return [{"role": "user", "content": text}]

    def tools(self) -> dict[str, Any]:
        function = {"name": TOOL_NAME, "description": "The weather", "parameters": TOOL}
        return {"tools": [{"type": "function", "function": function}]}

    def answered(self, turns: list[Any], reply: Reply) -> list[Any]:
        called = [
            {
                "id": call_id,
                "type": "function",
                "function": {"name": name, "arguments": json.dumps(arguments)},
            }
            for call_id, name, arguments in reply.calls
        ]
        results = [
            {"role": "tool", "tool_call_id": call_id, "content": RESULT}
            for call_id, *_ in reply.calls
        ]
        turn = {"role": "assistant", "content": reply.text or None, "tool_calls": called}
        return [*turns, turn, *results]

    def thinking(self) -> dict[str, Any]:
        return {"reasoning_effort": "low"}

    def structured(self) -> dict[str, Any]:
        form = {"name": "answer", "schema": SCHEMA, "strict": True}
        return {"response_format": {"type": "json_schema", "json_schema": form}}


class OpenAIResponses:
    def __init__(self, url: str) -> None:
        self._client = openai.OpenAI(api_key="k", base_url=f"{url}/v1", max_retries=0)
        self.close = self._client.close

    def ask(self, model: str, turns: list[Any], *, stream: bool, **extra: Any) -> Reply:
        fields: dict[str, Any] = {"model": model, "input": turns, "store": False, **extra}
        if stream:
            with self._client.responses.stream(**fields) as events:
                made: Any = events.until_done().get_final_response()
        else:
            made = self._client.responses.create(**fields)
        calls = [
            (item.call_id, item.name, json.loads(item.arguments))
            for item in made.output
            if item.type == "function_call"
        ]
        thinking = "".join(
            part.text
            for item in made.output
            if item.type == "reasoning"
            for part in item.summary or item.content or ()
        )
        return Reply(made.output_text, thinking, calls, made.output)

    def user(self, text: str) -> list[Any]:
        return [{"role": "user", "content": text}]

    def tools(self) -> dict[str, Any]:
        return {
            "tools": [{"type": "function", "name": TOOL_NAME, "parameters": TOOL, "strict": False}]
        }

    def answered(self, turns: list[Any], reply: Reply) -> list[Any]:
        items = [item.model_dump(exclude_none=True, mode="json") for item in reply.turn]
        for item in items:
            item.pop("parsed_arguments", None)
        results = [
            {"type": "function_call_output", "call_id": call_id, "output": RESULT}
            for call_id, *_ in reply.calls
        ]
        return [*turns, *items, *results]

    def thinking(self) -> dict[str, Any]:
        return {"reasoning": {"effort": "low", "summary": "auto"}}

    def structured(self) -> dict[str, Any]:
        form = {"type": "json_schema", "name": "answer", "schema": SCHEMA, "strict": True}
        return {"text": {"format": form}}


class Anthropic:
    def __init__(self, url: str) -> None:
        client = anthropic.Anthropic(api_key="k", base_url=url, max_retries=0)
        self._messages: Any = client.messages
        self.close = client.close

    def ask(self, model: str, turns: list[Any], *, stream: bool, **extra: Any) -> Reply:
        fields = {"model": model, "max_tokens": 4096, "messages": turns, **extra}
        if stream:
            with self._messages.stream(**fields) as events:
                made = events.get_final_message()
        else:
            made = self._messages.create(**fields)
        calls = [(b.id, b.name, b.input) for b in made.content if b.type == "tool_use"]
        text = "".join(b.text for b in made.content if b.type == "text")
        thinking = "".join(b.thinking for b in made.content if b.type == "thinking")
        return Reply(text, thinking, calls, made.content)

    def user(self, text: str) -> list[Any]:
        return [{"role": "user", "content": text}]

    def tools(self) -> dict[str, Any]:
        return {"tools": [{"name": TOOL_NAME, "description": "x", "input_schema": TOOL}]}

    def answered(self, turns: list[Any], reply: Reply) -> list[Any]:
        blocks = [block.model_dump(exclude_none=True, mode="json") for block in reply.turn]
        results = [
            {"type": "tool_result", "tool_use_id": call_id, "content": RESULT}
            for call_id, *_ in reply.calls
        ]
        return [
            *turns,
            {"role": "assistant", "content": blocks},
            {"role": "user", "content": results},
        ]

    def thinking(self) -> dict[str, Any]:
        return {"thinking": {"type": "enabled", "budget_tokens": 2048}}

    def structured(self) -> dict[str, Any]:
        return {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}}


class Google:
    def __init__(self, url: str) -> None:
        client = genai.Client(api_key="k", http_options=google.HttpOptions(base_url=url))
        self._models: Any = client.models
        self.close = client.close

    def ask(self, model: str, turns: list[Any], *, stream: bool, **extra: Any) -> Reply:
        config = google.GenerateContentConfig(**extra)
        if stream:
            chunks = list(
                self._models.generate_content_stream(model=model, contents=turns, config=config)
            )
        else:
            chunks = [self._models.generate_content(model=model, contents=turns, config=config)]
        parts = [
            part
            for chunk in chunks
            for candidate in chunk.candidates or ()
            for part in (candidate.content.parts if candidate.content else None) or ()
        ]
        calls = [
            (part.function_call.id, part.function_call.name, part.function_call.args)
            for part in parts
            if part.function_call
        ]
        text = "".join(part.text for part in parts if part.text and not part.thought)
        thinking = "".join(part.text for part in parts if part.text and part.thought)
        return Reply(text, thinking, calls, google.Content(role="model", parts=parts))

    def user(self, text: str) -> list[Any]:
        return [google.Content(role="user", parts=[google.Part(text=text)])]

    def tools(self) -> dict[str, Any]:
        function = google.FunctionDeclaration(
            name=TOOL_NAME, description="x", parameters_json_schema=TOOL
        )
        return {
            "tools": [google.Tool(function_declarations=[function])],
            "automatic_function_calling": google.AutomaticFunctionCallingConfig(disable=True),
        }

    def answered(self, turns: list[Any], reply: Reply) -> list[Any]:
        results = [
            google.Part(
                function_response=google.FunctionResponse(
                    id=call_id, name=name, response={"output": RESULT}
                )
            )
            for call_id, name, _ in reply.calls
        ]
        return [*turns, reply.turn, google.Content(role="user", parts=results)]

    def thinking(self) -> dict[str, Any]:
        return {
            "thinking_config": google.ThinkingConfig(include_thoughts=True, thinking_budget=2048)
        }

    def structured(self) -> dict[str, Any]:
        return {"response_mime_type": "application/json", "response_json_schema": SCHEMA}


class Ollama:
    def __init__(self, url: str) -> None:
        self._client = ollama.Client(host=url)
        self.close = self._client._client.close

    def ask(self, model: str, turns: list[Any], *, stream: bool, **extra: Any) -> Reply:
        made: Any = self._client.chat(model, turns, stream=stream, **extra)
        lines = list(made) if stream else [made]
        messages = [line.message for line in lines]
        calls = [
            ("", call.function.name, dict(call.function.arguments))
            for message in messages
            for call in message.tool_calls or ()
        ]
        text = "".join(message.content or "" for message in messages)
        thinking = "".join(message.thinking or "" for message in messages)
        assert lines[-1].done
        return Reply(text, thinking, calls, None)

    def user(self, text: str) -> list[Any]:
        return [{"role": "user", "content": text}]

    def tools(self) -> dict[str, Any]:
        function = {"name": TOOL_NAME, "description": "x", "parameters": TOOL}
        return {"tools": [{"type": "function", "function": function}]}

    def answered(self, turns: list[Any], reply: Reply) -> list[Any]:
        called = [
            {"function": {"name": name, "arguments": arguments}}
            for _, name, arguments in reply.calls
        ]
        results = [
            {"role": "tool", "content": RESULT, "tool_name": name} for _, name, _ in reply.calls
        ]
        turn = {"role": "assistant", "content": reply.text, "tool_calls": called}
        return [*turns, turn, *results]

    def thinking(self) -> dict[str, Any]:
        return {"think": True}

    def structured(self) -> dict[str, Any]:
        return {"format": SCHEMA}


@contextmanager
def all_clients(url: str) -> Iterator[dict[str, Any]]:
    """One of each client, pointed at `url`."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(closing(make(url))) for name, make in CLIENTS.items()}


CLIENTS: dict[str, Callable[[str], Any]] = {
    "openai-chat": OpenAIChat,
    "openai-responses": OpenAIResponses,
    "anthropic": Anthropic,
    "google-genai": Google,
    "ollama": Ollama,
}
