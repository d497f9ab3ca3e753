"""Providers: from their configuration to a request that can be sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from mux import __version__
from mux.config import ProviderType, load
from mux.ir import Abilities
from mux.providers import Key, Provider, from_settings
from mux.providers.outgoing import Outgoing


def providers(tmp_path: Path, text: str) -> tuple[Provider, ...]:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    path.chmod(0o600)
    return from_settings(load(path, {}, {}).settings)


def provider(tmp_path: Path, fields: str) -> Provider:
    (only,) = providers(tmp_path, f"providers: [{{{fields}}}]")
    return only


def build(made: Provider, dialect: str, path: str = "/p", **options: object) -> Outgoing:
    extra = options.pop("extra", {})
    assert isinstance(extra, dict)
    stream = bool(options.pop("stream", False))
    return made.build(dialect, path, b"{}", made.keys[0], stream=stream, extra_headers=extra)


# -- addresses --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "path", "url"),
    [
        (
            "type: openai, api-key: k",
            "/chat/completions",
            "https://api.openai.com/v1/chat/completions",
        ),
        ("type: anthropic, api-key: k", "/v1/messages", "https://api.anthropic.com/v1/messages"),
        (
            "type: gemini, api-key: k",
            "/v1beta/models/m:generateContent",
            "https://generativelanguage.googleapis.com/v1beta/models/m:generateContent",
        ),
        ("type: ollama", "/api/chat", "http://localhost:11434/api/chat"),
        (
            "type: openai, base-url: 'http://localhost:1234'",
            "/chat/completions",
            "http://localhost:1234/v1/chat/completions",
        ),
        (
            "type: openai, base-url: 'http://localhost:1234/'",
            "/chat/completions",
            "http://localhost:1234/v1/chat/completions",
        ),
        (
            "type: openai, base-url: 'http://localhost:1234/v1/'",
            "/chat/completions",
            "http://localhost:1234/v1/chat/completions",
        ),
        (
            "type: openai, base-url: 'https://host.example/api/paas/v4'",
            "/chat/completions",
            "https://host.example/api/paas/v4/chat/completions",
        ),
        (
            "type: anthropic, base-url: 'https://host.example/anthropic/v1'",
            "/v1/messages",
            "https://host.example/anthropic/v1/messages",
        ),
        (
            "type: gemini, base-url: 'https://host.example/v1beta/'",
            "/v1beta/models/m:generateContent",
            "https://host.example/v1beta/models/m:generateContent",
        ),
        ("type: ollama, base-url: 'http://box:1/v1'", "/api/chat", "http://box:1/api/chat"),
        ("type: ollama, base-url: 'http://box:1/api/'", "/api/chat", "http://box:1/api/chat"),
    ],
)
def test_P26_base_url_and_path_join_whatever_way_it_was_written(
    tmp_path: Path, fields: str, path: str, url: str
):
    made = provider(tmp_path, fields)
    assert build(made, made.codecs[0], path).url == url


def test_the_demo_provider_has_an_address_for_each_dialect(tmp_path: Path):
    made = provider(tmp_path, "type: demo")
    assert build(made, "gemini", "/v1beta/x").url == "demo://gemini/v1beta/x"
    assert build(made, "anthropic", "/v1/messages").url == "demo://anthropic/v1/messages"


# -- headers ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "dialect", "auth"),
    [
        ("type: openai", "openai_chat", {"authorization": "Bearer sk-1"}),
        ("type: openai", "openai_responses", {"authorization": "Bearer sk-1"}),
        ("type: openai", "openai_completions", {"authorization": "Bearer sk-1"}),
        ("type: anthropic", "anthropic", {"x-api-key": "sk-1", "anthropic-version": "2023-06-01"}),
        ("type: gemini", "gemini", {"x-goog-api-key": "sk-1"}),
        ("type: ollama", "ollama", {"authorization": "Bearer sk-1"}),
    ],
)
def test_P144_each_dialect_carries_the_key_in_its_own_way_and_in_no_other(
    tmp_path: Path, fields: str, dialect: str, auth: dict[str, str]
):
    outgoing = build(provider(tmp_path, f"{fields}, api-key: sk-1"), dialect)
    assert outgoing.method == "POST"
    assert outgoing.headers == {
        "content-type": "application/json",
        "accept": "application/json",
        "user-agent": f"llm-mux/{__version__}",
        **auth,
    }
    assert "sk-1" not in outgoing.url
    assert "sk-1" not in repr(outgoing)


def test_without_a_key_there_is_no_credential(tmp_path: Path):
    made = provider(tmp_path, "type: ollama")
    assert len(made.keys) == 1
    assert "authorization" not in build(made, "ollama").headers


@pytest.mark.parametrize(
    ("dialect", "accept"),
    [
        ("openai_chat", "text/event-stream"),
        ("anthropic", "text/event-stream"),
        ("gemini", "text/event-stream"),
        ("ollama", "application/x-ndjson"),
    ],
)
def test_a_stream_is_asked_for_in_the_form_of_the_dialect(
    tmp_path: Path, dialect: str, accept: str
):
    made = provider(tmp_path, "type: demo")
    assert build(made, dialect, stream=True).headers["accept"] == accept


def test_extra_headers_replace_ours_but_never_the_credential(tmp_path: Path):
    made = provider(tmp_path, "type: anthropic, api-key: sk-1")
    headers = build(
        made,
        "anthropic",
        extra={
            "Anthropic-Version": "2026-10-21",
            "anthropic-beta": "b",
            "User-Agent": "client/1",
            "X-Api-Key": "theirs",
        },
    ).headers
    assert headers["anthropic-version"] == "2026-10-21"
    assert headers["anthropic-beta"] == "b"
    assert headers["user-agent"] == "client/1"
    assert headers["x-api-key"] == "sk-1"
    assert all(name == name.lower() for name in headers)


def test_configured_headers_have_the_last_word(tmp_path: Path):
    fields = "type: openai, api-key: sk-1, headers: {Authorization: Token t, X-Team: research}"
    headers = build(provider(tmp_path, fields), "openai_chat", extra={"x-team": "no"}).headers
    assert headers["authorization"] == "Token t"
    assert headers["x-team"] == "research"


# -- keys and proxies ---------------------------------------------------------------------------


def test_the_nearest_proxy_is_taken(tmp_path: Path):
    text = """\
