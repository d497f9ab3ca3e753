"""What clients learn about models before they ask them anything (translation spec section 25)."""

from __future__ import annotations

from typing import Any

import ollama
import pytest
from anthropic.types import ModelInfo as AnthropicModel
from openai.types import Model as OpenAIModel

from mux.config import ProviderSettings, ProviderType, Secret, Settings
from mux.config.provider import ModelSettings
from mux.models import Catalog
from mux.providers import from_settings
from mux.routing import Router
from mux.server.listings import all_models, ollama_show, one_model, shape_of

HAVE = {
    ProviderType.ANTHROPIC: ("claude-sonnet-4-5",),
    ProviderType.OPENAI: ("gpt-4o", "nobody-knows-it"),
    ProviderType.OLLAMA: ("llama3.2:3b", "qwen3:8b"),
}
NAMES = tuple(name for names in HAVE.values() for name in names)


@pytest.fixture(scope="module")
def router() -> Router:
    providers = tuple(
        ProviderSettings(
            kind, name=str(kind), api_key=Secret("k"), models=tuple(map(ModelSettings, names))
        )
        for kind, names in HAVE.items()
    )
    settings = Settings(providers=providers)
    return Router(from_settings(settings), settings, Catalog())


@pytest.mark.parametrize(
    ("dialect", "headers", "query", "shape"),
    [
        ("openai_chat", {}, {}, "openai"),
        ("openai_chat", {"user-agent": "OpenAI/Python 3.1"}, {}, "openai"),
        ("openai_chat", {"anthropic-version": "2023-06-01"}, {}, "anthropic"),
        ("openai_chat", {"user-agent": "claude-cli/2.1.154 (external, cli)"}, {}, "anthropic"),
        ("openai_chat", {"x-goog-api-key": "k"}, {}, "gemini"),
        ("openai_chat", {}, {"key": "k"}, "gemini"),
        ("openai_chat", {}, {"client_version": "0.99.0"}, "codex"),
        ("gemini", {"anthropic-version": "2023-06-01"}, {}, "gemini"),
    ],
)
def test_whose_listing_is_wanted(dialect, headers, query, shape):
    assert shape_of(dialect, headers, query) == shape


@pytest.mark.parametrize("shape", ["openai", "anthropic"])
def test_a_client_that_was_taken_for_another_still_finds_its_fields(router, shape):
    listing: Any = all_models(router, shape, {})
    assert {"object", "data", "has_more", "first_id", "last_id"} <= listing.keys()
    assert [row["id"] for row in listing["data"]] == sorted(NAMES, key=NAMES.index)
    for row in listing["data"]:
        assert OpenAIModel.model_validate(row, strict=True).id == row["id"]
        assert AnthropicModel.model_validate(row).display_name


@pytest.mark.parametrize("name", NAMES)
def test_one_model_in_each_vendors_type(router, name):
    openai, gemini = one_model(router, name, "openai"), one_model(router, name, "gemini")
    assert OpenAIModel.model_validate(openai, strict=True).owned_by
    assert gemini["name"] == f"models/{name}"
    for limit in ("inputTokenLimit", "outputTokenLimit"):
        value = gemini[limit]
        assert isinstance(value, int)
        assert value > 0


@pytest.mark.parametrize(
    ("name", "able", "unable"),
    [
        ("claude-sonnet-4-5", {"tools", "vision", "thinking"}, set()),
        ("gpt-4o", {"tools", "vision"}, {"thinking"}),
        ("llama3.2:3b", {"tools"}, {"vision", "thinking"}),
        ("qwen3:8b", {"tools", "thinking"}, {"vision"}),
        ("nobody-knows-it", {"tools"}, set[str]()),
    ],
)
def test_F46_P162_editors_learn_what_a_model_can_do(router, name, able, unable):
    shown = ollama.ShowResponse.model_validate(ollama_show(router, name))
    found = set(shown.capabilities or ())
    assert able | {"completion"} <= found
    assert not unable & found
    assert shown.modelinfo is not None
    family = shown.modelinfo["general.architecture"]
    assert family
    assert shown.modelinfo[f"{family}.context_length"] >= 4096


def test_P157_every_model_has_a_moment(router):
    listing = ollama.ListResponse.model_validate(all_models(router, "ollama", {}))
    assert [model.model for model in listing.models] == list(NAMES)
    assert all(model.modified_at is not None for model in listing.models)
