"""``llm-mux top``: what it makes of counters, and of a server that runs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from mux.cli.load import KeyLoad, Reading, between
from mux.cli.main import cli
from mux.wire import json
from tests.contract.processes import free_port, llm_mux

CLIENT = "sk-client-of-the-top-0001"
CONFIG = f"disable-auth: false\napi-keys: [{CLIENT}]\nproviders: [{{type: demo}}]\n"


def reading(time_s: float, ok: int, failed: int, out: int, first: tuple[float, int]) -> Reading:
    text = f"""\
# HELP llm_mux_requests_total Requests
llm_mux_requests_total{{dialect="anthropic",provider="p",model="m",status="200"}} {ok}
llm_mux_requests_total{{dialect="gemini",provider="p",model="m",status="503"}} {failed}
llm_mux_requests_total{{dialect="gemini",provider="p",model="m",status="cancelled"}} 1
llm_mux_requests_total{{dialect="gemini",provider="",model="",status="404"}} 2
llm_mux_tokens_total{{provider="p",model="m",kind="input"}} 900
llm_mux_tokens_total{{provider="p",model="m",kind="output"}} {out}
llm_mux_first_content_seconds_sum{{dialect="anthropic",provider="p",model="m"}} {first[0]}
llm_mux_first_content_seconds_count{{dialect="anthropic",provider="p",model="m"}} {first[1]}
llm_mux_resting{{provider="p",account="sk-\\"1"}} 2
llm_mux_breakers{{provider="p",account="sk-\\"1",state="closed"}} 0
llm_mux_breakers{{provider="p",account="sk-\\"1",state="open"}} 1
llm_mux_open_streams 7
llm_mux_loop_lag_seconds 0.002
llm_mux_resident_memory_bytes 5000000
other_metric 5
"""
    return Reading.of(text, time_s)


def test_rates_are_those_of_the_interval():
    load = between(reading(10, 100, 4, 1000, (50, 100)), reading(12, 110, 5, 1500, (52, 110)))
    assert (load.requests, load.requests_per_s, load.tokens_per_s) == (118, 5.5, 250)
    assert (load.open_streams, load.loop_lag_s, load.memory_bytes) == (7, 0.002, 5_000_000)
    busy, nobody = load.models
    assert (busy.provider, busy.model, busy.requests, busy.failed) == ("p", "m", 116, 5)
    assert (busy.requests_per_s, busy.tokens_per_s, busy.first_content_s) == (5.5, 250, 0.2)
    assert (nobody.provider, nobody.requests, nobody.failed) == ("", 2, 2)
    assert nobody.first_content_s is None
    assert load.keys == (KeyLoad("p", 'sk-"1', 2, "open"),)


def test_another_process_that_answers_has_no_rates():
    load = between(reading(10, 100, 4, 1000, (50, 100)), reading(11, 3, 0, 10, (1, 2)))
    assert (load.requests, load.requests_per_s, load.tokens_per_s) == (6, 0, 0)


def test_no_time_between_is_no_division():
    once = reading(10, 100, 4, 1000, (50, 100))
    assert between(once, once).requests_per_s == 0


def test_a_server_of_another_version_that_counts_less_is_shown_too():
    empty = Reading.of("something_else 1\n", 1.0)
    assert between(empty, empty).models == ()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with llm_mux("serve", config=CONFIG) as url:
        yield url


@pytest.fixture
def run(url, tmp_path: Path):
    path = tmp_path / "config.yaml"

    def run(*args: str, config: str | None = None) -> Result:
        port = url.rpartition(":")[2]
        path.write_text(CONFIG + f"port: {port}\n" if config is None else config)
        path.chmod(0o600)
        return CliRunner().invoke(cli, ["top", "--config", str(path), *args], prog_name="llm-mux")

    return run


def ask(url: str, text: str) -> None:
    said = [{"role": "user", "content": text}]
    headers = {"authorization": f"Bearer {CLIENT}"}
    body = {"model": "demo", "stream": True, "messages": said}
    httpx.post(f"{url}/v1/chat/completions", json=body, headers=headers, timeout=30)


def test_a_snapshot_of_a_server_that_runs(run, url):
    ask(url, "Hello")
    slow = threading.Thread(target=ask, args=(url, "stream 60 tokens at 20 per second"))
    slow.start()
    try:
        result = run("--json", "--interval", "0.3")
    finally:
        slow.join()
    assert result.exit_code == 0, result.output
    told: Any = json.loads(result.output)
    assert told["open_streams"] >= 0
    assert told["requests"] >= 1
    assert told["memory_bytes"] > 1_000_000
    (model,) = told["models"]
    assert (model["provider"], model["model"], model["failed"]) == ("demo", "demo", 0)
    assert told["keys"][0]["breaker"] == "closed"


def test_a_table_of_a_server_that_runs(run, url):
    ask(url, "Hello")
    result = run("--once", "--interval", "0.1")
    assert result.exit_code == 0, result.output
    assert "requests/s" in result.output
    assert [word for word in result.output.split() if word == "closed"]


def test_another_server_is_not_sent_the_key_of_this_one(run, url, monkeypatch):
    result = run("--once", "--interval", "0.1", "--url", url)
    assert result.exit_code == 1
    assert "--key" in result.output
    given = run("--once", "--interval", "0.1", "--url", url, "--key", CLIENT)
    assert given.exit_code == 0, given.output
    monkeypatch.setenv("LLM_MUX_CLIENT_KEY", CLIENT)
    found = run("--once", "--interval", "0.1", "--url", url)
    assert found.exit_code == 0, found.output
    assert "warning" not in found.output


def test_no_server_says_so(run):
    result = run("--once", config=f"port: {free_port()}\nproviders: [{{type: demo}}]\n")
    assert result.exit_code == 1
    assert "nothing listens there" in result.output
