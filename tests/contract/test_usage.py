"""What clients asked is in the figures: over HTTP, and on the command line."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from mux.config import client_id
from mux.usage import open_store
from mux.wire import json
from tests.conftest import ROOT
from tests.contract.processes import llm_mux
from tests.usage.records import DAY_S, START_S, as_json, expected, many

CLIENT = "sk-client-of-the-figures"
SPENDER = "sk-client-with-a-budget"
MANAGEMENT = "management-key-of-the-figures"
LONG = "count to 5000 at 20 per second"


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("usage")
    return f"""
disable-auth: false
api-keys:
  - {CLIENT}
  - {{key: {SPENDER}, limits: {{tokens-per-day: 20}}}}
usage: {{dsn: "sqlite://{folder}/usage.db", flush-interval: 50ms}}
providers:
  - type: demo
"""


@pytest.fixture(scope="module")
def url(config: str) -> Iterator[str]:
    with llm_mux("serve", config=config, LLM_MUX_MANAGEMENT_KEY=MANAGEMENT) as url:
        yield url


def chat(text: str = "Hello", **fields: object) -> dict[str, object]:
    return {"model": "demo", "messages": [{"role": "user", "content": text}], **fields}


def post(url: str, path: str, body: object, key: str = CLIENT) -> httpx.Response:
    return httpx.post(f"{url}{path}", json=body, headers={"authorization": f"Bearer {key}"})


def figures(url: str) -> Any:
    answer = httpx.get(f"{url}/v1/management/usage", headers={"x-management-key": MANAGEMENT})
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def used(url: str, key: str = CLIENT) -> tuple[int, int, int, int]:
    """Requests, failures, input and output tokens of a client."""
    row = figures(url)["by_client"].get(client_id(key))
    if row is None:
        return 0, 0, 0, 0
    return row["requests"], row["failure"], row["tokens"]["input"], row["tokens"]["output"]


def change(before: tuple[int, ...], after: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(new - old for old, new in zip(before, after, strict=True))


def test_a_whole_answer_is_counted_as_it_said(url):
    before = used(url)
    said = post(url, "/v1/chat/completions", chat()).json()["usage"]
    counted = change(before, used(url))
    assert counted == (1, 0, said["prompt_tokens"], said["completion_tokens"])
    assert said["completion_tokens"] > 0


def test_a_translated_stream_is_counted_as_it_said(url):
    before = used(url)
    answer = post(url, "/v1/messages", chat(stream=True, max_tokens=500))
    events = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data:")]
    start: Any = next(event for event in events if event["type"] == "message_start")
    end: Any = next(event for event in events if event["type"] == "message_delta")
    read = end["usage"].get("input_tokens") or start["message"]["usage"]["input_tokens"]
    assert change(before, used(url)) == (1, 0, read, end["usage"]["output_tokens"])


def test_a_stream_that_tells_no_usage_is_not_free(url):
    before = used(url)
    answer = post(url, "/v1/chat/completions", chat("count to 40", stream=True))
    assert '"usage":{' not in answer.text.replace(" ", ""), "its bytes are the upstream's own"
    requests, failures, read, written = change(before, used(url))
    assert (requests, failures) == (1, 0)
    assert read > 0
    assert written >= 20


def test_what_fails_is_a_failure_of_nobody(url):
    before = used(url)
    assert post(url, "/v1/chat/completions", {**chat(), "model": "unheard-of"}).status_code == 404
    assert change(before, used(url)) == (1, 1, 0, 0)
    assert figures(url)["by_provider"]["none"]["failure"] >= 1


def test_a_client_that_leaves_has_used_what_was_written_and_is_no_failure(url):
    before = used(url)
    headers = {"authorization": f"Bearer {CLIENT}"}
    body = chat(LONG, stream=True, max_tokens=90_000)
    with httpx.stream("POST", f"{url}/v1/chat/completions", json=body, headers=headers) as answer:
        pieces = answer.iter_bytes()
        assert b"data:" in b"".join(next(pieces) for _ in range(5))
    until_s = time.monotonic() + 20
    while used(url)[0] == before[0]:
        assert time.monotonic() < until_s, "it was never recorded"
        time.sleep(0.05)
    requests, failures, read, written = change(before, used(url))
    assert (requests, failures) == (1, 0)
    assert read > 0
    assert 0 < written < 100


@pytest.mark.parametrize("stream", [False, True])
def test_a_spent_budget_is_refused_in_the_dialect_of_the_client(url, stream):
    for _ in range(3):
        answer = post(url, "/v1/chat/completions", chat("count to 40", stream=stream), SPENDER)
    assert answer.status_code == 429
    assert answer.headers["x-ratelimit-remaining-tokens"] == "0"
    assert answer.headers["x-should-retry"] == "false" or int(answer.headers["retry-after"]) <= 120
    refused = post(url, "/v1/messages", chat(max_tokens=9), SPENDER)
    assert refused.json()["error"]["type"] == "rate_limit_error"
    assert refused.headers["anthropic-ratelimit-tokens-remaining"] == "0"
    assert post(url, "/v1/chat/completions", chat()).status_code == 200, "others may go on"


def test_every_figure_respects_the_range_that_is_asked_for(tmp_path: Path):
    """A server over a store that has five days behind it, asked in every way there is."""
    today_s = time.time() // DAY_S * DAY_S
    moved_s = today_s - 6 * DAY_S - START_S // DAY_S * DAY_S
    records = [replace(one, time_s=one.time_s + moved_s) for one in many(2_000, days=5)]
    dsn = f"sqlite://{tmp_path}/usage.db"
    store = open_store(dsn)
    store.write(records)
    store.close()

    def date(days: int) -> str:
        return datetime.fromtimestamp(today_s - days * DAY_S, UTC).strftime("%Y-%m-%d")

    config = f"usage: {{dsn: '{dsn}'}}\nproviders: [{{type: demo}}]\n"
    with llm_mux("serve", config=config, LLM_MUX_MANAGEMENT_KEY=MANAGEMENT) as url:
        for query in (
            {},
            {"days": "3"},
            {"days": "1"},
            {"from": date(4), "to": date(3)},
            {"from": date(3)},
            {"to": date(4)},
            {"from": f"{date(5)}T10:20:30Z", "to": f"{date(3)}T23:59:59.999Z"},
            {"from": str(int(today_s - 4.25 * DAY_S)), "to": str(int(today_s - 2.5 * DAY_S))},
            {"days": "2", "to": date(3)},
            {"from": date(20), "to": date(15)},
        ):
            answer = httpx.get(
                f"{url}/v1/management/usage",
                params=query,
                headers={"x-management-key": MANAGEMENT},
            )
            told = answer.json()["data"]
            ends = (datetime.fromisoformat(told["period"][end]) for end in ("from", "to"))
            wanted = expected(records, *(end.timestamp() for end in ends))
            assert {name: told[name] for name in wanted} == as_json(wanted), query


def test_the_command_line_shows_the_same(url, config, tmp_path: Path):
    post(url, "/v1/chat/completions", chat())
    shown = figures(url)
    path = tmp_path / "config.yaml"
    path.write_text(config)
    path.chmod(0o600)
    command = [sys.executable, "-m", "mux", "usage", "--json", "--config", str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    told: Any = json.loads(done.stdout)
    for key in ("summary", "by_provider", "by_account", "by_model", "by_client"):
        assert told[key] == shown[key]
    assert told["by_provider"]["demo"]["requests"] > 0
    assert told["by_model"]["demo"]["tokens"]["output"] > 0
