"""Keys people have in their environment define providers, if nothing else does."""

from __future__ import annotations

from pathlib import Path

import pytest

from mux.config import ConfigError, ProviderType, Secret, load

HOME = {"HOME": "/nowhere"}


def providers(**environ: str):
    return load(None, {**HOME, **environ}, {}).settings.providers


def test_each_vendors_key_defines_its_provider():
    found = providers(OPENAI_API_KEY="sk-o", ANTHROPIC_API_KEY="sk-a", GEMINI_API_KEY="g")
    assert [(p.type, p.api_key) for p in found] == [
        (ProviderType.OPENAI, Secret("sk-o")),
        (ProviderType.ANTHROPIC, Secret("sk-a")),
        (ProviderType.GEMINI, Secret("g")),
    ]


def test_gemini_before_google():
    (provider,) = providers(GOOGLE_API_KEY="google")
    assert provider.api_key == Secret("google")
    (provider,) = providers(GOOGLE_API_KEY="google", GEMINI_API_KEY="gemini")
    assert provider.api_key == Secret("gemini")


def test_openai_base_url_is_taken_if_set_and_alone_is_nothing():
    (provider,) = providers(OPENAI_API_KEY="sk-o", OPENAI_BASE_URL="https://proxy.example/v1")
    assert provider.base_url == "https://proxy.example/v1"
    assert providers(OPENAI_BASE_URL="https://proxy.example/v1") == ()


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("localhost", "http://localhost:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:11500", "http://127.0.0.1:11500"),
        (":11500", "http://127.0.0.1:11500"),
        ("box.lan:80", "http://box.lan:80"),
        ("http://box.lan", "http://box.lan"),
        ("https://box.lan/ollama/", "https://box.lan/ollama"),
        ("[::1]:11500", "http://[::1]:11500"),
        ("[::]", "http://127.0.0.1:11434"),
    ],
)
def test_OLLAMA_HOST_in_all_its_forms(host: str, address: str):
    (provider,) = providers(OLLAMA_HOST=host)
    assert provider.type is ProviderType.OLLAMA
    assert provider.base_url == address


def test_a_wrong_variable_is_named():
    for host in ("host:port", "[", "a b"):
        with pytest.raises(ConfigError, match=r"base-url \(OLLAMA_HOST\)"):
            providers(OLLAMA_HOST=host)
    with pytest.raises(ConfigError, match=r"base-url \(OPENAI_BASE_URL\)"):
        providers(OPENAI_API_KEY="sk-o", OPENAI_BASE_URL="proxy.example")


def test_an_address_exported_for_a_client_of_ours_is_left_out():
    environ = {
        **HOME,
        "OPENAI_API_KEY": "sk-o",
        "OPENAI_BASE_URL": "http://localhost:8317/v1",
        "OLLAMA_HOST": "127.0.0.1:8317",
    }
    loaded = load(None, environ, {})
    (provider,) = loaded.settings.providers
    assert (provider.type, provider.base_url) == (ProviderType.OPENAI, "")
    assert sorted(warning.place for warning in loaded.warnings) == [
        "OLLAMA_HOST",
        "OPENAI_BASE_URL",
    ]
    other_port = load(None, environ, {"port": 9000}).settings.providers
    assert [p.base_url for p in other_port] == ["http://localhost:8317/v1", "http://127.0.0.1:8317"]


def test_one_configured_provider_and_the_environment_is_not_looked_at(tmp_path: Path):
    path = tmp_path / "config.yaml"
    path.write_text("providers: [{type: demo, enabled: false}]")
    loaded = load(path, {"OPENAI_API_KEY": "sk-o"}, {})
    assert [p.type for p in loaded.settings.providers] == [ProviderType.DEMO]


def test_an_empty_list_of_providers_is_none(tmp_path: Path):
    path = tmp_path / "config.yaml"
    path.write_text("providers: []")
    assert load(path, {"OPENAI_API_KEY": "sk-o"}, {}).settings.providers
