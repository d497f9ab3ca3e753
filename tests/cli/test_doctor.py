"""``llm-mux doctor``: what it finds, that it says what to do, and that it tells no secret."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mux.cli.main import cli
from mux.wire import json
from tests.contract.processes import free_port, llm_mux

MANAGEMENT = "management-key-of-the-doctor"
CLIENT = "sk-client-of-the-doctor-01"
WRONG = "sk-wrong-key-of-the-doctor-02"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Runs it with a configuration, in a home that is empty."""
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("OLLAMA_HOST", raising=False)
    monkeypatch.delenv("LLM_MUX_MANAGEMENT_KEY", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))

    def run(config: str | None, *args: str, mode: int = 0o600) -> Result:
        folder = tmp_path / "llm-mux"
        folder.mkdir(mode=0o700, exist_ok=True)
        if config is not None:
            (folder / "config.yaml").write_text(config)
            (folder / "config.yaml").chmod(mode)
        return CliRunner().invoke(cli, ["doctor", *args], prog_name="llm-mux")

    return run


@pytest.fixture
def found(run):
    """The findings of an area, and whether all was well."""

    def found(config: str | None, area: str, *args: str, **options: Any) -> tuple[list[Any], bool]:
        result = run(config, "--json", *args, **options)
        told: Any = json.loads(result.output)
        assert result.exit_code == (0 if told["ok"] else 1)
        for one in told["findings"]:
            assert one["message"]
            if one["grade"] in ("warning", "failure"):
                assert one["advice"], one
        return [one for one in told["findings"] if one["area"] == area], told["ok"]

    return found


def free() -> str:
    return f"port: {free_port()}\n"


def test_a_good_configuration_is_said_to_be_good(run):
    result = run(free() + "providers: [{type: demo}]\n")
    assert result.exit_code == 0, result.output
    for examined in ("configuration", "clock", "open files", "usage", "port", "provider demo"):
        assert any(
            line.split()[0] == "ok" for line in result.output.splitlines() if examined in line
        )
    assert "FAIL" not in result.output


def test_nothing_configured_says_what_to_do(run):
    result = run(None)
    assert result.exit_code == 1
    assert "llm-mux init" in result.output
    assert "OPENAI_API_KEY" in result.output


def test_every_mistake_of_the_configuration_and_the_nearest_key(found):
    errors, good = found("porrt: 1\nworkers: none\nproviders: [{type: nothing}]\n", "configuration")
    assert not good
    failures = {one["about"] for one in errors if one["grade"] == "failure"}
    assert failures == {"workers (line 2)", "providers[0].type (line 3)"}
    (unknown,) = [one for one in errors if one["grade"] == "warning"]
    assert unknown["about"] == "porrt (line 1)"
    assert "port?" in unknown["message"]


def test_files_that_others_can_read(found, tmp_path: Path):
    folder = tmp_path / "llm-mux"
    (folder / "auth").mkdir(parents=True, mode=0o700)
    (folder / "auth" / "account.json").write_text("{}")
    (folder / "auth" / "account.json").chmod(0o644)
    (folder / "credentials.json").write_text(f'{{"management-key": "{MANAGEMENT}"}}')
    (folder / "credentials.json").chmod(0o666)
    config = free() + "providers: [{type: demo}]\n"
    files, good = found(config, "files")
    grades = {Path(one["about"]).name: one["grade"] for one in files}
    assert grades == {"account.json": "warning", "credentials.json": "failure"}
    assert all(one["advice"] == f"chmod 600 {one['about']}" for one in files)
    assert not good
    (open_to_all,), _ = found(config, "configuration", mode=0o666)
    assert open_to_all["advice"] == "chmod 600"


def test_a_store_that_cannot_be_read(found, tmp_path: Path):
    (tmp_path / "usage.db").write_text("no database, and long enough to be taken for one" * 50)
    config = free() + f"providers: [{{type: demo}}]\nusage: {{dsn: 'sqlite://{tmp_path}/usage.db'}}"
    (store,), good = found(config, "usage")
    assert store["grade"] == "failure"
    assert not good
    (off,), good = found(free() + "providers: [{type: demo}]\nusage: {dsn: ''}", "usage")
    assert (off["grade"], good) == ("note", True)


