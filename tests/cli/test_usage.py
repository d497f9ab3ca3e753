"""``llm-mux usage`` and ``llm-mux keys``, as a user meets them."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mux.cli.main import cli
from mux.config import Limits, Settings, load
from mux.usage import Tokens, TryRecord
from mux.usage.sqlite import SqliteStore
from mux.wire import json
from tests.usage.records import one

KEYS = """\
# who may connect
disable-auth: false
api-keys:
  - plain-key-number-one   # the first one
  - {key: sk-mux-of-the-ci-machine, name: ci, limits: {tokens-per-day: 500}}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(KEYS)
    path.chmod(0o600)
    return path


@pytest.fixture
def run(config: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("LLM_MUX_API_KEYS", raising=False)

    def run(*args: str) -> Result:
        return CliRunner().invoke(cli, [*args, "--config", str(config)], prog_name="llm-mux")

    return run


def settings(config: Path) -> Settings:
    return load(config, {}, {}).settings


@pytest.fixture
def used(config: Path) -> float:
    """Two requests of today and one of 40 days ago; returns the time."""
    now_s = time.time()
    ci = settings(config).api_keys[1].id
    nasty = TryRecord("local", "", "m\x1b[31m[bold]", tokens=Tokens(5, 5))
    store = SqliteStore(config.parent / "usage.db")
    store.write(
        [
            one(1, now_s, client=ci, tokens=Tokens(1200, 34), cost_nano=2_500_000_000),
            one(2, now_s, client="", status=503, error="server", tries=(nasty,)),
            one(3, now_s - 40 * 86_400, client=ci),
        ]
    )
    store.close()
    return now_s


# -- usage ------------------------------------------------------------------------------------


def test_tables_for_people(run, used: float):
    result = run("usage")
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    (gpt,) = [line for line in lines if line.strip().startswith("gpt-6")]
    assert gpt.split() == ["gpt-6", "1", "0", "1,200", "0", "34", "0", "$2.50"]
    totals = [line.split() for line in lines if line.strip().startswith("All")]
    assert totals
    assert all(total == ["All", "2", "1", "1,205", "0", "39", "0", "$2.50"] for total in totals)
    assert any(line.split()[:2] == ["ci", "1"] for line in lines)
    assert any(line.split()[:2] == ["none", "1"] for line in lines)


def test_what_a_model_is_called_cannot_touch_the_terminal(run, used: float):
    output = run("usage").output
    assert "\x1b" not in output
    assert "m\ufffd[31m[bold]" in output


def test_json_for_programs(run, used: float):
    shown = json.loads(run("usage", "--json").stdout)
    assert shown["summary"]["total_requests"] == 2
    assert shown["summary"]["cost"] == 2.5
    assert shown["period"]["retention_days"] == 30
    assert (
        json.loads(run("usage", "--json", "--days", "60").stdout)["summary"]["total_requests"] == 3
    )


def test_a_range(run, used: float):
    long_ago = time.strftime("%Y-%m-%d", time.gmtime(used - 40 * 86_400))
    shown = json.loads(run("usage", "--json", "--from", long_ago, "--to", long_ago).stdout)
    assert shown["summary"]["total_requests"] == 1
    assert shown["period"]["from"] == f"{long_ago}T00:00:00.000Z"


@pytest.mark.parametrize(
    "args",
    [
        ("--days", "0"),
        ("--days", "many"),
        ("--from", "yesterday"),
        ("--from", "2026-11-03", "--to", "2026-11-01"),
        ("--from", "2026-11-02", "--days", "3"),
        ("--from", "9" * 30),
        ("--to", "0001-01-01"),
    ],
)
def test_a_range_that_is_none(run, args: tuple[str, ...]):
    result = run("usage", *args)
    assert result.exit_code == 2, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)


def test_nothing_was_asked_yet(run):
    assert "No requests." in run("usage").output


