"""``GET /metrics`` as Prometheus reads it."""

from __future__ import annotations

import re

import httpx
import pytest

from tests.contract.processes import llm_mux

_LINE = re.compile(r'(# (HELP|TYPE) \w+ .+|\w+(\{(\w+="(\\.|[^"\\])*",?)+\})? [0-9.e+-]+)')

CONFIG = """
disable-auth: false
api-keys: [sk-client-of-the-metrics]
usage: {dsn: ""}
providers:
  - {type: openai, name: shut, base-url: "http://127.0.0.1:9/v1", api-key: sk-up-4711-x,
     models: [{name: 'a "broken" one'}]}
  - {type: demo}
"""


@pytest.fixture(scope="module")
def client():
    headers = {"authorization": "Bearer sk-client-of-the-metrics"}
    with llm_mux("serve", config=CONFIG) as url, httpx.Client(base_url=url, timeout=60) as client:
        assert client.get("/metrics").status_code == 401
        client.headers.update(headers)
        yield client


def samples(client: httpx.Client) -> dict[str, float]:
    answer = client.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.text.endswith("\n")
    lines = answer.text.splitlines()
    assert [line for line in lines if not _LINE.fullmatch(line)] == []
    pairs = [line.rsplit(" ", 1) for line in lines if not line.startswith("#")]
    assert len({name for name, _ in pairs}) == len(pairs)
    assert "sk-up-4711-x" not in answer.text
    return {name: float(value) for name, value in pairs}


def test_what_was_asked_is_counted(client):
    body = {"model": "demo", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 99}
    said = client.post("/v1/messages", json=body).json()["usage"]
    client.post("/v1/messages", json={**body, "stream": True})
    found = samples(client)
    whose = 'dialect="anthropic",provider="demo",model="demo"'
    assert found[f'llm_mux_requests_total{{{whose},status="200"}}'] == 2
    written = found['llm_mux_tokens_total{provider="demo",model="demo",kind="output"}']
    assert written == 2 * said["output_tokens"]
    assert found[f"llm_mux_first_content_seconds_count{{{whose}}}"] == 1
    assert found[f'llm_mux_first_content_seconds_bucket{{{whose},le="+Inf"}}'] == 1
    assert found[f"llm_mux_between_pieces_seconds_count{{{whose}}}"] == 1
    assert 0 < found[f"llm_mux_between_pieces_seconds_sum{{{whose}}}"] < 10
    assert found['llm_mux_lost_total{kind="usage"}'] == 0
    assert found['llm_mux_lost_total{kind="request_files"}'] == 0
    assert found["llm_mux_open_streams"] == 0
    assert found["llm_mux_resident_memory_bytes"] > 1_000_000
    assert found['llm_mux_breakers{provider="demo",account="",state="closed"}'] == 1


def test_open_streams_are_counted_while_they_are_open(client):
    said = [{"role": "user", "content": "count to 5000 at 20 per second"}]
    body = {"model": "demo", "stream": True, "max_tokens": 90_000, "messages": said}
    with client.stream("POST", "/v1/chat/completions", json=body) as answer:
        pieces = answer.iter_bytes()  # closes the answer when it is let go of
        assert b"data:" in next(pieces)
        assert samples(client)["llm_mux_open_streams"] == 1


def test_failures_are_counted_by_whom_they_came_from(client):
    body = {"model": 'a "broken" one', "messages": [{"role": "user", "content": "Hello"}]}
    status = client.post("/v1/chat/completions", json=body).status_code
    assert status >= 500
    found = samples(client)
    name = 'provider="shut"'
    whose = f'dialect="openai_chat",{name},model="a \\"broken\\" one"'
    assert found[f'llm_mux_requests_total{{{whose},status="{status}"}}'] == 1
    assert found[f"llm_mux_retries_total{{{name}}}"] >= 1