def test_a_port_that_another_program_has(found):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (told,), good = found(f"port: {port}\nproviders: [{{type: demo}}]\n", "port")
    assert told["grade"] == "failure"
    assert "choose another port" in told["advice"]
    assert not good


# -- providers ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """An upstream of every dialect that takes one key."""
    config = f"disable-auth: false\napi-keys: [{CLIENT}]\nproviders: [{{type: demo}}]\n"
    with llm_mux("serve", config=config, LLM_MUX_MANAGEMENT_KEY=MANAGEMENT) as url:
        yield url


def test_a_port_that_our_own_server_has(found, url, monkeypatch: pytest.MonkeyPatch):
    from mux import __version__

    port = url.rpartition(":")[2]
    config = f"port: {port}\nproviders: [{{type: demo}}]\n"
    (told,), good = found(config, "port")
    assert (told["message"], good) == ("llm-mux runs there", True)
    monkeypatch.setenv("LLM_MUX_MANAGEMENT_KEY", MANAGEMENT)
    (told,), _ = found(config, "port")
    assert told["message"] == f"llm-mux {__version__} runs there"


def upstreams(url: str, key: str) -> str:
    models = "[{name: demo}, {name: not-there}]"
    return f"""{free()}
providers:
  - {{type: openai, name: one, base-url: "{url}/v1", api-key: {key}, models: {models}}}
  - {{type: anthropic, name: two, base-url: "{url}", api-keys: [{key}, {{key: {key}}}]}}
  - {{type: gemini, name: three, base-url: "{url}", api-key: {key}}}
  - {{type: ollama, name: four, base-url: "{url}", api-key: {key}}}
"""


def test_providers_are_connected_to_and_not_called(found, url):
    config = upstreams(url, WRONG)
    reached, good = found(config, "provider")
    assert [one["about"] for one in reached] == ["one", "two", "three", "four"]
    assert all("can be reached" in one["message"] for one in reached)
    keys, _ = found(config, "key")
    assert [one["grade"] for one in keys] == ["good"] * 5, "nobody was asked about the keys"
    assert good


def test_keys_are_tried_on_request(found, url):
    keys, good = found(upstreams(url, CLIENT), "key", "--call")
    assert [one["about"] for one in keys] == ["one", "two", "two", "three", "four"]
    assert all("is taken" in one["message"] for one in keys), keys
    (missing,), _ = found(upstreams(url, CLIENT), "models", "--call")
    assert (missing["about"], missing["grade"]) == ("one", "warning")
    assert "not-there" in missing["message"]
    assert good


def test_keys_that_are_refused(found, url):
    keys, good = found(upstreams(url, WRONG), "key", "--call")
    assert {one["grade"] for one in keys} == {"failure"}
    assert all("sk-…r-02 is refused (401)" in one["message"] for one in keys)
    assert not good