proxy-url: http://global:1
providers:
  - type: openai
    api-key: sk-0
    api-keys: [sk-1, {key: sk-2, proxy-url: "socks5://own:3"}]
    proxy-url: http://provider:2
  - {type: anthropic, api-key: sk-3}
"""
    openai, anthropic = providers(tmp_path, text)
    assert [(key.key.reveal(), key.proxy_url) for key in openai.keys] == [
        ("sk-0", "http://provider:2"),
        ("sk-1", "http://provider:2"),
        ("sk-2", "socks5://own:3"),
    ]
    assert anthropic.keys[0].proxy_url == "http://global:1"
    assert build(anthropic, "anthropic").proxy_url == "http://global:1"
    assert "own:3" not in repr(openai.keys)


def test_what_is_on_this_machine_is_not_behind_the_proxy_for_everything(tmp_path: Path):
    text = """\
proxy-url: http://global:1
providers:
  - {type: ollama}
  - {type: openai, base-url: "http://127.0.0.1:1/v1", proxy-url: "http://own:2"}
"""
    ollama, local = providers(tmp_path, text)
    assert ollama.keys[0].proxy_url == ""
    assert local.keys[0].proxy_url == "http://own:2"


# -- which there are --------------------------------------------------------------------------


def test_disabled_providers_and_those_of_another_version_are_left_out(tmp_path: Path):
    text = "providers: [{type: ollama, enabled: false}, {type: bedrock}, {type: demo}]"
    assert [made.type for made in providers(tmp_path, text)] == [ProviderType.DEMO]


def test_providers_without_a_name_get_one_of_their_own(tmp_path: Path):
    text = """\
providers:
  - {type: ollama}
  - {type: ollama, name: Ollama-2}
  - {type: ollama, base-url: "http://box:1"}
  - {type: demo}
"""
    assert [made.name for made in providers(tmp_path, text)] == [
        "ollama",
        "Ollama-2",
        "ollama-3",
        "demo",
    ]


def test_priority_is_looked_up_by_name_and_then_by_type(tmp_path: Path):
    text = """\
