"""The command line, as a user meets it."""

from __future__ import annotations

import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mux import __version__
from mux.cli.main import cli
from mux.cli.template import CONFIG
from mux.cli.translate import Dialect
from mux.cli.use import use
from mux.config import Settings, load
from mux.wire import json
from tests.codecs.streams import GOOD
from tests.conftest import ROOT

VERBS = (
    "serve",
    "demo",
    "init",
    "check",
    "doctor",
    "models",
    "keys",
    "usage",
    "top",
    "use",
    "translate",
    "explain",
    "check-stream",
    "bench",
    "completion",
    "version",
)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Runs the command line for a user whose home is empty."""
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("OLLAMA_HOST", raising=False)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))

    def run(*args: str, stdin: bytes | str | None = None) -> Result:
        return CliRunner().invoke(cli, list(args), input=stdin, prog_name="llm-mux")

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / ".config" / "llm-mux"


def write_config(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "config.yaml"
    path.write_text(text)
    path.chmod(0o600)
    return path


# -- verbs ------------------------------------------------------------------------------------


def test_help_names_every_verb(run):
    result = run("--help")
    assert result.exit_code == 0
    listed = re.findall(r"^  ([a-z-]+)  ", result.output.partition("Commands:")[2], re.MULTILINE)
    assert listed == list(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_its_help(run, verb: str):
    result = run(verb, "--help")
    assert result.exit_code == 0
    assert f"llm-mux {verb}" in result.output


def test_the_version_both_ways(run):
    assert run("version").output == run("--version").output == f"llm-mux {__version__}\n"


@pytest.mark.parametrize("args", [["bogus"], ["--bogus"], ["use", "bogus"], ["translate"]])
def test_wrong_usage_is_exit_code_2(run, args: list[str]):
    assert run(*args).exit_code == 2


def test_bare_options_are_those_of_serve(run, folder: Path):
    write_config(folder, "workers: wrong")
    for args in ([], ["--port", "9"], ["serve"], ["--debug"]):
        result = run(*args)
        assert result.exit_code == 78, args
    assert "llm-mux serve" in run("--bogus").output


HEAVY = (
    "trio",
    "hypercorn",
    "httpx",
    "msgspec",
    "orjson",
    "yaml",
    "ruamel",
    "rich",
    "mux.codecs",
    "mux.config",
)


@pytest.mark.parametrize("args", [["--help"], ["version"], ["serve", "--help"], ["--version"]])
def test_help_and_version_import_nothing_they_do_not_need(args: list[str]):
    program = (
        "import sys\nfrom mux.cli.main import cli\n"
        f"try: cli({args!r}, prog_name='llm-mux')\n"
        f"finally: print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stderr.strip() == "[]"


def test_python_m_mux_is_the_same_program():
    done = subprocess.run(
        [sys.executable, "-m", "mux", "version"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert done.stdout == f"llm-mux {__version__}\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_for_the_shell(run, shell: str):
    result = run("completion", shell)
    assert result.exit_code == 0
    assert "_LLM_MUX_COMPLETE" in result.output
    assert "llm-mux" in result.output


def test_completion_completes(run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("_LLM_MUX_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "llm-mux tran")
    monkeypatch.setenv("COMP_CWORD", "1")
    assert "translate" in run().output


# -- init -------------------------------------------------------------------------------------


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def key_in(result: Result) -> str:
    found = re.search(r"Management key: (\S+)", result.output)
    assert found
    return found[1]


def test_init_writes_what_a_configured_server_has(run, folder: Path):
    result = run("init")
    assert result.exit_code == 0
    assert mode(folder) == mode(folder / "auth") == 0o700
    assert mode(folder / "config.yaml") == mode(folder / "credentials.json") == 0o600
    stored = json.load_object((folder / "credentials.json").read_bytes())
    assert stored is not None
    assert sorted(stored) == ["created-at", "management-key", "version"]
    assert stored["management-key"] == key_in(result)
    assert "Next:" in result.output


def test_a_second_init_shows_the_key_and_changes_nothing(run, folder: Path):
    first = run("--init")
    (folder / "config.yaml").write_text("port: 9")
    second = run("init")
    assert key_in(second) == key_in(first)
    assert (folder / "config.yaml").read_text() == "port: 9"
    assert "(new)" not in second.output


def test_force_makes_a_new_key_and_leaves_the_configuration(run, folder: Path):
    first = run("init")
    (folder / "config.yaml").write_text("port: 9")
    second = run("--init", "--force")
    assert key_in(second) != key_in(first)
    assert (folder / "config.yaml").read_text() == "port: 9"
    assert key_in(run("init")) == key_in(second)


def test_init_says_so_when_the_environment_has_a_key_of_its_own(
    run, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("LLM_MUX_MANAGEMENT_KEY", "mine")
    result = run("init")
    assert "LLM_MUX_MANAGEMENT_KEY is set and goes before" in result.output
    assert "mine" not in result.output.replace("determine", "")


def test_init_refuses_a_broken_key_file_until_forced(run, folder: Path):
    run("init")
    (folder / "credentials.json").write_text("{")
    assert run("init").exit_code == 78
    assert run("init", "--force").exit_code == 0


def test_init_tells_what_stands_in_its_way(run, tmp_path: Path):
    (tmp_path / ".config").write_text("a file")
    result = run("init")
    assert result.exit_code == 1
    assert ".config" in result.output


def test_the_written_configuration_is_valid_as_it_is(run):
    run("init")
    result = run("check")
    assert result.exit_code == 0
    assert "config.yaml: ok" in result.output


def test_the_written_configuration_is_valid_with_every_comment_taken_off(tmp_path: Path):
    text = CONFIG.replace("providers: []", "providers:")
    text = re.sub(r"^#( +- |   +)", r"\1", text, flags=re.MULTILINE)  # the list of providers
    text = re.sub(r"^# ( *[a-z-]+:)", r"\1", text, flags=re.MULTILINE)
    path = tmp_path / "config.yaml"
    path.write_text(text)
    path.chmod(0o600)
    environ = dict.fromkeys(("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"), "sk-x")
    loaded = load(path, environ, {})
    assert loaded.warnings == ()
    assert len(loaded.settings.providers) == 5
    for field in Settings.__struct_fields__:
        assert re.search(rf"^{field.replace('_', '-')}:", text, re.MULTILINE), field


# -- check ------------------------------------------------------------------------------------


def test_check_lists_every_problem_and_exits_78(run, folder: Path):
    write_config(folder, "port: x\ndebug: y\nprot: 1\n")
    result = run("check")
    assert result.exit_code == 78
    assert "error: port (line 1): expected a number" in result.output
    assert "error: debug (line 2): expected true or false" in result.output
    assert "warning: prot (line 3): unknown key; did you mean port?" in result.output


def test_check_shows_providers_with_their_keys_masked(run, folder: Path):
    key = "sk-proj-0123456789abcd"
    write_config(folder, f"providers: [{{type: openai, api-key: {key}}}, {{type: ollama}}]")
    result = run("check")
    assert result.exit_code == 0
    assert "api.openai.com" in result.output
    assert "sk-…abcd" in result.output
    assert "0123" not in result.output
    assert "localhost:11434  no key" in result.output


def test_check_of_nothing_says_what_to_configure(run):
    result = run("check")
    assert result.exit_code == 0
    assert "OPENAI_API_KEY" in result.output
    assert "llm-mux demo" in result.output


def test_check_reads_the_file_it_is_given(run, tmp_path: Path):
    path = tmp_path / "other.yaml"
    path.write_text("port: 5")
    path.chmod(0o600)
    assert f"{path}: ok" in run("check", "--config", str(path)).output
    assert run("check", "--config", str(tmp_path / "none")).exit_code == 78


# -- models -----------------------------------------------------------------------------------


def test_models_lists_what_can_be_asked_for(run, folder: Path):
    write_config(
        folder,
        "providers: [{type: openai, name: box, base-url: 'http://127.0.0.1:1/v1',"
        " models: [{name: long-name, alias: a}]}]\nrouting: {aliases: {fast: a}}\n",
    )
    result = run("models")
    assert result.exit_code == 0
    rows = [line.split() for line in result.output.splitlines() if " box " in line]
    assert [row[:3] for row in rows] == [
        ["long-name", "box", "long-name"],
        ["a", "box", "long-name"],
        ["fast", "box", "long-name"],
    ]


def test_models_tell_programs_what_is_known_of_them(run, folder: Path):
    write_config(
        folder,
        "providers:\n  - {type: anthropic, api-key: sk-ant-0000000001, models:"
        " [{name: claude-sonnet-4-20250514, alias: best}, {name: unheard-of, context: 9000}]}\n",
    )
    listed: Any = json.loads(run("models", "--json").output)
    assert [row["id"] for row in listed] == ["claude-sonnet-4-20250514", "best", "unheard-of"]
    best, unknown = listed[1], listed[2]
    assert (best["provider"], best["model"]) == ("anthropic", "claude-sonnet-4-20250514")
    assert best["context"] == 200_000
    assert best["abilities"] == ["tools", "vision", "thinking"]
    assert best["price"]["output"] > best["price"]["input"] > best["price"]["cache_read"] > 0
    assert (unknown["context"], unknown["price"]) == (9000, None)


def test_models_without_a_provider_says_what_to_do(run):
    result = run("models")
    assert result.exit_code == 1
    assert "llm-mux demo" in result.output


# -- translate --------------------------------------------------------------------------------

ANTHROPIC = (
    b'{"model":"claude-x","max_tokens":9,"top_k":3,"messages":[{"role":"user","content":"hi"}]}'
)


def test_the_dialects_offered_are_those_there_are():
    from mux.codecs import CODECS

    assert {name.replace("-", "_") for name in Dialect().choices} == set(CODECS)


def test_translate_writes_the_other_dialect_and_tells_what_is_lost(run):
    result = run("translate", "--from", "anthropic", "--to", "openai-chat", stdin=ANTHROPIC)
    assert result.exit_code == 0
    written = json.load_object(result.stdout)
    assert written is not None
    assert written["messages"] == [{"role": "user", "content": "hi"}]
    assert "drop:top_k" in result.stderr


def test_translate_takes_the_model_it_is_given(run):
    args = ("translate", "--from", "anthropic", "--to", "openai_responses", "--model", "other")
    written = json.load_object(run(*args, stdin=ANTHROPIC).stdout)
    assert written is not None
    assert written["model"] == "other"
    gemini = b'{"contents":[{"parts":[{"text":"hi"}]}]}'
    args = ("translate", "--from", "gemini", "--to", "ollama", "--model", "qwen")
    written = json.load_object(run(*args, stdin=gemini).stdout)
    assert written is not None
    assert written["model"] == "qwen"


def test_translate_names_the_field_that_is_wrong(run):
    result = run("translate", "--from", "anthropic", "--to", "gemini", stdin=b'{"model": 1}')
    assert result.exit_code == 1
    assert "model: expected a string" in result.stderr
    assert result.stdout == ""


# -- check-stream -----------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", sorted(GOOD))
def test_a_good_stream_is_said_to_be_good(run, dialect: str):
    result = run("check-stream", "--dialect", dialect, stdin=GOOD[dialect])
    assert result.exit_code == 0
    assert re.fullmatch(rf"ok: \d+ events of {dialect}\n", result.output)


def test_every_violation_is_listed_with_its_place(run):
    good = GOOD["anthropic"]
    bad = good.replace(b"event: ping\n", b"").partition(b"event: message_stop")
    result = run("check-stream", "--dialect", "anthropic", stdin=bad[0] + b"data: [DONE]\n\n")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    ping, size = good.index(b"event: ping"), len(bad[0])
    assert lines[0].startswith(f"byte {ping}, event 2: event-line: no event: line")
    assert lines[1].startswith(f"byte {size}, event 23: done-marker: [DONE] does not exist")
    assert lines[2].startswith(f"byte {size + 14}, event 23: terminal: no message_stop")
    assert len(lines) == 3
    assert "3 violations in anthropic" in result.stderr


@pytest.mark.parametrize("dialect", sorted(GOOD))
def test_a_stream_that_breaks_off_is_exit_code_1(run, dialect: str):
    for data in (b"", GOOD[dialect][:60]):
        result = run("check-stream", "--dialect", dialect, stdin=data)
        assert result.exit_code == 1
        assert re.search(r"^byte \d+, event \d+: ", result.stdout, re.MULTILINE)


# -- use --------------------------------------------------------------------------------------

CLIENTS = (
    "claude-code",
    "codex",
    "gemini",
    "opencode",
    "aider",
    "ollama-cli",
    "openai-sdk",
    "anthropic-sdk",
)


def test_use_knows_these_clients():
    (argument, *_) = use.params
    assert tuple(argument.type.choices) == CLIENTS  # type: ignore[attr-defined]


@pytest.mark.parametrize("client", CLIENTS)
def test_use_points_the_client_at_the_configured_address(run, folder: Path, client: str):
    write_config(folder, "port: 9000")
    result = run("use", client, "--model", "my-model")
    assert result.exit_code == 0
    assert "http://localhost:9000" in result.stdout
    assert "MODEL" not in result.stdout.replace("ANTHROPIC_MODEL", "").replace("_MODEL_", "")
    if client not in ("openai-sdk", "anthropic-sdk"):
        assert "my-model" in result.stdout


def test_use_writes_configuration_files_that_parse(run):
    import tomllib

    codex = tomllib.loads(run("use", "codex", "--model", "m").stdout)
    assert codex["model_provider"] == "llm-mux"
    assert codex["model_providers"]["llm-mux"]["wire_api"] == "responses"
    opencode = run("use", "opencode", "--model", "m").stdout.partition("\n")[2]
    parsed = json.load_object(opencode)
    assert parsed is not None
    assert list(parsed) == ["$schema", "provider"]


def test_use_never_prints_a_key(run, folder: Path):
    write_config(folder, "disable-auth: false\napi-keys: [a-real-client-key]")
    for client in CLIENTS:
        result = run("use", client)
        assert "a-real-client-key" not in result.output
    assert "ONE-OF-YOUR-API-KEYS" in run("use", "claude-code").stdout
    assert 'env_key = "LLM_MUX_API_KEY"' in run("use", "codex").stdout


def test_use_knows_certificates_and_other_hosts(run, folder: Path):
    write_config(
        folder,
        "host: '::'\nallow-unauthenticated-remote: true\ntls: {enable: true, cert: c, key: k}",
    )
    assert "https://localhost:8317" in run("use", "openai-sdk").stdout
    write_config(folder, "host: 192.168.1.9\nallow-unauthenticated-remote: true")
    assert "http://192.168.1.9:8317" in run("use", "openai-sdk").stdout


def test_explain_shows_the_request_and_no_secret(run, tmp_path: Path):
    config = tmp_path / "config.yaml"
    config.write_text("providers: [{type: anthropic, api-key: sk-ant-secret-0123456789}]\n")
    config.chmod(0o600)
    body = '{"model":"claude-sonnet-4-5","messages":[{"role":"user","content":"hi"}],"seed":1}'
    done = run("explain", "--from", "openai-chat", "--config", str(config), stdin=body)
    assert done.exit_code == 0
    told: Any = json.loads(done.stdout)
    assert told["candidates"][0]["request"]["url"].startswith("https://api.anthropic.com/")
    assert told["candidates"][0]["losses"] == [{"code": "drop:seed", "detail": ""}]
    assert "secret" not in done.stdout
    strict = run(
        "explain", "--from", "openai-chat", "--strict", "--config", str(config), stdin=body
    )
    assert "In strict mode nothing may be lost" in strict.stdout
