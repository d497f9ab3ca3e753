"""The official SDKs as judges of the bytes we write: real clients over a transport that replays.

`whole` and `stream` hand bytes of a dialect to its vendor's SDK and return what the SDK's user
would see. They raise whatever the SDK raises.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import anthropic
import httpx
import httpx2
import ollama
import openai
from anthropic.types import Message as AnthropicMessage
from google import genai
from google.genai import types as google
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types import Completion
from openai.types.chat import ChatCompletion
from openai.types.responses import Response as OpenAIResponse

from mux.codecs._arguments import to_object

_HOST = "http://mux.test"


@dataclass
class Seen:
    """What the user of an SDK gets: visible text, tool calls as (name, arguments), why it ended."""

    text: str = ""
    calls: list[tuple[str, Any]] = field(default_factory=list)
    finish: str = ""
    usage: Any = None
    raw: Any = None


class _Tape:
    """What the next request is answered with."""

    body = b""
    content_type = "application/json"


_TAPE = _Tape()


def _replay2(request: httpx2.Request) -> httpx2.Response:
    return httpx2.Response(200, headers={"content-type": _TAPE.content_type}, content=_TAPE.body)


def _replay(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, headers={"content-type": _TAPE.content_type}, content=_TAPE.body)


@cache
def _openai() -> openai.OpenAI:
    transport = httpx2.MockTransport(_replay2)
    return openai.OpenAI(
        api_key="k", base_url=f"{_HOST}/v1", http_client=httpx2.Client(transport=transport)
    )


@cache
def _anthropic() -> anthropic.Anthropic:
    transport = httpx2.MockTransport(_replay2)
    return anthropic.Anthropic(
        api_key="k", base_url=_HOST, http_client=httpx2.Client(transport=transport)
    )


@cache
def _google() -> genai.Client:
    client = httpx2.Client(transport=httpx2.MockTransport(_replay2))
    return genai.Client(
        api_key="k", http_options=google.HttpOptions(base_url=_HOST, httpx_client=client)
    )


@cache
def _ollama() -> ollama.Client:
    return ollama.Client(host=_HOST, transport=httpx.MockTransport(_replay))


def whole(dialect: str, body: bytes, *, variant: str = "") -> Seen:
    """A whole answer through the SDK. The OpenAI and Anthropic types are validated strictly too."""
    _TAPE.body, _TAPE.content_type = body, "application/json"
    return _WHOLE[f"{dialect}:{variant}" if variant == "generate" else dialect](body)


def stream(dialect: str, body: bytes, *, variant: str = "") -> Seen:
    """A streamed answer through the SDK and its accumulator."""
    kind = "application/x-ndjson" if dialect == "ollama" else "text/event-stream"
    _TAPE.body, _TAPE.content_type = body, kind
    return _STREAM[f"{dialect}:{variant}" if variant == "generate" else dialect]()


# -- OpenAI chat ----------------------------------------------------------------------------------


def _chat_seen(completion: Any) -> Seen:
    if not completion.choices:
        return Seen(usage=completion.usage, raw=completion)
    choice = completion.choices[0]
    calls = []
    for call in choice.message.tool_calls or ():
        if call.type == "custom":
            calls.append((call.custom.name, call.custom.input))
        else:
            calls.append((call.function.name, to_object(call.function.arguments)))
    text = (choice.message.content or "") + (choice.message.refusal or "")
    return Seen(text, calls, choice.finish_reason, completion.usage, completion)


def _chat_whole(body: bytes) -> Seen:
    completion = _openai().chat.completions.create(model="m", messages=[])
    ChatCompletion.model_validate(json.loads(body))
    return _chat_seen(completion)


def _chat_stream() -> Seen:
    state = ChatCompletionStreamState()
    text = ""
    for chunk in _openai().chat.completions.create(model="m", messages=[], stream=True):
        state.handle_chunk(chunk)
        for choice in chunk.choices:
            if choice.index == 0:
                text += (choice.delta.content or "") + (choice.delta.refusal or "")
    seen = _chat_seen(state.current_completion_snapshot)
    assert seen.text == text
    return seen


# -- OpenAI completions ---------------------------------------------------------------------------


def _completion_seen(completions: list[Any]) -> Seen:
    seen = Seen(raw=completions)
    for completion in completions:
        for choice in completion.choices:
            if choice.index == 0:
                seen.text += choice.text
                seen.finish = choice.finish_reason or seen.finish
        seen.usage = completion.usage or seen.usage
    return seen


def _completion_whole(body: bytes) -> Seen:
    completion = _openai().completions.create(model="m", prompt="")
    Completion.model_validate(json.loads(body))
    return _completion_seen([completion])


def _completion_stream() -> Seen:
    return _completion_seen(list(_openai().completions.create(model="m", prompt="", stream=True)))


# -- OpenAI responses -----------------------------------------------------------------------------


def _response_seen(response: Any) -> Seen:
    seen = Seen(finish=response.status, usage=response.usage, raw=response)
    for item in response.output:
        if item.type == "message":
            for part in item.content:
                seen.text += part.refusal if part.type == "refusal" else part.text
        elif item.type == "function_call":
            seen.calls.append((item.name, to_object(item.arguments)))
        elif item.type == "custom_tool_call":
            seen.calls.append((item.name, item.input))
    return seen


def _response_whole(body: bytes) -> Seen:
    response = _openai().responses.create(model="m", input="x")
    OpenAIResponse.model_validate(json.loads(body))
    return _response_seen(response)


def _response_stream() -> Seen:
    state: Any = ResponseStreamState(input_tools=openai.omit, text_format=openai.omit)
    last: Any = None
    for event in _openai().responses.create(model="m", input="x", stream=True):
        state.handle_event(event)
        last = event
    assert last is not None, "an empty stream"
    assert last.type in ("response.completed", "response.incomplete"), last
    return _response_seen(last.response)


# -- Anthropic ------------------------------------------------------------------------------------


def _message_seen(message: Any) -> Seen:
    seen = Seen(finish=message.stop_reason, usage=message.usage, raw=message)
    for block in message.content:
        if block.type == "text":
            seen.text += block.text
        elif block.type == "tool_use":
            seen.calls.append((block.name, block.input))
    return seen


def _message_whole(body: bytes) -> Seen:
    message = _anthropic().messages.create(model="m", max_tokens=9, messages=[])
    AnthropicMessage.model_validate(json.loads(body))
    return _message_seen(message)


def _message_stream() -> Seen:
    with _anthropic().messages.stream(model="m", max_tokens=9, messages=[]) as events:
        kinds = [event.type for event in events]
        assert kinds[-1] == "message_stop", kinds[-1:]
        return _message_seen(events.get_final_message())


# -- Gemini ---------------------------------------------------------------------------------------


def _google_seen(chunks: list[Any]) -> Seen:
    seen = Seen(raw=chunks)
    for chunk in chunks:
        seen.usage = chunk.usage_metadata or seen.usage
        for candidate in chunk.candidates or ():
            if candidate.index:
                continue
            if candidate.finish_reason:
                seen.finish = candidate.finish_reason.value
            for part in (candidate.content.parts or ()) if candidate.content else ():
                if part.function_call:
                    seen.calls.append((part.function_call.name, part.function_call.args))
                elif part.text and not part.thought:
                    seen.text += part.text
        if chunk.prompt_feedback:
            seen.finish = str(chunk.prompt_feedback.block_reason)
    return seen


def _google_whole(body: bytes) -> Seen:
    return _google_seen([_google().models.generate_content(model="m", contents="x")])


def _google_stream() -> Seen:
    return _google_seen(list(_google().models.generate_content_stream(model="m", contents="x")))


# -- Ollama ---------------------------------------------------------------------------------------


def _ollama_seen(lines: list[Any]) -> Seen:
    seen = Seen(raw=lines)
    for line in lines:
        if hasattr(line, "message"):
            seen.text += line.message.content or ""
            for call in line.message.tool_calls or ():
                seen.calls.append((call.function.name, dict(call.function.arguments)))
        else:
            seen.text += line.response
        seen.finish = line.done_reason or seen.finish
    assert lines, "an empty stream"
    assert lines[-1].done, "no done line"
    return seen


def _ollama_whole(body: bytes) -> Seen:
    return _ollama_seen([_ollama().chat("m", [])])


def _ollama_stream() -> Seen:
    return _ollama_seen(list(_ollama().chat("m", [], stream=True)))


def _generate_whole(body: bytes) -> Seen:
    return _ollama_seen([_ollama().generate("m", "x")])


def _generate_stream() -> Seen:
    return _ollama_seen(list(_ollama().generate("m", "x", stream=True)))


_WHOLE: dict[str, Callable[[bytes], Seen]] = {
    "openai_chat": _chat_whole,
    "openai_completions": _completion_whole,
    "openai_responses": _response_whole,
    "anthropic": _message_whole,
    "gemini": _google_whole,
    "ollama": _ollama_whole,
    "ollama:generate": _generate_whole,
}
_STREAM: dict[str, Callable[[], Seen]] = {
    "openai_chat": _chat_stream,
    "openai_completions": _completion_stream,
    "openai_responses": _response_stream,
    "anthropic": _message_stream,
    "gemini": _google_stream,
    "ollama": _ollama_stream,
    "ollama:generate": _generate_stream,
}
