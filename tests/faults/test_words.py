"""What an upstream's words may bring to a client: no secret, no control character, no header."""

from __future__ import annotations

import json

import pytest

from mux.codecs import CODECS
from tests.faults.gate import Gate, error_of
from tests.faults.upstream import SECRET
from tests.scenes.fake import Script, ScriptedTransport
from tests.scenes.pieces import PIECES, last_error

DIALECTS = sorted(CODECS)
UPSTREAMS = [name for name in DIALECTS if name != "openai_completions"]
BASE = "http://127.0.0.1:1"
NASTY = f"bad key {SECRET}\x1b]0;owned\x07\x00\x9b31m " + "x" * 5000

everyone = pytest.mark.parametrize("client", DIALECTS)
hosts = pytest.mark.parametrize("speaks", UPSTREAMS)


def told(dialect: str, message: str) -> bytes:
    """An error of an upstream of `dialect`, with escapes in it as JSON has them."""
    error = {"message": message, "type": "invalid_request_error", "status": "INVALID_ARGUMENT"}
    body = {"error": message if dialect == "ollama" else error}
    return json.dumps(body | {"type": "error"} if dialect == "anthropic" else body).encode()


def clean(text: str) -> None:
    assert text
    assert SECRET not in text
    assert len(text) <= 1100
    assert not [char for char in text if char < " " or "\x7f" <= char <= "\x9f"]


@everyone
@hosts
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("status", [400, 401, 429, 500])
async def test_T19_an_upstreams_words_are_short_and_plain_and_hold_no_secret(
    client, speaks, stream, status, autojump_clock
):
    script = Script(told(speaks, NASTY), status=status, content_type="application/json")
    got = await Gate(ScriptedTransport(script), (speaks, BASE)).asked(client, stream=stream)
    clean(error_of(client, got.body))


@everyone
@hosts
@pytest.mark.parametrize("nasty", [NASTY, f"bad key {SECRET}"], ids=["long", "short"])
async def test_T19_nor_do_those_inside_a_stream(client, speaks, nasty, autojump_clock):
    pieces = PIECES[speaks]
    quoted, busy = json.dumps(nasty)[1:-1].encode(), b"busy now"
    told_late = pieces.error.replace(busy, quoted).replace(b"server busy", quoted)
    script = Script(
        pieces.begin + pieces.opened + pieces.texts[0], 1.0, told_late, content_type="text/x"
    )
    script.headers["content-type"] = pieces.content_type
    got = await Gate(ScriptedTransport(script), (speaks, BASE)).asked(client, stream=True)
    assert b"Hel" in got.body
    assert SECRET.encode() not in got.body
    clean(last_error(client, got.body))


@pytest.mark.parametrize("speaks", DIALECTS)
async def test_an_error_of_its_own_dialect_reaches_a_client_as_it_is(speaks, autojump_clock):
    body = told(speaks, "no\tsuch\nthing")
    script = Script(body, status=422, content_type="text/plain")
    got = await Gate(ScriptedTransport(script), (speaks, BASE)).asked(speaks, stream=False)
    assert (got.status, got.body) == (422, body)
    assert got.headers["content-type"] == "application/json"


@pytest.mark.parametrize("speaks", DIALECTS)
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("status", [200, 429])
async def test_T17_the_heads_of_answers_are_ours(speaks, stream, status, autojump_clock):
    foreign = {
        "set-cookie": "a=b",
        "location": "http://evil.example/",
        "access-control-allow-origin": "*",
        "content-encoding": "identity",
        "x-powered-by": "evil",
        "content-security-policy": "none",
        "retry-after": "9\x80",
        "x-request-id": "up\x7f1",
    }
    good = PIECES[speaks].text
    if not stream:
        good = b"{}" if status != 200 else _whole(speaks)
    script = Script(good if status == 200 else told(speaks, "slower"), status=status)
    script.headers |= foreign | {
        "content-type": PIECES[speaks].content_type if stream else "text/html"
    }
    got = await Gate(ScriptedTransport(script), (speaks, BASE)).asked(speaks, stream=stream)
    assert got.status == status
    assert not {"set-cookie", "location", "x-powered-by"} & got.headers.keys()
    assert not [name for name in got.headers if name.startswith(("access-control", "content-s"))]
    assert got.headers["content-type"].startswith(("application/", "text/event-stream"))
    for value in got.headers.values():
        assert all(" " <= char <= "~" for char in value)


def _whole(dialect: str) -> bytes:
    from mux.ir import Text
    from tests.scenes.spoken import spoken

    [body] = spoken(dialect, Text("Hello"), stream=False).steps
    assert isinstance(body, bytes)
    return body
