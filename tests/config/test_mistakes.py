"""Mistakes: all of them told at once, each with its path and its line, and never a secret."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mux.config import ConfigError, Problem, load


def problems(tmp_path: Path, text: str, environ: dict[str, str] | None = None) -> list[str]:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(ConfigError) as caught:
        load(path, environ or {}, {})
    return [str(problem) for problem in caught.value.problems]


def warnings(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    path.chmod(0o600)
    return [str(warning) for warning in load(path, {}, {}).warnings]


def test_all_mistakes_are_told_at_once_with_path_and_line(tmp_path: Path):
    text = """\
port: 70000
workers: 0
debug: maybe
stream-timeout: soon
max-request-size: big
providers:
  - type: opnai
  - name: nameless
  - type: openai
    api-key: ${NOT_SET}
    base-url: ftp://x
    models: [{alias: a}]
    abilities: {context: many, efforts: [lo], budget-range: [1]}
tls: {enable: true}
"""
    assert problems(tmp_path, text, {"LLM_MUX_REQUEST_RETRY": "-1"}) == [
        "port (line 1): must be <= 65535",
        "workers (line 2): must be >= 1",
        "debug (line 3): expected true or false",
        "stream-timeout (line 4): expected a duration such as 5s, 1m30s or 300",
        "max-request-size (line 5): expected a size such as 50 MB",
        "providers[0].type (line 7): 'opnai' is none of openai, anthropic, gemini, ollama, "
        "vertex, azure, bedrock, vertex-compat, demo; did you mean openai?",
        "providers[1].type (line 8): is required",
        "providers[2].api-key (line 10): the environment variable NOT_SET is not set",
        "providers[2].base-url (line 11): must begin with http:// or https://",
        "providers[2].models[0].name (line 12): is required",
        "providers[2].abilities.context (line 13): expected a number",
        "providers[2].abilities.efforts[0] (line 13): 'lo' is none of minimal, low, medium, "
        "high, xhigh, max; did you mean low?",
        "providers[2].abilities.budget-range (line 13): expected a list of 2",
        "tls.cert (line 14): is required when tls is enabled",
        "tls.key (line 14): is required when tls is enabled",
        "request-retry (LLM_MUX_REQUEST_RETRY): must be >= 0",
    ]


def test_a_mistake_on_the_command_line_names_the_option(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"port \(--port\): must be <= 65535"):
        load(None, {"HOME": str(tmp_path)}, {"port": 70000})


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("port: [1]", "port (line 1): expected a single value"),
        ("tls: yes", "tls (line 1): expected keys with values"),
        ("providers: openai2", "providers[0].type (line 1): 'openai2' is none of"),
        ("- port", "line 1: expected keys with values"),
        ("port", "line 1: expected keys with values"),
        ("port: 1\n\nport: 2", "port (line 3): is given twice"),
        ("{[a]: 1}", "a key must be a single word"),
        ("tls: {<<: 5}", "tls (line 1): what << names cannot be merged"),
        ("routing: {aliases: {a: [b]}}", "routing.aliases.a (line 1): expected a single value"),
    ],
)
def test_shapes(tmp_path: Path, text: str, problem: str):
    assert any(problem in line for line in problems(tmp_path, text))


@pytest.mark.parametrize(
    "text",
    [
        "a: [",
        "\tport: 1",
        "port: 1\n  x: 2",
        "api-key: *sk-secret-value",
        "a: 1\n---\nb: 2",
        "'unclosed",
        "x: \x01",
    ],
)
def test_what_is_not_yaml_is_told_with_its_line_and_not_quoted(tmp_path: Path, text: str):
    (line,) = problems(tmp_path, text)
    assert "not valid YAML" in line
    assert "sk-secret-value" not in line


def test_bytes_that_are_no_text(tmp_path: Path):
    path = tmp_path / "config.yaml"
    path.write_bytes(b"port: \xff\xfe")
    with pytest.raises(ConfigError, match="not valid YAML"):
        load(path, {}, {})


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [*a]",
        "payload: {default: &a [{params: {x: *a}}]}",
        "payload: {default: [{params: &a {x: *a}}]}",
        "tls: &a {<<: *a}",
    ],
)
def test_a_document_that_contains_itself_does_not_hang(tmp_path: Path, text: str):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    path.chmod(0o600)
    with suppress(ConfigError):
        load(path, {}, {})


SECRET = "sk-proj-THISISTHESECRETPART-9876"


@pytest.mark.parametrize(
    "text",
    [
        f"api-keys: {{key: [{SECRET}]}}",
        f"port: {SECRET}",
        f"providers: [{{type: openai, api-key: [{SECRET}]}}]",
        f"providers: [{{type: openai, api-key: '{SECRET}ü'}}]",
        f"providers: [{{type: openai, base-url: 'https://x:{SECRET}@h/v1'}}]",
        f"providers: [{{type: openai, base-url: '{SECRET}'}}]",
        f"proxy-url: 'ssh://x:{SECRET}@h'",
        f"stream-timeout: {SECRET}",
        f"debug: {SECRET}",
        f"usage: {{dsn: 'mysql://u:{SECRET}@h/db'}}",
        f"api-key: {SECRET}\n  : {SECRET}",
    ],
)
def test_no_message_holds_a_secret(tmp_path: Path, text: str):
    for line in problems(tmp_path, text):
        assert "THISISTHESECRETPART" not in line


# -- what is only odd -------------------------------------------------------------------------


def test_unknown_keys_are_warnings_that_name_the_nearest_known(tmp_path: Path):
    text = """\
