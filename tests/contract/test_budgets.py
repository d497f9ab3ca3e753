"""A key that has used up what it may: 429 in the form of each dialect, with when it may go on."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from tests.contract.processes import llm_mux

MODEL = "claude-sonnet-4-20250514"
"""One that the catalogue has a price for."""

KEYS = {
    "requests": "sk-key-with-requests-a-minute",
    "tokens": "sk-key-with-tokens-a-day-0001",
    "cost": "sk-key-with-dollars-a-month-1",
    "none": "sk-key-without-any-limit-0001",
}
SAID = [{"role": "user", "content": "Hello"}]
CALLS: dict[str, tuple[str, dict[str, object]]] = {
    "openai_chat": ("/v1/chat/completions", {"model": MODEL, "messages": SAID}),
    "openai_completions": ("/v1/completions", {"model": MODEL, "prompt": "Hello"}),
    "openai_responses": ("/v1/responses", {"model": MODEL, "input": "Hello"}),
    "anthropic": ("/v1/messages", {"model": MODEL, "max_tokens": 99, "messages": SAID}),
    "gemini": (
        f"/v1beta/models/{MODEL}:generateContent",
        {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]},
    ),
    "ollama": ("/api/chat", {"model": MODEL, "stream": False, "messages": SAID}),
}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A server whose limits are used up by one call."""
    upstream = (
        f"providers: [{{type: demo, models: [{{name: demo-anthropic, alias: {MODEL}}}]}}]\n"
        "usage: {dsn: ''}\n"
    )
    with llm_mux("serve", config=upstream) as demo:
        config = f"""
disable-auth: false
api-keys:
  - {{key: {KEYS["requests"]}, limits: {{requests-per-minute: 1}}}}
  - {{key: {KEYS["tokens"]}, limits: {{tokens-per-day: 5}}}}
  - {{key: {KEYS["cost"]}, limits: {{cost-per-month: 0.000001}}}}
  - {{key: {KEYS["none"]}}}
usage: {{flush-interval: 50ms}}
providers: [{{type: anthropic, base-url: "{demo}", models: [{{name: {MODEL}}}]}}]
"""
        with llm_mux("serve", config=config) as url:
            for key in KEYS.values():
                assert call(url, "openai_chat", key).status_code == 200
            yield url


def call(url: str, dialect: str, key: str, **fields: object) -> httpx.Response:
    path, body = CALLS[dialect]
    headers = {"authorization": f"Bearer {key}"}
    return httpx.post(f"{url}{path}", json=body | fields, headers=headers, timeout=30)


def reset_s(what: str) -> float:
    """How long until there is some again, if nothing else tells."""
    now = datetime.now(UTC)
    if what == "requests":
        return 60
    if what == "tokens":
        return 86_400 - time.time() % 86_400
    year, month = divmod(now.year * 12 + now.month, 12)
    return datetime(year, month + 1, 1, tzinfo=UTC).timestamp() - time.time()


def message(dialect: str, body: Any) -> str:
    """What the dialect says of it, in the place and with the code where its clients look."""
    error = body["error"]
    if dialect == "ollama":
        return str(error)
    if dialect == "anthropic":
        assert (body["type"], error["type"]) == ("error", "rate_limit_error")
    elif dialect == "gemini":
        assert (error["code"], error["status"]) == (429, "RESOURCE_EXHAUSTED")
        (retry,) = [part for part in error["details"] if part["@type"].endswith("RetryInfo")]
        assert re.fullmatch(r"\d+(\.\d+)?s", retry["retryDelay"])
    else:
        assert error["type"] in ("rate_limit_exceeded", "requests", "tokens", "rate_limit_error")
    return str(error["message"])


@pytest.mark.parametrize("what", ["requests", "tokens", "cost"])
@pytest.mark.parametrize("dialect", CALLS)
def test_it_is_refused_in_the_form_of_the_dialect(url: str, dialect: str, what: str):
    answer = call(url, dialect, KEYS[what])
    if what == "requests" and answer.status_code == 200:  # a minute has gone by since the last one
        answer = call(url, dialect, KEYS[what])
    assert answer.status_code == 429
    told = message(dialect, answer.json())
    assert "This API key has used up its" in told
    wait_s = reset_s(what)
    assert 0 < int(answer.headers["retry-after"]) <= wait_s + 60
    when = re.search(r"after (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC", told)
    assert when, "when it may go on"
    moment_s = datetime.fromisoformat(f"{when[1]}+00:00").timestamp()
    assert moment_s - time.time() <= wait_s + 60
    if what == "cost":  # of money no dialect speaks
        return
    if dialect == "anthropic":
        reset = answer.headers[f"anthropic-ratelimit-{what}-reset"]
        assert abs(datetime.fromisoformat(reset).timestamp() - moment_s) <= 1
    elif dialect.startswith("openai"):
        assert answer.headers[f"x-ratelimit-remaining-{what}"] == "0"
        assert re.fullmatch(r"(\d+h)?(\d+m)?\d+s", answer.headers[f"x-ratelimit-reset-{what}"])


@pytest.mark.parametrize("dialect", ["openai_chat", "openai_responses", "anthropic", "ollama"])
def test_a_stream_is_refused_before_it_begins(url: str, dialect: str):
    answer = call(url, dialect, KEYS["tokens"], stream=True)
    assert answer.status_code == 429
    assert "This API key has used up its" in message(dialect, answer.json())


def test_others_may_go_on(url: str):
    for dialect in CALLS:
        assert call(url, dialect, KEYS["none"]).status_code == 200
