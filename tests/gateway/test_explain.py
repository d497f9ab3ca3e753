"""What `explain` tells of a request's way, and what it keeps to itself."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mux.config import ProviderSettings, ProviderType, Secret, Settings
from mux.config.settings import RoutingSettings
from mux.errors import NotFound
from mux.gateway.exchange import Gateway
from mux.gateway.explain import explain
from mux.gateway.memory import Memory
from mux.models import Catalog
from mux.providers import from_settings
from mux.routing import Router
from mux.upstream.schemes import SchemeTransport
from tests.scenes.fake import call

KEYS = {
    ProviderType.ANTHROPIC: "sk-ant-secret-0123456789",
    ProviderType.OPENAI: "sk-proj-secret-0123456789",
    ProviderType.GEMINI: "AIza-secret-0123456789",
}
SETTINGS = Settings(
    providers=tuple(
        ProviderSettings(kind, api_key=Secret(key), headers={"x-team": Secret("team-secret-01234")})
        for kind, key in KEYS.items()
    ),
    routing=RoutingSettings(
        aliases={"fast": "claude-sonnet-4-5"},
        fallbacks={"claude-sonnet-4-5": ("gpt-5.4", "gemini-2.5-pro")},
    ),
)


def told(model: str, **fields: Any) -> dict[str, Any]:
    body = {"model": model, "messages": [{"role": "user", "content": "hi"}], **fields}
    router = Router(from_settings(SETTINGS), SETTINGS, Catalog())
    gateway = Gateway(router, SchemeTransport({}), lambda: 0, SETTINGS, Memory.empty(lambda: 0))
    found: Any = explain(gateway, call("openai_chat", json.dumps(body).encode()))
    return found


def test_all_candidates_in_order_with_the_reason_and_the_losses():
    found = told("fast", seed=3)["candidates"]
    assert [way["dialect"] for way in found] == ["anthropic", "openai_responses", "gemini"]
    assert found[0]["why"] == "it has this model: claude-sonnet-4-5, which stands in for fast"
    assert [[loss["code"] for loss in way["losses"]] for way in found] == [
        ["drop:seed"],
        ["drop:seed"],
        [],
    ]
    assert found[0]["request"]["url"] == "https://api.anthropic.com/v1/messages"
    assert found[0]["request"]["body"]["messages"][0]["role"] == "user"


def test_a_native_request_is_shown_as_it_is():
    (way,) = told("openai://gpt-4o", seed=3)["candidates"]
    assert way["pass-through"]
    assert way["why"] == "the name forces this provider"
    assert way["request"]["body"]["seed"] == 3


def test_what_a_candidate_cannot_take_is_told_in_its_place():
    found = told("fast", n=9)["candidates"]
    assert "At most 8" in found[0]["error"]
    assert found[0]["param"] == "n"


def test_no_secret_is_told():
    text = json.dumps(told("fast"), ensure_ascii=False)
    for secret in (*KEYS.values(), "team-secret-01234"):
        assert secret not in text
        assert secret[3:-4] not in text
    assert "sk-…6789" in text


def test_an_unknown_model_is_the_error_a_client_gets():
    with pytest.raises(NotFound):
        told("nobodys-model")