prot: 1
something-else-entirely: 1
providers:
  - type: ollama
    base_url: http://localhost:1
    models: [{name: m, contxt: 1}]
    abilities: {visoin: true}
"""
    assert warnings(tmp_path, text) == [
        "prot (line 1): unknown key; did you mean port?",
        "something-else-entirely (line 2): unknown key, ignored",
        "providers[0].base_url (line 5): unknown key; did you mean base-url?",
        "providers[0].models[0].contxt (line 6): unknown key; did you mean context?",
        "providers[0].abilities.visoin (line 7): unknown key; did you mean vision?",
    ]


def test_warnings_are_told_beside_mistakes(tmp_path: Path):
    path = tmp_path / "config.yaml"
    path.write_text("prot: 1\nport: x")
    path.chmod(0o600)
    with pytest.raises(ConfigError) as caught:
        load(path, {}, {})
    assert [w.path for w in caught.value.warnings] == ["prot"]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("providers: [{type: bedrock}]", "bedrock is not available in this version"),
        ("disable-auth: false", "every client will be refused"),
        (
            "providers: [{type: openai, api-key: sk-x, base-url: 'http://far.example/v1'}]",
            "http sends the key unencrypted",
        ),
        ("routing: {provider-priority: {nobody: 1}}", "nobody, which is no provider"),
    ],
)
def test_oddities(tmp_path: Path, text: str, part: str):
    (line,) = warnings(tmp_path, text)
    assert part in line


def test_http_to_this_machine_is_not_odd(tmp_path: Path):
    text = "providers: [{type: openai, api-key: sk-x, base-url: 'http://127.0.0.1:1/v1'}]"
    assert warnings(tmp_path, text) == []


def test_T5_a_file_others_can_read_is_odd_and_one_they_can_change_is_refused(tmp_path: Path):
    path = tmp_path / "config.yaml"
    path.write_text("")
    path.chmod(0o644)
    (warning,) = load(path, {}, {}).warnings
    assert "can be read by other users" in str(warning)
    path.chmod(0o602)
    with pytest.raises(ConfigError, match="can be changed by every user"):
        load(path, {}, {})


# -- what must hold between keys --------------------------------------------------------------


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "example.com"])
def test_T6_other_machines_without_keys_only_on_express_wish(tmp_path: Path, host: str):
    (line,) = problems(tmp_path, f"host: '{host}'")
    assert line.startswith(f"host (line 1): {host} can be reached by other machines")
    assert "allow-unauthenticated-remote" in line
    assert problems(tmp_path, f"port: 1\nhost: '{host}'\ndisable-auth: yes") == [
        line.replace("line 1", "line 2")
    ]
    path = tmp_path / "config.yaml"
    path.write_text(f"host: '{host}'\nallow-unauthenticated-remote: true")
    assert load(path, {}, {}).settings.host == host
    path.write_text(f"host: '{host}'\ndisable-auth: false\napi-keys: [a-long-enough-key]")
    assert load(path, {}, {}).settings.host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "localhost", "::1"])
def test_this_machine_alone_needs_no_keys(tmp_path: Path, host: str):
    path = tmp_path / "config.yaml"
    path.write_text(f"host: '{host}'")
    assert load(path, {}, {}).settings.local


@pytest.mark.parametrize("key", ["''", "your-api-key", "changeme", "YOUR-KEY-HERE"])
def test_T6_sample_and_empty_client_keys_are_refused(tmp_path: Path, key: str):
    (line,) = problems(tmp_path, f"disable-auth: false\napi-keys: [good-key-1, {key}]")
    assert line.startswith("api-keys (line 2): one of them is empty or a sample")


@pytest.mark.parametrize("kind", ["openai", "anthropic", "gemini"])
def test_a_vendors_own_host_needs_a_key(tmp_path: Path, kind: str):
    assert problems(tmp_path, f"providers: [{{type: {kind}}}]") == [
        f"providers[0].api-key (line 1): is required for {kind}'s own host"
    ]
    path = tmp_path / "config.yaml"
    for text in (
        f"providers: [{{type: {kind}, enabled: false}}]",
        f"providers: [{{type: {kind}, base-url: 'http://localhost:1/v1'}}]",
        f"providers: [{{type: {kind}, headers: {{authorization: x}}}}]",
        "providers: [{type: ollama}, {type: demo}]",
    ):
        path.write_text(text)
        assert load(path, {}, {}).settings.providers


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[{type: demo, name: a}, {type: ollama, name: A}]", "providers: two are named a"),
        ("[{type: ollama, name: gemini}]", "gemini means providers of type gemini"),
        ("[{type: ollama, name: claude}]", "claude means providers of type anthropic"),
        ("[{type: ollama, name: 'a b'}]", "may hold letters, digits and . _ - only"),
        ("[{type: ollama, name: 'a://'}]", "may hold letters, digits and . _ - only"),
        ("[{type: ollama, dialect: openai-chat}]", "can be chosen for type openai only"),
        ("[{type: ollama, headers: {'a b': c}}]", "'a b' is no header name"),
        ("[{type: ollama, headers: {Host: c}}]", "Host belongs to the connection"),
        ('[{type: ollama, headers: {x: "a\\r\\nb: c"}}]', "characters that no key has"),
        ("[{type: ollama, base-url: 'http://localhost:8317'}]", "is llm-mux itself"),
        ("[{type: openai, base-url: 'http://127.0.0.1:8317/v1'}]", "is llm-mux itself"),
    ],
)
def test_providers_that_cannot_be(tmp_path: Path, text: str, problem: str):
    lines = problems(tmp_path, f"providers: {text}")
    assert any(problem.removeprefix("providers: ") in line for line in lines)


def test_a_mistake_is_not_told_twice(tmp_path: Path):
    text = "providers: [{type: openai, api-key: '${NOPE}'}]"
    assert len(problems(tmp_path, text)) == 1


def test_problems_read_well():
    assert str(Problem("a.b", "is bad", "line 3")) == "a.b (line 3): is bad"
    assert str(Problem("", "is bad", "line 3")) == "line 3: is bad"
    assert str(Problem("a", "is bad")) == "a: is bad"
    assert str(Problem("", "is bad")) == "is bad"


_WORDS = st.sampled_from(
    [
        *("port", "providers", "type", "openai", "api-key", "models", "routing", "payload", "1"),
        *("~", "{", "}", "[", "]", ":", "-", "&", "&a", "*a", "<<", "'", "|", ">", "#", '"'),
        *("\n", "  "),
    ]
)


@given(st.lists(_WORDS | st.text(max_size=4), max_size=30).map(" ".join))
def test_no_text_makes_the_reader_fail_otherwise(tmp_path_factory, text: str):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_text(text, encoding="utf-8", errors="replace")
    with suppress(ConfigError):
        load(path, {}, {})


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ("{requests-per-minute: -1}", "must be >= 0"),
        ("{tokens-per-day: many}", "expected a number"),
        ("{cost-per-month: -0.5}", "must be >= 0"),
    ],
)
def test_limits_are_numbers(tmp_path: Path, limits: str, message: str):
    text = f"disable-auth: false\napi-keys: [{{key: good-key-1, limits: {limits}}}]"
    (line,) = problems(tmp_path, text)
    assert line.startswith("api-keys[0].limits.")
    assert message in line


def test_two_clients_of_one_name(tmp_path: Path):
    keys = "[{key: good-key-1, name: ci}, {key: good-key-2, name: ci}]"
    (line,) = problems(tmp_path, f"disable-auth: false\napi-keys: {keys}")
    assert line.startswith("api-keys (line 2): two are named ci")


def test_limits_that_nobody_is_held_to(tmp_path: Path):
    path = tmp_path / "config.yaml"
    path.write_text("api-keys: [{key: good-key-1, limits: {tokens-per-day: 5}}]")
    path.chmod(0o600)
    (warning,) = load(path, {}, {}).warnings
    assert "leave their key out" in str(warning)
