"""What each client does in a day, from its first probe on, with strict upstreams."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import httpx
import ollama
import openai
import pytest

from mux.codecs import CODECS
from mux.ir import Text, fold
from tests.strict.answers import Turn
from tests.strict.captured import Upstream, captured, every_client, needs_captures
from tests.strict.programs import PNG, TOOLS
from tests.strict.scenarios import UPSTREAMS, serving, via
from tests.strict.told import told
from tests.strict.upstream import Script

ANSWER = Turn("", "Done.")
ENDS = {
    "anthropic": "message_stop",
    "openai_chat": "[DONE]",
    "openai_responses": "response.completed",
    "gemini": '"finishReason":"STOP"',
}
every_upstream = pytest.mark.parametrize(
    "upstream", UPSTREAMS, ids=[upstream.model for upstream in UPSTREAMS]
)
CLAUDE = {"anthropic-version": "2023-06-01", "authorization": "Bearer k", "x-app": "cli"}


@pytest.fixture(scope="module")
def script() -> Script:
    return Script(trusting=True)


@pytest.fixture(scope="module")
def url(script: Script) -> Iterator[str]:
    with serving(script) as served:
        yield served


def _send(url: str, path: str, body: dict[str, Any], **headers: str) -> httpx.Response:
    return httpx.post(f"{url}{path}", json=body, headers=headers, timeout=30)


@needs_captures
@every_client
@every_upstream
def test_P243_P244_P245_P246_what_agents_send_is_answered(url, script, file, upstream):
    if captured(file)[0].dialect == upstream.dialect:
        pytest.skip("the bytes go through as they are")
    for sent in captured(file):
        script.begin(ANSWER)
        headers = {
            name: value
            for name, value in sent.headers.items()
            if name.startswith("anthropic-") or name == "user-agent"
        }
        path, body = sent.path.replace("up-gemini", via(upstream)), sent.body
        path += "?" + "&".join(f"{key}={value}" for key, value in sent.query.items())
        if "model" in body:
            body = {**body, "model": via(upstream)}
        answer = _send(url, path, body, **headers)
        assert script.refused == []
        assert answer.status_code == 200, answer.text
        assert _read(sent.dialect, answer.content) == "Done."
        assert ENDS[sent.dialect] in answer.text.replace('": "', '":"')
        assert "x-anthropic-billing-header" not in json.dumps(script.asked[0][1])


def _read(dialect: str, stream: bytes) -> str:
    decoder = CODECS[dialect].client.stream_decoder()
    parts = fold([*decoder.feed(stream), *decoder.eof()]).parts
    return "".join(part.text for part in parts if isinstance(part, Text))


CONVERSATION: list[dict[str, Any]] = [
    {"role": "user", "content": "go"},
    {"role": "assistant", "content": [
        {"type": "text", "text": "Reading."},
        {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Wien"}},
        {"type": "tool_use", "id": "toolu_2", "name": "list_tools", "input": {}}]},
]  # fmt: skip


def _claude(**fields: Any) -> dict[str, Any]:
    tools = [{"name": name, "input_schema": schema} for name, schema in TOOLS.items()]
    base = {"max_tokens": 4096, "tools": tools, "stream": True, "messages": CONVERSATION}
    return {**base, **fields}


@every_upstream
def test_P243_an_interrupted_turn_goes_on(url, script, upstream):
    """The user spoke before the tools were done: a call without its result in the history."""
    if upstream.dialect == "anthropic":
        pytest.skip("the bytes go through as they are")
    script.begin(ANSWER)
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "rain"}
    messages = [*CONVERSATION, {"role": "user", "content": [result, _text("Stop that.")]}]
    answer = _send(url, "/v1/messages", _claude(model=via(upstream), messages=messages), **CLAUDE)
    assert script.refused == []
    assert "message_stop" in answer.text
    said = told(*script.asked[0]).said
    assert [item[1] for item in said if item[0] == "result"] == ["get_weather", "list_tools"]
    assert said[-1] == ("user", "Stop that.")


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def test_P243_P25_P110_claude_code_starts(url):
    assert httpx.head(url).status_code == 200
    listing = httpx.get(f"{url}/v1/models?limit=1000", headers=CLAUDE).json()
    assert {model["type"] for model in listing["data"]} == {"model"}
    assert any(model["id"].startswith("claude") for model in listing["data"])
    body = _claude(model=via(UPSTREAMS[0]), messages=CONVERSATION[:1])
    body = {key: body[key] for key in ("model", "messages", "tools")}
    counted = _send(url, "/v1/messages/count_tokens?beta=true", body, **CLAUDE)
    assert counted.json()["input_tokens"] > 0


def test_P244_P75_P78_codex_starts(url):
    models = httpx.get(f"{url}/v1/models?client_version=0.169.0").json()
    assert isinstance(models["models"], list)
    socket = {
        "connection": "Upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": base64.b64encode(bytes(16)).decode(),
        "openai-beta": "responses_websockets=2026-02-06",
    }
    assert httpx.get(f"{url}/v1/responses", headers=socket).status_code == 426


def test_P245_gemini_cli_counts_and_lists(url):
    contents = [{"role": "user", "parts": [{"text": "how many?"}]}]
    path = f"/v1beta/models/{via(UPSTREAMS[0])}:countTokens"
    assert _send(url, path, {"contents": contents}).json()["totalTokens"] > 0
    listing = httpx.get(f"{url}/v1beta/models?pageSize=50").json()
    assert all("generateContent" in m["supportedGenerationMethods"] for m in listing["models"])


@every_upstream
def test_P247_a_forced_tool_gives_structured_output(url, script, upstream):
    """The way LangChain asks for an answer in a form, with usage in the stream."""
    call = ("get_weather", {"city": "Wien"})
    script.begin(Turn("", "", (call,)))
    function = {"name": call[0], "parameters": TOOLS[call[0]]}
    stream: Any = openai.OpenAI(api_key="k", base_url=f"{url}/v1", max_retries=0)
    chunks = list(
        stream.chat.completions.create(
            model=via(upstream),
            messages=[{"role": "user", "content": "Wien"}],
            tools=[{"type": "function", "function": function}],
            tool_choice={"type": "function", "function": {"name": call[0]}},
            parallel_tool_calls=False,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    stream.close()
    assert script.refused == []
    pieces = [c for chunk in chunks for x in chunk.choices for c in x.delta.tool_calls or ()]
    assert [piece.index for piece in pieces] == [0] * len(pieces)
    assert [piece.function.name for piece in pieces if piece.id] == [call[0]]
    assert json.loads("".join(piece.function.arguments or "" for piece in pieces)) == call[1]
    [usage] = [chunk.usage for chunk in chunks if chunk.usage]
    assert usage.total_tokens == 14


@every_upstream
def test_P248_editing_without_tools(url, script, upstream):
    """Aider: plain chat, streamed, thinking shown apart; prompts too, and no list is asked for."""
    script.begin(Turn("Hm.", "```diff\n-a\n+b\n```"), ANSWER)
    said = ("system", "Edit."), ("user", "a to b"), ("assistant", "Ok."), ("user", "go")
    turns = [{"role": role, "content": text} for role, text in said]
    asked = {"model": via(upstream), "reasoning_effort": "low"}
    body = {**asked, "messages": turns, "stream": True}
    answer = _send(url, "/v1/chat/completions", body)
    assert script.refused == []
    lines = [line for line in answer.text.split("\n") if line.startswith("data: {")]
    deltas = [choice["delta"] for line in lines for choice in json.loads(line[6:])["choices"]]
    written = {
        key: "".join(delta.get(key) or "" for delta in deltas)
        for key in ("content", "reasoning_content")
    }
    assert written["content"] == "```diff\n-a\n+b\n```"
    assert written["reasoning_content"] == ("" if upstream.model == "gpt-5.2" else "Hm.")
    completed = _send(url, "/v1/completions", {"model": via(upstream), "prompt": "Say it."})
    assert script.refused == []
    assert completed.json()["choices"][0]["text"] == "Done."


@pytest.mark.parametrize(
    "upstream", [one for one in UPSTREAMS if one.dialect != "ollama"], ids=lambda one: one.model
)
def test_P249_open_webui_chats_with_pictures_and_names_the_chat(
    url: str, script: Script, upstream: Upstream
):
    client: Any = ollama.Client(host=url)
    assert httpx.get(f"{url}/api/version").json()["version"]
    names = [model.model for model in client.list().models]
    assert via(upstream) in names
    assert httpx.get(f"{url}/v1/models").json()["data"]
    script.begin(ANSWER, Turn("", "A title"))
    picture = [{"role": "user", "content": "What is it?", "images": [PNG]}]
    pieces = list(client.chat(via(upstream), picture, stream=True))
    assert "".join(piece.message.content for piece in pieces) == "Done."
    title = client.chat(via(upstream), [{"role": "user", "content": "Name this chat."}])
    assert title.message.content == "A title"
    client._client.close()
    assert script.refused == []
    assert told(*script.asked[0]).images == 1
