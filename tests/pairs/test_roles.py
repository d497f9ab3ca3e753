"""Who speaks, from every client to every provider: system texts, and texts begun for the model.

Translation spec sections 3 and 4.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from mux.codecs import CODECS
from mux.errors import Unsupported
from mux.ir import Abilities, Request
from mux.models import Catalog
from tests.pairs.programs import PROGRAMS

MODELS = {
    "anthropic": ("anthropic", "claude-opus-5"),
    "gemini": ("gemini", "gemini-3-pro-preview"),
    "ollama": ("ollama", "qwen3"),
    "openai_chat": ("openai", "gpt-4o"),
    "openai_responses": ("openai", "gpt-5.6-sol"),
}
CONTINUING = {"anthropic", "gemini", "ollama"}
"""Dialects in which a last message of the assistant is a text to go on with."""

every_pair = pytest.mark.parametrize(
    ("client", "upstream"),
    [(client, upstream) for client in sorted(PROGRAMS) for upstream in MODELS],
)


def decoded(client: str, body: dict[str, Any]) -> Request:
    server, data = CODECS[client].server, json.dumps(body).encode()
    if client == "ollama":
        return server.decode_request(data, variant="chat")
    return server.decode_request(data, model="m", stream=False)


def talk(client: str, *turns: tuple[str, str], system: str = "") -> Request:
    """A conversation in the words of `client`. Roles: user, assistant, system."""
    if client == "gemini":
        roles = {"assistant": "model"}
        contents = [{"role": roles.get(r, r), "parts": [{"text": text}]} for r, text in turns]
        top = {"systemInstruction": {"parts": [{"text": system}]}} if system else {}
        return decoded(client, {"contents": contents, **top})
    messages = [{"role": role, "content": text} for role, text in turns]
    if client == "openai_responses":
        top = {"instructions": system} if system else {}
        return decoded(client, {"model": "m", "input": messages, **top})
    if client == "anthropic":
        top = {"system": system} if system else {}
        return decoded(client, {"model": "m", "max_tokens": 9000, "messages": messages, **top})
    first = [{"role": "system", "content": system}] if system else []
    return decoded(client, {"model": "m", "messages": first + messages})


def sent(
    upstream: str, request: Request, abilities: Abilities | None = None
) -> tuple[list[tuple[str, str]], dict[str, Any], list[str]]:
    """The turns as (role, text), the body, and what was lost."""
    abilities = abilities or Catalog().abilities(*MODELS[upstream])
    encoded = CODECS[upstream].client.encode_request(request, abilities)
    body = json.loads(encoded.body)
    turns = body.get("messages") or body.get("input") or body["contents"]
    said = [(turn["role"], _text(turn)) for turn in turns]
    return said, body, [loss.code for loss in encoded.losses]


def _text(turn: dict[str, Any]) -> str:
    content = turn.get("content", turn.get("parts"))
    return content if isinstance(content, str) else "|".join(part["text"] for part in content)


def own_words(upstream: str, role: str) -> str:
    return {"gemini": {"assistant": "model"}}.get(upstream, {}).get(role, role)


@every_pair
def test_P102_a_short_beginning_is_dropped_where_it_cannot_be_continued(client, upstream):
    said, _, losses = sent(upstream, talk(client, ("user", "x"), ("assistant", "{")))
    model = own_words(upstream, "assistant")
    history = client not in CONTINUING or upstream in (client, "ollama")
    if history and upstream != "anthropic":
        assert (said[-1], losses) == ((model, "{"), [])
    elif client in CONTINUING:
        assert (said, losses) == ([("user", "x")], ["degrade:prefill"])
    else:
        assert said[-2:] == [(model, "{"), ("user", "Continue.")]
        assert losses == ["degrade:assistant_tail"]


@every_pair
def test_P102_a_long_beginning_is_never_lost_in_silence(client, upstream):
    begun = talk(client, ("user", "x"), ("assistant", "Once upon a time there was"))
    if client in CONTINUING and upstream != "ollama" and not client == upstream == "gemini":
        with pytest.raises(Unsupported) as caught:
            sent(upstream, begun)
        assert (caught.value.code, caught.value.param) == ("prefill_unsupported", "messages")
    else:
        assert "Once upon a time" in json.dumps(sent(upstream, begun)[1])


@pytest.mark.parametrize("client", sorted(CONTINUING))
def test_P102_a_beginning_is_continued_by_models_that_can(client):
    able = Catalog().abilities("anthropic", "claude-sonnet-4-5")
    begun = talk(client, ("user", "x"), ("assistant", "Once upon a time there was "))
    said, _, losses = sent("anthropic", begun, able)
    assert said[-1] == ("assistant", "Once upon a time there was")
    assert losses == []


@every_pair
def test_the_system_text_is_where_the_provider_wants_it(client, upstream):
    said, body, losses = sent(upstream, talk(client, ("user", "x"), system="Be brief."))
    assert losses == []
    match upstream:
        case "anthropic":
            assert [block["text"] for block in body["system"]] == ["Be brief."]
        case "gemini":
            assert body["systemInstruction"] == {"parts": [{"text": "Be brief."}]}
        case "openai_responses":
            assert body["instructions"] == "Be brief." or client == "openai_responses"
        case _:
            assert said[0] == ("system", "Be brief.")
    assert said[-1] == ("user", "x")
    assert json.dumps(body).count("Be brief.") == 1


@pytest.mark.parametrize("upstream", sorted(MODELS))
@pytest.mark.parametrize("client", ["ollama", "openai_chat", "openai_responses"])
def test_F33_P107_a_later_system_text_stays_in_its_place(client, upstream):
    turns = (("user", "a"), ("assistant", "b"), ("user", "c"), ("system", "S"), ("assistant", "d"))
    said, body, losses = sent(upstream, talk(client, *turns, ("user", "e")))
    words = "<system-reminder>\nS\n</system-reminder>"
    match upstream:
        case "anthropic":
            assert said[2:4] == [("user", "c"), ("system", "S")]
        case "gemini":
            assert said[2] == ("user", f"c|{words}")
            assert losses == ["degrade:mid_system"]
            assert "systemInstruction" not in body
        case "openai_responses" if client != "openai_responses":
            assert said[3] == ("developer", "S")
        case _:
            assert said[3] == ("system", "S")
    older = Catalog().abilities("anthropic", "claude-sonnet-5")
    if upstream == "anthropic":
        said, _, losses = sent(upstream, talk(client, *turns, ("user", "e")), older)
        assert said[2] == ("user", f"c|{words}")
        assert losses == ["degrade:mid_system"]


@pytest.mark.parametrize("client", ["anthropic", "openai_chat", "openai_responses"])
def test_P242_developers_speak_where_they_are_known(client):
    request = talk(client, ("user", "x"), system="S")
    reasoning = Catalog().abilities("openai", "gpt-5")
    role = "system" if client == "openai_chat" else "developer"
    assert sent("openai_chat", request, reasoning)[0][0] == (role, "S")
    said = {"role": "developer", "content": "S"}
    told = decoded(
        "openai_chat", {"model": "m", "messages": [said, {"role": "user", "content": "x"}]}
    )
    assert sent("openai_chat", told, reasoning)[0][0] == ("developer", "S")
    compatible = Catalog().abilities("openai-compatible", "x")
    assert sent("openai_chat", told, compatible)[0][0] == ("system", "S")


@every_pair
def test_P101_P240_empty_texts_and_messages_are_left_out(client, upstream):
    turns = (("user", "a"), ("assistant", ""), ("user", "b"))
    said, body, _ = sent(upstream, talk(client, *turns))
    if client != upstream:
        assert [text for _, text in said if not text] == []
    assert "a" in said[0][1]
    assert said[-1][1].endswith("b")
    assert "" not in [block.get("text") for block in body.get("system", [])]
