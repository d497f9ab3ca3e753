"""Agent programs on the official SDKs: each keeps its history the way its vendor documents it.

Two of them speak chat completions: one sends the assistant's message back with every field the SDK
kept, the other rebuilds it from what the documentation names, as most programs do.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from google.genai import types as google

from tests.contract.clients import Anthropic, Google, Ollama, OpenAIChat, OpenAIResponses, Reply

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
DATA_URL = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
SYSTEM = "You are a careful agent."


def _schema(**properties: str) -> dict[str, Any]:
    named = {name: {"type": kind} for name, kind in properties.items()}
    return {"type": "object", "properties": named, "required": list(properties)}


TOOLS: dict[str, dict[str, Any]] = {
    "get_weather": _schema(city="string"),
    "read_file": _schema(path="string", lines="integer"),
    "list_tools": _schema(),
}


@dataclass(frozen=True)
class Result:
    """What a tool gave: text, perhaps as an error, perhaps with a picture."""

    text: str
    error: bool = False
    image: bool = False

    @property
    def told(self) -> str:
        """The text where nothing but words can say that it is an error."""
        return f"Error: {self.text}" if self.error else self.text


class Chat(OpenAIChat):
    """Rebuilds the assistant's message, unknown fields lost."""

    model = ""
    """the model that is asked next"""

    def begin(self) -> tuple[list[Any], dict[str, Any]]:
        functions = [{"name": name, "parameters": schema} for name, schema in TOOLS.items()]
        tools = [{"type": "function", "function": function} for function in functions]
        return [{"role": "system", "content": SYSTEM}], {"tools": tools, **self.thinking()}

    def assistant(self, reply: Reply) -> list[Any]:
        called = [
            {
                "id": call_id,
                "type": "function",
                "function": {"name": name, "arguments": json.dumps(arguments)},
            }
            for call_id, name, arguments in reply.calls
        ]
        turn = {"role": "assistant", "content": reply.text or None}
        return [turn | ({"tool_calls": called} if called else {})]

    def results(self, reply: Reply, results: list[Result]) -> list[Any]:
        messages: list[Any] = [
            {"role": "tool", "tool_call_id": call_id, "content": result.told}
            for (call_id, *_), result in zip(reply.calls, results, strict=True)
        ]
        image = {"type": "image_url", "image_url": {"url": DATA_URL}}
        pictures = [image for result in results if result.image]
        return [*messages, {"role": "user", "content": pictures}] if pictures else messages


class FaithfulChat(Chat):
    """Sends the message back as the SDK holds it, unknown fields included."""

    def assistant(self, reply: Reply) -> list[Any]:
        message = reply.turn.model_dump(exclude_none=True, mode="json")
        message.pop("parsed", None)
        for call in message.get("tool_calls", ()):
            call.pop("index", None)
            call["function"].pop("parsed_arguments", None)
        return [message]


class Responses(OpenAIResponses):
    model = ""

    def begin(self) -> tuple[list[Any], dict[str, Any]]:
        tools = [
            {"type": "function", "name": name, "parameters": schema, "strict": False}
            for name, schema in TOOLS.items()
        ]
        include = ["reasoning.encrypted_content"]
        return [], {"tools": tools, "instructions": SYSTEM, "include": include, **self.thinking()}

    def assistant(self, reply: Reply) -> list[Any]:
        items = [item.model_dump(exclude_none=True, mode="json") for item in reply.turn]
        for item in items:
            item.pop("parsed_arguments", None)
            for part in item.get("content", ()):
                part.pop("parsed", None)
        return items

    def results(self, reply: Reply, results: list[Result]) -> list[Any]:
        return [
            {"type": "function_call_output", "call_id": call_id, "output": self._output(result)}
            for (call_id, *_), result in zip(reply.calls, results, strict=True)
        ]

    def _output(self, result: Result) -> Any:
        if not result.image:
            return result.told
        image = {"type": "input_image", "image_url": DATA_URL, "detail": "auto"}
        return [{"type": "input_text", "text": result.told}, image]


