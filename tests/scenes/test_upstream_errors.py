"""What upstreams refuse with, and what a client of every dialect is told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mux.codecs import CODECS
from mux.errors import ErrorKind, MuxError
from mux.gateway import headers
from mux.gateway.call import Call, Outcome
from tests.scenes.fake import Client, Script, ScriptedTransport, gateway
from tests.scenes.test_keep_alive import ASKED

UPSTREAMS = ["anthropic", "gemini", "ollama", "openai_chat", "openai_responses"]
CLIENTS = sorted(CODECS)
PAGE = b"<html><head><title>502</title></head><body>" + b"nginx " * 5000 + b"</body></html>"

everywhere = pytest.mark.parametrize("client", CLIENTS)


async def refused(
    client: str, upstream: str, status: int, body: bytes, **more: str
) -> tuple[MuxError, Outcome, dict[str, str], dict[str, Any]]:
    """The error a client of one dialect gets, the headers with it, and its body."""
    request = CODECS[client].server.decode_request(
        json.dumps({"model": "m", **ASKED[client]}).encode(), model="m", stream=False
    )
    transport, outcome = ScriptedTransport(Script(body, status=status, **more)), Outcome()
    with pytest.raises(MuxError) as caught:
        await gateway(transport, upstream).generate(
            Call(client, request, b"", {}), Client(), outcome
        )
    error = caught.value
    told = json.loads(CODECS[client].server.encode_error(error))
    return error, outcome, dict(headers.of_error(error, client)), told


def words_of(client: str, told: dict[str, Any]) -> str:
    error = told["error"]
    message = error if client == "ollama" else error["message"]
    assert isinstance(message, str)
    return message


@everywhere
@pytest.mark.parametrize("upstream", UPSTREAMS)
async def test_P222_a_page_for_people_becomes_a_short_message_with_the_status(
    client, upstream, autojump_clock
):
    error, _, _, told = await refused(client, upstream, 502, PAGE, content_type="text/html")
    assert error.status == 503
    message = words_of(client, told)
    assert "502" in message
    assert len(message) < 200
    assert "<" not in message


def openai(code: str, message: str = "slower") -> bytes:
    return json.dumps({"error": {"message": message, "type": code, "code": code}}).encode()


def google(*details: dict[str, Any]) -> bytes:
    error = {"code": 429, "message": "slower", "status": "RESOURCE_EXHAUSTED", "details": details}
    return json.dumps({"error": error}).encode()


RETRY_INFO = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "6.5s"}
WAITS = [
    ("openai_chat", openai("rate_limit_exceeded"), {"retry_after": "7"}, 7),
    ("openai_chat", openai("rate_limit_exceeded"), {"retry_after_ms": "6500"}, 6.5),
    (
        "anthropic",
        b'{"type":"error","error":{"type":"rate_limit_error","message":"x"}}',
        {"retry_after": "7"},
        7,
    ),
    ("gemini", google(RETRY_INFO), {}, 6.5),
    ("ollama", b'{"error":"slower"}', {"retry_after": "7"}, 7),
    (
        "openai_chat",
        openai("rate_limit_exceeded"),
        {"x_ratelimit_remaining_requests": "0", "x_ratelimit_reset_requests": "6m0s"},
        360,
    ),
]


@everywhere
@pytest.mark.parametrize(("upstream", "body", "more", "wait_s"), WAITS)
async def test_P217_P218_how_long_to_wait_reaches_every_client_whoever_said_it_how(
    client, upstream, body, more, wait_s, autojump_clock
):
    error, _, head, told = await refused(client, upstream, 429, body, **more)
    assert error.status == 429
    assert head["retry-after"] == str(-int(-wait_s // 1))
    assert "x-should-retry" not in head
    if client.startswith("openai"):
        assert head["retry-after-ms"] == str(int(wait_s * 1000))
    if client == "gemini":
        [delay] = [each["retryDelay"] for each in told["error"]["details"] if "retryDelay" in each]
        assert delay == f"{-int(-wait_s // 1)}s"


@everywhere
@pytest.mark.parametrize("wrong", ["soon", "", "-5", "NaN", "1e999", "Mon, 99 Foo"])
async def test_P218_a_wait_nobody_can_read_is_none(client, wrong, autojump_clock):
    body = openai("rate_limit_exceeded")
    error, _, head, _ = await refused(client, "openai_chat", 429, body, retry_after=wrong)
    assert error.status == 429
    assert int(head.get("retry-after", "1")) >= 1


SPENT = [
    ("openai_chat", 429, openai("insufficient_quota", "You exceeded your current quota")),
    ("openai_responses", 429, openai("insufficient_quota", "You exceeded your current quota")),
    ("anthropic", 402, b'{"type":"error","error":{"type":"billing_error","message":"x"}}'),
    (
        "gemini",
        429,
        google(
            {
                "@type": "type.googleapis.com/google.rpc.QuotaFailure",
                "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}],
            }
        ),
    ),
]


@everywhere
@pytest.mark.parametrize(("upstream", "status", "body"), SPENT)
async def test_P220_a_spent_quota_is_no_server_error_and_not_tried_again(
    client, upstream, status, body, autojump_clock
):
    error, outcome, head, told = await refused(client, upstream, status, body)
    assert (error.kind, error.status) == (ErrorKind.QUOTA, 429)
    assert outcome.attempts == 1
    assert head["x-should-retry"] == "false"
    if client.startswith("openai"):
        assert told["error"]["code"] == "insufficient_quota"
    elif client == "anthropic":
        assert told["error"]["type"] == "rate_limit_error"
    elif client == "gemini":
        assert told["error"]["status"] == "RESOURCE_EXHAUSTED"


@everywhere
@pytest.mark.parametrize("upstream", ["openai_chat", "openai_responses"])
async def test_P221_slow_down_is_a_rate_and_no_spent_quota(client, upstream, autojump_clock):
    error, _, head, _ = await refused(client, upstream, 429, openai("slow_down"))
    assert (error.kind, error.status) == (ErrorKind.RATE_LIMIT, 429)
    assert "x-should-retry" not in head


@everywhere
@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("upstream", UPSTREAMS)
async def test_P219_a_refused_credential_of_ours_is_no_401_of_theirs(
    client, upstream, status, autojump_clock
):
    error, _, head, _ = await refused(client, upstream, status, b'{"error":"no"}')
    assert (error.kind, error.status) == (ErrorKind.UPSTREAM_AUTH, 503)
    assert head["x-should-retry"] == "false"
