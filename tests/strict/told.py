"""What a request tells an upstream, in words that are the same for every dialect."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Told:
    """The conversation as the upstream sees it.

    `said` is in order: ``("user"|"assistant", text)``, ``("call", name, arguments)`` and
    ``("result", name, text, flagged)``; `tokens` are signatures and ciphertexts.
    """

    system: str = ""
    said: list[tuple[Any, ...]] = field(default_factory=list)
    images: int = 0
    tokens: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)

    def say(self, role: str, text: str | None) -> None:
        if not text:
            return
        if self.said and self.said[-1][0] == role:
            text = self.said.pop()[1] + text
        self.said.append((role, text))

    def call(self, call_id: str, name: str, arguments: Any) -> None:
        self.names[call_id] = name
        parsed = json.loads(arguments) if isinstance(arguments, str) else arguments
        self.said.append(("call", name, parsed))

    def result(self, call_id: str, texts: Iterator[str], flagged: bool = False) -> None:
        self.said.append(("result", self.names.get(call_id, call_id), "\n".join(texts), flagged))

    def texts(self, content: Any) -> Iterator[str]:
        """The texts of a content, a string or parts; its images are counted."""
        if isinstance(content, str):
            yield content
            return
        for part in content or ():
            if "text" in part:
                yield part["text"]
            elif part.get("type") in ("image", "image_url", "input_image"):
                self.images += 1


def _chat(body: dict[str, Any], told: Told) -> None:
    for message in body["messages"]:
        role, content = message["role"], message.get("content")
        if role in ("system", "developer"):
            told.system += "".join(told.texts(content))
        elif role == "tool":
            told.result(message["tool_call_id"], told.texts(content))
        else:
            told.say(role, "".join(told.texts(content)))
        for call in message.get("tool_calls", ()):
            told.call(call["id"], call["function"]["name"], call["function"]["arguments"])


def _responses(body: dict[str, Any], told: Told) -> None:
    told.system = body.get("instructions") or ""
    for item in body["input"]:
        kind = item.get("type", "message")
        if kind == "reasoning":
            told.tokens.append(item["encrypted_content"])
        elif kind == "function_call":
            told.call(item["call_id"], item["name"], item["arguments"])
        elif kind == "function_call_output":
            told.result(item["call_id"], told.texts(item["output"]))
        elif item["role"] in ("system", "developer"):
            told.system += "".join(told.texts(item["content"]))
        else:
            told.say(item["role"], "".join(told.texts(item["content"])))


def _anthropic(body: dict[str, Any], told: Told) -> None:
    told.system = "".join(told.texts(body.get("system")))
    for message in body["messages"]:
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        for block in blocks:
            match block["type"]:
                case "thinking":
                    told.tokens.append(block["signature"])
                case "tool_use":
                    told.call(block["id"], block["name"], block["input"])
                case "tool_result":
                    texts = told.texts(block.get("content"))
                    told.result(block["tool_use_id"], texts, bool(block.get("is_error")))
                case _:
                    told.say(message["role"], "".join(told.texts([block])))


def _gemini(body: dict[str, Any], told: Told) -> None:
    told.system = "".join(told.texts((body.get("systemInstruction") or {}).get("parts")))
    for content in body["contents"]:
        for part in content["parts"]:
            if "thoughtSignature" in part:
                told.tokens.append(part["thoughtSignature"])
            if "functionCall" in part:
                call = part["functionCall"]
                told.call(call["name"], call["name"], call.get("args", {}))
            elif "functionResponse" in part:
                answer = part["functionResponse"]
                told.images += len(answer.get("parts", ()))
                values = (value for value in answer["response"].values())
                told.result(answer["name"], values, "error" in answer["response"])
            elif "inlineData" in part:
                told.images += 1
            elif not part.get("thought"):
                told.say("assistant" if content.get("role") == "model" else "user", part["text"])


def _ollama(body: dict[str, Any], told: Told) -> None:
    for message in body["messages"]:
        told.images += len(message.get("images", ()))
        if message["role"] == "system":
            told.system += message["content"]
        elif message["role"] == "tool":
            told.result(message["tool_name"], told.texts(message.get("content", "")))
        else:
            told.say(message["role"], message.get("content"))
        for call in message.get("tool_calls", ()):
            told.call(
                call["function"]["name"], call["function"]["name"], call["function"]["arguments"]
            )


_READERS: dict[str, Callable[[dict[str, Any], Told], None]] = {
    "openai_chat": _chat,
    "openai_responses": _responses,
    "anthropic": _anthropic,
    "gemini": _gemini,
    "ollama": _ollama,
}


def told(dialect: str, body: dict[str, Any]) -> Told:
    """What `body`, a request of `dialect`, says."""
    out = Told()
    _READERS[dialect](body, out)
    return out