class Messages(Anthropic):
    model = ""

    def ask(self, model: str, turns: list[Any], *, stream: bool, **extra: Any) -> Reply:
        if "opus-4-8" in model:
            extra["thinking"] = {"type": "adaptive", "display": "summarized"}
        return super().ask(model, turns, stream=stream, **extra)

    def begin(self) -> tuple[list[Any], dict[str, Any]]:
        tools = [{"name": name, "input_schema": schema} for name, schema in TOOLS.items()]
        return [], {"tools": tools, "system": SYSTEM, **self.thinking()}

    def assistant(self, reply: Reply) -> list[Any]:
        blocks = [block.model_dump(exclude_none=True, mode="json") for block in reply.turn]
        for block in blocks:
            block.pop("parsed_output", None)
        return [{"role": "assistant", "content": blocks}]

    def results(self, reply: Reply, results: list[Result]) -> list[Any]:
        blocks = [
            {
                "type": "tool_result",
                "tool_use_id": call_id,
                "is_error": result.error,
                "content": self._content(result),
            }
            for (call_id, *_), result in zip(reply.calls, results, strict=True)
        ]
        return [{"role": "user", "content": blocks}]

    def _content(self, result: Result) -> Any:
        if not result.image:
            return result.text
        data = base64.b64encode(PNG).decode()
        source = {"type": "base64", "media_type": "image/png", "data": data}
        return [{"type": "text", "text": result.text}, {"type": "image", "source": source}]


class Generate(Google):
    model = ""

    def begin(self) -> tuple[list[Any], dict[str, Any]]:
        functions = [
            google.FunctionDeclaration(name=name, parameters_json_schema=schema)
            for name, schema in TOOLS.items()
        ]
        return [], {
            "tools": [google.Tool(function_declarations=functions)],
            "automatic_function_calling": google.AutomaticFunctionCallingConfig(disable=True),
            "system_instruction": SYSTEM,
            **self.thinking(),
        }

    def assistant(self, reply: Reply) -> list[Any]:
        return [reply.turn]

    def results(self, reply: Reply, results: list[Result]) -> list[Any]:
        newest = "gemini-2" not in self.model
        parts = [
            google.Part(
                function_response=google.FunctionResponse(
                    id=call_id,
                    name=name,
                    response={"error" if result.error else "output": result.text},
                    parts=[_GOOGLE_IMAGE] if result.image and newest else None,
                )
            )
            for (call_id, name, _), result in zip(reply.calls, results, strict=True)
        ]
        turns = [google.Content(role="user", parts=parts)]
        if any(result.image for result in results) and not newest:
            # Older models take pictures beside the results only.
            picture = google.Part.from_bytes(data=PNG, mime_type="image/png")
            turns.append(google.Content(role="user", parts=[picture]))
        return turns


_GOOGLE_IMAGE = google.FunctionResponsePart(
    inline_data=google.FunctionResponseBlob(mime_type="image/png", data=PNG)
)


class LocalChat(Ollama):
    model = ""

    def begin(self) -> tuple[list[Any], dict[str, Any]]:
        functions = [{"name": name, "parameters": schema} for name, schema in TOOLS.items()]
        tools = [{"type": "function", "function": function} for function in functions]
        return [{"role": "system", "content": SYSTEM}], {"tools": tools, **self.thinking()}

    def assistant(self, reply: Reply) -> list[Any]:
        called = [
            {"function": {"name": name, "arguments": arguments}}
            for _, name, arguments in reply.calls
        ]
        turn = {"role": "assistant", "content": reply.text, "thinking": reply.thinking}
        return [turn | ({"tool_calls": called} if called else {})]

    def results(self, reply: Reply, results: list[Result]) -> list[Any]:
        return [
            {"role": "tool", "tool_name": name, "content": result.told}
            | ({"images": [PNG]} if result.image else {})
            for (_, name, _), result in zip(reply.calls, results, strict=True)
        ]


PROGRAMS: dict[str, Callable[[str], Any]] = {
    "chat": Chat,
    "faithful-chat": FaithfulChat,
    "responses": Responses,
    "anthropic": Messages,
    "google-genai": Generate,
    "ollama": LocalChat,
}
FLAGS_ERRORS = ("anthropic", "google-genai")
"""Programs whose dialect says of a result that it is an error."""