def test_usage_that_is_off(run, config: Path):
    config.write_text("usage: {dsn: ''}")
    result = run("usage")
    assert result.exit_code == 1
    assert "nothing is recorded" in result.output


def test_a_store_that_cannot_be_read(run, config: Path):
    (config.parent / "usage.db").write_bytes(b"something else" * 100)
    result = run("usage")
    assert result.exit_code == 1
    assert "not a database" in result.output


# -- keys -------------------------------------------------------------------------------------


def test_a_new_key_is_printed_and_in_the_file(run, config: Path):
    result = run("keys", "new")
    assert re.fullmatch(r"sk-mux-[\w-]{43}\n", result.stdout)
    assert settings(config).api_keys[-1].key.reveal() == result.stdout.strip()
    assert run("keys", "new").stdout != result.stdout
    text = config.read_text()
    assert "# who may connect" in text
    assert "# the first one" in text
    assert config.stat().st_mode & 0o777 == 0o600


def test_a_new_key_with_a_name_and_limits(run, config: Path):
    limits = ("--requests-per-minute", "6", "--tokens-per-day", "70", "--cost-per-month", "8.5")
    assert run("keys", "new", "guest", *limits).exit_code == 0
    guest = settings(config).api_keys[-1]
    assert (guest.name, guest.limits) == ("guest", Limits(6, 70, 8.5))
    again = run("keys", "new", "guest")
    assert again.exit_code == 78
    assert "two are named guest" in again.output
    assert len(settings(config).api_keys) == 3


def test_the_first_key_of_all(run, config: Path):
    for text in ("", "# nothing yet\n", "api-keys: one-key-alone\n"):
        config.write_text(text)
        result = run("keys", "new", "first")
        assert result.exit_code == 0, result.output
        assert settings(config).api_keys[-1].name == "first"
        assert "disable-auth: false" in result.stderr
    assert len(settings(config).api_keys) == 2


@pytest.mark.parametrize(
    "limit", [("--tokens-per-day", "0"), ("--cost-per-month", "-1"), ("--cost-per-month", "x")]
)
def test_limits_that_are_none(run, limit: tuple[str, str]):
    assert run("keys", "new", *limit).exit_code == 2


def test_keys_are_listed_without_being_shown(run, config: Path, used: float):
    output = run("keys", "list").output
    assert "plain-key-number-one" not in output
    assert "sk-mux-of-the-ci-machine" not in output
    (ci,) = [line.split() for line in output.splitlines() if line.strip().startswith("ci")]
    clients = settings(config).api_keys
    assert ci == ["ci", "sk-…hine", clients[1].id, "-", "500", "-", "1,234", "$2.50"]
    (plain,) = [line.split() for line in output.splitlines() if clients[0].id in line]
    assert plain == ["-", "pla…-one", clients[0].id, "-", "-", "-", "0", "$0.00"]


def test_no_keys(run, config: Path):
    config.write_text("")
    assert "keys new" in run("keys", "list").output


def test_keys_are_revoked_by_whatever_names_them(run, config: Path):
    ci = settings(config).api_keys[1]
    for which in ("ci", ci.key.reveal(), ci.id, str(ci.key)):
        config.write_text(KEYS)
        result = run("keys", "revoke", which)
        assert result.exit_code == 0, result.output
        (left,) = settings(config).api_keys
        assert left.key.reveal() == "plain-key-number-one"
        assert "# the first one" in config.read_text()
    last = run("keys", "revoke", "plain-key-number-one")
    assert "every client will be refused" in last.stderr
    assert settings(config).api_keys == ()


def test_a_key_nobody_has(run, config: Path):
    result = run("keys", "revoke", "nobody")
    assert result.exit_code == 1
    assert "'nobody'" in result.output
    secret = run("keys", "revoke", "sk-mux-a-secret-that-was-mistyped")
    assert "mistyped" not in secret.output
    assert config.read_text() == KEYS
