"""Loading: which source wins, and what a file may hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from mux.config import (
    ClientKey,
    ConfigError,
    Limits,
    Loaded,
    ProviderType,
    Secret,
    Settings,
    config_folder,
    load,
)
from mux.ir import Effort

NO_HOME = {"HOME": "/nowhere"}


def read(tmp_path: Path, text: str, environ: dict[str, str] | None = None, **options: object):
    return settings_of(tmp_path, text, environ, **options).settings


def settings_of(
    tmp_path: Path, text: str, environ: dict[str, str] | None = None, **options: object
) -> Loaded:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    path.chmod(0o600)
    return load(path, environ or {}, options)


# -- where from -------------------------------------------------------------------------------


def test_without_anything_the_defaults_hold():
    loaded = load(None, NO_HOME, {})
    assert loaded.path is None
    assert loaded.warnings == ()
    assert loaded.settings.host == "127.0.0.1"
    assert loaded.settings.port == 8317
    assert loaded.settings.disable_auth
    assert loaded.settings.max_request_size == 50_000_000
    assert loaded.settings.providers == ()


def test_the_file_is_looked_for_in_the_users_folder(tmp_path: Path):
    folder = tmp_path / ".config" / "llm-mux"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text("port: 9")
    loaded = load(None, {"HOME": str(tmp_path)}, {})
    assert loaded.settings.port == 9
    assert loaded.path == folder / "config.yaml"


def test_XDG_CONFIG_HOME_is_honoured_if_absolute():
    assert config_folder({"XDG_CONFIG_HOME": "/x", "HOME": "/h"}) == Path("/x/llm-mux")
    assert config_folder({"XDG_CONFIG_HOME": "x", "HOME": "/h"}) == Path("/h/.config/llm-mux")
    assert config_folder({"HOME": "/h"}) == Path("/h/.config/llm-mux")


def test_a_file_that_was_named_must_exist(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"none\.yaml: No such file"):
        load(tmp_path / "none.yaml", {}, {})


@pytest.mark.parametrize("text", ["", "# nothing\n", "~", "---\n"])
def test_an_empty_file_says_nothing(tmp_path: Path, text: str):
    assert read(tmp_path, text).port == 8317


# -- who wins ---------------------------------------------------------------------------------


def test_command_line_over_environment_over_file_over_default(tmp_path: Path):
    environ = {"LLM_MUX_PORT": "2", "LLM_MUX_DEBUG": "yes"}
    assert read(tmp_path, "port: 1").port == 1
    assert read(tmp_path, "port: 1", environ).port == 2
    settings = read(tmp_path, "port: 1\nworkers: 2", environ, port=3, host=None)
    assert (settings.port, settings.debug, settings.workers) == (3, True, 2)
    assert settings.host == "127.0.0.1"


def test_an_option_can_switch_off_what_the_file_switches_on(tmp_path: Path):
    assert read(tmp_path, "debug: true", debug=False).debug is False


def test_environment_reaches_into_sections_and_leaves_the_rest_of_them(tmp_path: Path):
    text = "usage: {batch-size: 7, retention-days: 8}"
    usage = read(tmp_path, text, {"LLM_MUX_USAGE_RETENTION_DAYS": "9"}).usage
    assert (usage.batch_size, usage.retention_days) == (7, 9)
    assert read(tmp_path, "", {"LLM_MUX_ALLOW_REMOTE": "1"}).remote_management.allow_remote


def test_environment_holds_lists_with_commas_and_deeper_things_as_yaml(tmp_path: Path):
    settings = read(
        tmp_path,
        "",
        {
            "LLM_MUX_API_KEYS": "first-key, second-key",
            "LLM_MUX_ROUTING_ALIASES": "{a: b}",
            "LLM_MUX_PROVIDERS": "[{type: ollama}]",
        },
    )
    assert settings.api_keys == (ClientKey(Secret("first-key")), ClientKey(Secret("second-key")))
    assert settings.routing.aliases == {"a": "b"}
    assert settings.providers[0].type is ProviderType.OLLAMA


def test_an_environment_text_is_taken_as_it_is_and_not_as_yaml(tmp_path: Path):
    settings = read(tmp_path, "", {"LLM_MUX_USAGE_DSN": "postgres://u:p: #x@h/db"})
    assert settings.usage.dsn == Secret("postgres://u:p: #x@h/db")


def test_an_empty_variable_says_nothing(tmp_path: Path):
    assert read(tmp_path, "port: 1", {"LLM_MUX_PORT": ""}).port == 1


def test_an_unknown_variable_is_a_warning_with_the_nearest_known(tmp_path: Path):
    loaded = settings_of(tmp_path, "", {"LLM_MUX_PROT": "1", "LLM_MUX_MANAGEMENT_KEY": "x"})
    assert [str(w) for w in loaded.warnings] == [
        "LLM_MUX_PROT: unknown variable; did you mean LLM_MUX_PORT?"
    ]


def test_what_kubernetes_sets_for_a_service_of_our_name_is_not_meant_for_us(tmp_path: Path):
    environ = {
        "LLM_MUX_PORT": "tcp://10.0.0.7:8317",
        "LLM_MUX_SERVICE_HOST": "10.0.0.7",
        "LLM_MUX_SERVICE_PORT": "8317",
        "LLM_MUX_PORT_8317_TCP_ADDR": "10.0.0.7",
    }
    loaded = settings_of(tmp_path, "port: 1", environ)
    assert loaded.settings.port == 1
    assert loaded.warnings == ()


# -- what a file may hold -----------------------------------------------------------------------

EVERYTHING = """\
host: 127.0.0.1
port: 8318
workers: 2
disable-auth: false
api-keys: [first-key, second-key]
auth-dir: secrets
debug: true
log-format: json
logging-to-file: true
request-log: true
tracing: true
usage-statistics-enabled: false
ws-auth: false
shutdown-grace: 5s
oauth-excluded-models: {openai: ["*-mini"]}
strict: true
request-timeout: 2h
proxy-url: socks5://127.0.0.1:1080
request-retry: 2
max-retry-interval: 10
connect-timeout: 1s
first-byte-timeout: 1m
stream-timeout: 250
disable-cooling: true
allow-unauthenticated-remote: true
allowed-hosts: [mux.example.com, "[fd00::1]:8317"]
allowed-origins: [https://app.example.com]
quota-exceeded: {switch-project: false, switch-preview-model: false}
max-request-size: 10 MB
max-response-size: 20 MiB
memory-limit: 1 GB
tls: {enable: true, cert: cert.pem, key: /etc/key.pem}
remote-management: {allow-remote: true}
usage: {dsn: "", batch-size: 1, flush-interval: 500ms, retention-days: 0}
providers:
  - type: openai
    name: local
    enabled: false
    api-keys: [sk-one, {key: sk-two, proxy-url: "http://p:1"}]
    base-url: https://host.example/v1
    proxy-url: http://q:1
    headers: {x-team: research}
    models: [plain, {name: long/id:tag, alias: short, context: 1000, vision: false}]
    excluded-models: ["*-preview"]
    dialect: openai-responses
    abilities: {efforts: [low, high], budget-range: [1, 2], echo-reasoning: reasoning_content}
routing:
  provider-priority: {local: -1}
  aliases: {fast: short}
  fallbacks: {fast: [slow, slower]}
payload:
  default: [{models: [{name: "gpt-*", protocol: openai}], params: {a.b: 1, c: [x, 2026-01-01]}}]
  override: [{models: [{name: "*"}], params: {d: {e: null}}}]
"""


def test_every_key_can_be_given_and_none_is_a_warning(tmp_path: Path):
    loaded = settings_of(tmp_path, EVERYTHING)
    settings = loaded.settings
    assert loaded.warnings == ()
    defaults = Settings()
    for field in Settings.__struct_fields__:
        if field != "host":
            assert getattr(settings, field) != getattr(defaults, field), field
    assert settings.auth_dir == tmp_path / "secrets"
    assert settings.tls.cert == tmp_path / "cert.pem"
    assert settings.tls.key == Path("/etc/key.pem")
    assert settings.max_retry_interval == 10.0
    assert settings.max_response_size == 20 * 1024 * 1024
    assert settings.usage.flush_interval == 0.5
    assert settings.payload.default[0].params == {"a.b": 1, "c": ["x", "2026-01-01"]}
    assert settings.payload.override[0].params == {"d": {"e": None}}
    assert settings.routing.fallbacks == {"fast": ("slow", "slower")}


def test_a_provider_with_everything(tmp_path: Path):
    (provider,) = read(tmp_path, EVERYTHING).providers
    assert provider.type is ProviderType.OPENAI
    assert [key.key.reveal() for key in provider.api_keys] == ["sk-one", "sk-two"]
    assert provider.api_keys[1].proxy_url.reveal() == "http://p:1"
    assert provider.headers["x-team"].reveal() == "research"
    assert [(m.name, m.alias) for m in provider.models] == [
        ("plain", ""),
        ("long/id:tag", "short"),
    ]
    assert provider.models[1].abilities == {"context": 1000, "vision": False}
    assert provider.abilities == {
        "efforts": (Effort.LOW, Effort.HIGH),
        "budget_range": (1, 2),
        "echo_reasoning": "reasoning_content",
    }
    assert provider.dialect == ("openai_responses",)


def test_auth_dir_and_usage_database_stand_beside_the_file(tmp_path: Path):
    settings = read(tmp_path, "")
    assert settings.auth_dir == tmp_path / "auth"
    assert settings.usage.dsn is not None
    assert settings.usage.dsn.reveal() == f"sqlite://{tmp_path / 'usage.db'}"


def test_a_text_is_read_as_written_whatever_yaml_would_make_of_it(tmp_path: Path):
    text = "providers: [{type: openai, name: on, api-key: 0123, base-url: 'https://h/v1'}]"
    (provider,) = read(tmp_path, text).providers
    assert provider.name == "on"
    assert provider.api_key == Secret("0123")


@pytest.mark.parametrize("word", ["true", "True", "yes", "on", "'true'", "1"])
def test_flags_in_all_spellings(tmp_path: Path, word: str):
    assert read(tmp_path, f"debug: {word}").debug is True


def test_null_means_not_given_except_where_none_is_a_value(tmp_path: Path):
    text = """\
port: ~
providers:
  - {type: ollama, name: null, models: [{name: m, context: null}]}
"""
    settings = read(tmp_path, text)
    assert settings.port == 8317
    assert settings.providers[0].name == ""
    assert settings.providers[0].models[0].abilities == {"context": None}


def test_anchors_and_merge_keys_work(tmp_path: Path):
    text = """\
providers:
  - &base {type: openai, api-key: sk-shared, base-url: "https://one.example/v1"}
  - {<<: *base, name: two, base-url: "https://two.example/v1"}
"""
    loaded = settings_of(tmp_path, text)
    assert loaded.warnings == ()
    one, two = loaded.settings.providers
    assert (one.api_key, two.api_key) == (Secret("sk-shared"), Secret("sk-shared"))
    assert two.base_url == "https://two.example/v1"


def test_variables_stand_in_for_secrets(tmp_path: Path):
    text = """\
api-keys: ["${CLIENT}"]
providers: [{type: openai, api-key: "${A}-${B}", headers: {x-key: "${A}"}}]
"""
    settings = read(tmp_path, text, {"A": "sk-a", "B": "b", "CLIENT": "ck"})
    assert settings.api_keys == (ClientKey(Secret("ck")),)
    assert settings.providers[0].api_key == Secret("sk-a-b")
    assert settings.providers[0].headers["x-key"] == Secret("sk-a")


def test_client_keys_may_have_names_and_limits(tmp_path: Path):
    settings = read(
        tmp_path,
        """
disable-auth: false
api-keys:
  - a-plain-key-1
  - {key: a-key-with-limits, name: ci,
     limits: {requests-per-minute: 60, tokens-per-day: 1000000, cost-per-month: 12.5}}
""",
    )
    plain, limited = settings.api_keys
    assert plain == ClientKey(Secret("a-plain-key-1"))
    assert not plain.limits
    assert (limited.name, limited.limits) == ("ci", Limits(60, 1_000_000, 12.5))
    assert len({plain.id, limited.id}) == 2
    assert (plain.label, limited.label) == ("a-p…ey-1", "ci")
    assert "key" not in plain.id