class Strange(BaseHTTPRequestHandler):
    """An upstream that answers with the status its address names, an hour ago."""

    def do_GET(self) -> None:
        status = int(self.path.split("/")[1])
        body = b'{"error": {"status": "INVALID_ARGUMENT", "details": "API_KEY_INVALID"}}'
        self.send_response_only(status)
        self.send_header("date", format_datetime(datetime.now(UTC) - timedelta(hours=1), True))
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        """One token for who has the key."""
        body = self.rfile.read(int(self.headers["content-length"]))
        asked: Any = json.loads(body)
        assert (asked["model"], asked["max_tokens"]) == ("m", 1)
        good = self.headers["authorization"] == f"Bearer {CLIENT}"
        self.send_response_only(200 if good else 401)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def strange() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Strange) as upstream:
        thread = threading.Thread(target=upstream.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{upstream.server_port}"
        upstream.shutdown()
        thread.join()


def test_a_host_that_lists_nothing_is_asked_for_a_token(found, strange):
    host = f"type: openai, base-url: '{strange}/404', models: [{{name: m}}]"
    config = f"""{free()}
providers:
  - {{name: good, api-key: {CLIENT}, {host}}}
  - {{name: bad, api-key: {WRONG}, {host}}}
"""
    (taken, refused), good = found(config, "key", "--call")
    assert (taken["about"], taken["grade"]) == ("good", "good")
    assert (refused["about"], refused["grade"]) == ("bad", "failure")
    assert "401" in refused["message"]
    assert not good


@pytest.mark.parametrize(
    ("kind", "status", "grade"),
    [
        ("openai", 403, "failure"),
        ("gemini", 400, "failure"),
        ("openai", 404, "warning"),
        ("openai", 429, "warning"),
        ("anthropic", 500, "failure"),
    ],
)
def test_what_a_provider_answers_is_judged(found, strange, kind: str, status: int, grade: str):
    config = (
        f"{free()}providers: [{{type: {kind}, base-url: '{strange}/{status}', api-key: {WRONG}}}]"
    )
    (told,), good = found(config, "key", "--call")
    assert (told["grade"], good) == (grade, grade != "failure")
    assert str(status) in told["message"]


def test_a_clock_that_is_wrong_is_seen_by_those_of_others(found, strange):
    config = f"{free()}providers: [{{type: openai, base-url: '{strange}/404', api-key: {WRONG}}}]"
    machine, _ = found(config, "machine", "--call")
    (wrong,) = [one for one in machine if one["grade"] == "warning"]
    assert wrong["about"] == "clock"
    assert "ahead of openai's" in wrong["message"]


def test_providers_that_cannot_be_reached(found):
    dead = free_port()
    config = f"""{free()}
providers:
  - {{type: ollama, name: dead, base-url: "http://127.0.0.1:{dead}"}}
  - {{type: openai, name: behind, base-url: "http://192.0.2.1/v1",
     proxy-url: "http://user:proxy-password-1@127.0.0.1:{dead}"}}
"""
    reached, good = found(config, "provider")
    assert [one["grade"] for one in reached] == ["failure"] * 2
    assert "nothing listens there" in reached[0]["message"]
    assert f"127.0.0.1:{dead}" in reached[1]["message"]
    assert not good


def test_no_secret_is_told(run, url):
    config = upstreams(url, WRONG) + "proxy-url: 'http://u:proxy-password-1@127.0.0.1:9'\n"
    config += f"disable-auth: false\napi-keys: [{CLIENT}]\n"
    for args in (("--call",), ("--call", "--json"), ("--json",)):
        output = run(config, *args).output
        for secret in (WRONG, CLIENT, "proxy-password-1", MANAGEMENT):
            assert secret not in output


# -- quirks ---------------------------------------------------------------------------------------


def test_quirks_in_force(run):
    config = f"""{free()}
providers:
  - type: openai
    name: box
    base-url: http://127.0.0.1:{free_port()}/v1
    abilities: {{think-tags: true}}
    models: [{{name: a}}, {{name: b}}, {{name: blind, vision: false, context: 4096}}]
"""
    told: Any = json.loads(run(config, "--json").output)
    assert {row["id"]: row["abilities"] for row in told["models"]} == {
        "a": {"think_tags": True},
        "b": {"think_tags": True},
        "blind": {"think_tags": True, "vision": False, "context": 4096},
    }
    rows = [line.split("  ") for line in run(config).output.splitlines() if " box " in line]
    shown = [[cell.strip() for cell in row if cell.strip()] for row in rows]
    assert ["box", "a, b", "think-tags"] in shown
    assert ["box", "blind", "context 4096, no vision, think-tags"] in shown


def test_quirks_of_the_catalogue_are_shown_on_request(run):
    config = free() + "providers: [{type: demo}]\n"
    assert "demo-chat" not in run(config).output
    assert "demo-chat" in run(config, "--quirks").output