providers: [{type: ollama}, {type: ollama, name: Box}, {type: demo}]
routing: {provider-priority: {box: 1, ollama: 2}}
"""
    assert [made.priority for made in providers(tmp_path, text)] == [2, 1, 0]


@pytest.mark.parametrize(
    ("fields", "catalogue", "own_host"),
    [
        ("type: openai, api-key: k", "openai", True),
        ("type: openai, api-key: k, base-url: 'https://api.openai.com/v1'", "openai", True),
        ("type: openai, base-url: 'https://host.example/v1'", "openai-compatible", False),
        ("type: anthropic, api-key: k", "anthropic", True),
        ("type: anthropic, base-url: 'https://host.example'", "anthropic", False),
        ("type: gemini, api-key: k", "gemini", True),
        ("type: ollama, base-url: 'http://box:11434'", "ollama", False),
        ("type: demo", "demo", True),
    ],
)
def test_a_host_that_is_not_the_vendors_own_is_only_compatible(
    tmp_path: Path, fields: str, catalogue: str, own_host: bool
):
    made = provider(tmp_path, fields)
    assert (made.catalogue, made.own_host) == (catalogue, own_host)


def test_excluded_models_are_globs(tmp_path: Path):
    made = provider(tmp_path, "type: ollama, excluded-models: ['*-preview', 'x?']")
    assert [made.excludes(m) for m in ("a-preview", "xy", "x", "A-PREVIEW")] == [
        True,
        True,
        False,
        False,
    ]


# -- dialects ---------------------------------------------------------------------------------

CLIENTS = ("openai_chat", "openai_responses", "openai_completions", "anthropic", "gemini", "ollama")


def spoken(made: Provider, abilities: Abilities | None = None) -> list[str]:
    return [made.dialect_for(client, "m", abilities or Abilities()) for client in CLIENTS]


def test_openai_is_asked_in_the_clients_dialect_if_it_is_one_of_its_own(tmp_path: Path):
    own = provider(tmp_path, "type: openai, api-key: k")
    chat = "openai_chat"
    assert spoken(own) == [chat, "openai_responses", "openai_completions", chat, chat, chat]


def test_P187_models_that_need_responses_are_asked_there(tmp_path: Path):
    own = provider(tmp_path, "type: openai, api-key: k")
    needing = Abilities(needs_responses=True)
    assert set(spoken(own, needing)) == {"openai_responses"}
    compatible = provider(tmp_path, "type: openai, base-url: 'https://host.example/v1'")
    assert "openai_responses" not in spoken(compatible, needing)


def test_compatible_hosts_speak_chat_and_completions_unless_told_otherwise(tmp_path: Path):
    base = "type: openai, base-url: 'https://host.example/v1'"
    chat = "openai_chat"
    assert spoken(provider(tmp_path, base)) == [chat, chat, "openai_completions", chat, chat, chat]
    both = provider(tmp_path, f"{base}, dialect: [openai-chat, openai_responses]")
    assert spoken(both) == [chat, "openai_responses", chat, chat, chat, chat]


def test_a_dialect_can_be_forced(tmp_path: Path):
    made = provider(tmp_path, "type: openai, api-key: k, dialect: openai-responses")
    assert set(spoken(made)) == {"openai_responses"}


@pytest.mark.parametrize("kind", ["anthropic", "gemini", "ollama"])
def test_the_others_speak_one_dialect(tmp_path: Path, kind: str):
    key = "" if kind == "ollama" else ", api-key: k"
    assert set(spoken(provider(tmp_path, f"type: {kind}{key}"))) == {kind}


def test_demo_models_speak_the_dialect_they_are_made_for(tmp_path: Path):
    from mux.providers.demo import DIALECTS

    made = provider(tmp_path, "type: demo")
    for model, dialect in DIALECTS.items():
        assert made.dialect_for("openai_chat", model, Abilities()) == dialect


def test_a_key_does_not_show_its_proxy():
    from mux.config import Secret

    assert "secret-proxy" not in repr(Key(Secret("k"), "http://secret-proxy"))


@pytest.mark.parametrize(
    ("fields", "url", "header"),
    [
        ("type: openai, api-key: k-1", "https://api.openai.com/v1/models", "authorization"),
        (
            "type: anthropic, api-key: k-1",
            "https://api.anthropic.com/v1/models?limit=1000",
            "x-api-key",
        ),
        (
            "type: gemini, api-key: k-1",
            "https://generativelanguage.googleapis.com/v1beta/models?pageSize=1000",
            "x-goog-api-key",
        ),
        ("type: ollama, api-key: k-1", "http://localhost:11434/api/tags", "authorization"),
    ],
)
def test_a_listing_is_asked_for_with_the_key(tmp_path: Path, fields: str, url: str, header: str):
    made = provider(tmp_path, fields)
    asked = made.listing(made.keys[0])
    assert (asked.method, asked.url, asked.body) == ("GET", url, b"")
    assert asked.headers[header].endswith("k-1")
