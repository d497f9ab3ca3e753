"""The threats that no single module answers for: what goes up, what comes down, what is written."""

from __future__ import annotations

import logging
import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import trio

from mux.config import ProviderSettings, ProviderType, Secret, Settings
from mux.config.mask import Mask
from mux.config.provider import ModelSettings
from mux.config.values import HttpUrl
from mux.gateway.exchange import Gateway
from mux.gateway.memory import Memory
from mux.models import Catalog
from mux.providers import from_settings
from mux.routing import Router
from mux.server.app import App
from mux.server.journal import Journal
from mux.server.logs import Lines
from mux.upstream.transport import NetworkTransport
from mux.usage import Budgets
from mux.usage.recorder import Recorder
from mux.wire import json
from tests.conftest import ROOT
from tests.life.process import DIALECTS, Stream, environment, server, wait_for
from tests.safety import raw
from tests.server.running import receive_all, start, stop
from tests.upstream import peer

KEY = "sk-upstream-4711-secret"
CLOSE = "connection: close"
SAID = [{"role": "user", "content": "Hello"}]


def app_of(kind: ProviderType, url: str, network: NetworkTransport) -> App:
    provider = ProviderSettings(
        kind,
        name="up",
        api_key=Secret(KEY),
        base_url=HttpUrl(url),
        models=(ModelSettings("m"),),
        headers={"x-own": Secret("header-secret")},
    )
    settings = Settings(providers=(provider,), disable_cooling=True, request_retry=0)
    router = Router(from_settings(settings), settings, Catalog())
    memory = Memory.empty(trio.current_time)
    gateway = Gateway(router, network, lambda: 1_790_000_000.0, settings, memory)
    recorder = Recorder(None, settings.usage, Budgets(settings.api_keys), gateway.clock)
    return App(settings, gateway, Journal(recorder, Catalog()))


async def ask(
    nursery: trio.Nursery,
    script: Any,
    request: bytes,
    kind: ProviderType = ProviderType.OPENAI,
) -> bytes:
    """What comes back from a server whose upstream does what `script` says."""
    upstream = await peer.start(nursery, script)
    async with NetworkTransport() as network:
        running = await start(nursery, app_of(kind, upstream.url, network))
        async with await running.connect(request) as client:
            answer = await receive_all(client)
        await stop(running)
    return answer


def answering(head: bytes, body: bytes, seen: list[bytes] | None = None) -> Any:
    async def script(upstream: peer.Peer) -> None:
        while asked := await upstream.request():
            if seen is not None:
                seen.append(asked)
            await upstream.send(head + b"content-length: %d\r\n\r\n" % len(body) + body)

    return script


def chat(*headers: str, **fields: Any) -> bytes:
    body = json.dumps({"model": "m", "messages": SAID, **fields})
    return raw.post("/v1/chat/completions", body, CLOSE, *headers)


def messages(*headers: str, **fields: Any) -> bytes:
    body = json.dumps({"model": "m", "messages": SAID, "max_tokens": 9, **fields})
    return raw.post("/v1/messages", body, CLOSE, *headers)


ANSWER = json.dumps(
    {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hi"},
                "finish_reason": "stop",
            }
        ],
    }
)


# -- what goes up ---------------------------------------------------------------------------------


async def test_T10_no_field_or_header_of_a_request_chooses_where_it_goes(nursery):
    elsewhere = await peer.start(nursery, answering(peer.OK, ANSWER))
    image = {"type": "image_url", "image_url": {"url": f"{elsewhere.url}/cat.png"}}
    fields = {
        "api_base": elsewhere.url,
        "base_url": elsewhere.url,
        "api_key": "sk-other",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Look"}, image]}],
    }
    headers = [f"{name}: {elsewhere.url}" for name in ("x-api-base", "x-forwarded-host", "x-host")]
    for request in (chat(*headers, **fields), messages(*headers, api_base=elsewhere.url)):
        seen: list[bytes] = []
        await ask(nursery, answering(peer.OK, ANSWER, seen), request)
        assert len(seen) == 1
    assert elsewhere.connections == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_T10_a_redirect_is_not_followed(nursery, status):
    elsewhere = await peer.start(nursery, answering(peer.OK, ANSWER))
    head = b"HTTP/1.1 %d Moved\r\nlocation: %s/v1/x\r\n" % (status, elsewhere.url.encode())
    answer = raw.parsed(await ask(nursery, answering(head, b""), chat()))
    assert answer.status == 503
    assert "location" not in answer.headers
    assert elsewhere.connections == 0


@pytest.mark.parametrize(
    "name", ["../../evil", "m/../../evil", "m?key=x", "m#x", "m%2f..%2fevil", "m:evil", "a b"]
)
async def test_T12_a_model_name_stays_in_its_place_of_the_path(nursery, name):
    seen: list[bytes] = []
    body = json.dumps({"model": f"up://{name}", "messages": SAID})
    request = raw.post("/v1/chat/completions", body, CLOSE)
    await ask(nursery, answering(peer.OK, b"{}", seen), request, ProviderType.GEMINI)
    for asked in seen:
        target = asked.split(b" ")[1].decode()
        assert re.fullmatch(r"/v1beta/models/[^/?#]+:generateContent", target), target


@pytest.mark.parametrize("name", ["m\r\nx: y", "m\n", "m\x00", "m\x1b[0m", "\u2028", "x" * 300, ""])
def test_T12_names_that_no_model_has_are_refused(url, name):
    body = json.dumps({"model": name, "messages": SAID})
    answer = raw.parsed(raw.exchange(url, raw.post("/v1/chat/completions", body, CLOSE)))
    assert answer.status == 400


@pytest.mark.parametrize("request_", [chat, messages], ids=["same dialect", "translated"])
async def test_T18_nothing_of_the_clients_own_goes_up_and_one_key_of_ours_does(nursery, request_):
    secrets = {
        "authorization": "Bearer client-1",
        "x-api-key": "client-2",
        "x-goog-api-key": "client-3",
        "cookie": "client-4",
        "proxy-authorization": "client-5",
        "x-anything": "client-6",
        "x-forwarded-for": "client-7",
        "referer": "client-8",
        "openai-organization": "client-9",
        "x-management-key": "client-10",
    }
    seen: list[bytes] = []
    request = request_(*(f"{name}: {value}" for name, value in secrets.items()))
    await ask(nursery, answering(peer.OK, ANSWER, seen), request)
    head = seen[0].partition(b"\r\n\r\n")[0].lower()
    assert b"client-" not in head
    assert head.count(KEY.encode()) == 1
    assert b"authorization: bearer " + KEY.encode() in head


# -- what comes down ------------------------------------------------------------------------------

HOSTILE = (
    b"set-cookie: a=b\r\naccess-control-allow-origin: *\r\nlocation: http://evil.example\r\n"
    b"x-evil: 1\r\ncontent-security-policy: none\r\nserver: evil\r\nx-powered-by: evil\r\n"
    b"x-request-id: \xe9vil\r\ncontent-type: application/json\r\n"
    b"strict-transport-security: max-age=1\r\nclear-site-data: *\r\nrefresh: 0\r\n"
)


@pytest.mark.parametrize("status", [b"200 OK", b"400 Bad", b"500 Bad"])
@pytest.mark.parametrize("request_", [chat, messages], ids=["same dialect", "translated"])
async def test_T17_our_heads_are_our_own(nursery, request_, status):
    head = b"HTTP/1.1 " + status + b"\r\n" + HOSTILE
    answer = raw.parsed(await ask(nursery, answering(head, ANSWER), request_()))
    for line in HOSTILE.decode("latin-1").splitlines():
        name = line.partition(":")[0]
        if name not in ("content-type", "x-request-id"):
            assert name not in answer.headers
    assert "vil" not in answer.headers.get("x-request-id", "")
    assert answer.headers["content-type"].startswith("application/json")


WORDS = f"bad key {KEY} and header-secret \x1b[31m\x07\x00 for https://up?key={KEY}"
ERROR = json.dumps({"error": {"message": WORDS, "type": "server_error", "code": None}})


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500])
@pytest.mark.parametrize("request_", [chat, messages], ids=["same dialect", "translated"])
async def test_T19_an_upstream_that_quotes_our_secrets_is_not_quoted(
    nursery, caplog, request_, status
):
    caplog.set_level(logging.DEBUG)
    head = b"HTTP/1.1 %d Bad\r\ncontent-type: application/json\r\n" % status
    answer = await ask(nursery, answering(head, ERROR), request_())
    assert b"HTTP/1.1 200" not in answer
    for secret in (KEY, "header-secret"):
        assert secret.encode() not in answer
        assert secret not in caplog.text
    if request_ is messages:
        assert b"u001b" not in answer, "control characters are taken out"


@pytest.mark.parametrize("request_", [chat, messages], ids=["same dialect", "translated"])
async def test_T19_not_in_a_running_stream_either(nursery, request_):
    chunk = {"id": "c", "created": 7, "model": "m", "object": "chat.completion.chunk"}
    delta = {"index": 0, "delta": {"content": "Hello"}, "finish_reason": None}
    events = b"data: " + json.dumps({**chunk, "choices": [delta]}) + b"\n\n"
    head = peer.OK + b"content-type: text/event-stream\r\n"
    script = answering(head, events + b"data: " + ERROR + b"\n\n")
    answer = await ask(nursery, script, request_(stream=True))
    assert b"Hello" in answer
    assert b"bad key" in answer
    assert KEY.encode() not in answer
    assert b"header-secret" not in answer


async def test_T19_what_an_upstream_says_of_its_failure_is_cut(nursery):
    error = json.dumps({"error": {"message": "x" * 50_000}})
    script = answering(b"HTTP/1.1 500 Bad\r\n", error)
    assert len(await ask(nursery, script, messages())) < 3000


# -- what is written ------------------------------------------------------------------------------


def test_T20_nobody_writes_lines_of_the_log(url, log):
    for path in ("/%0aFORGED%20INFO", "/%0d%0aFORGED", "/%1b[31mFORGED", "/%e2%80%a8FORGED"):
        raw.exchange(url, raw.head("GET", path, CLOSE))
    wait_for(lambda: log.read_text().count("FORGED") == 4, "all are logged")
    text = log.read_text()
    lines = [line for line in text.splitlines() if "FORGED" in line]
    assert len(lines) == 4
    assert all(re.match(r"\d{4}-\d\d-\d\d .* mux\.access GET ", line) for line in lines)
    assert "\x1b" not in text


def test_T20_traces_of_crashes_hold_no_secrets():
    settings = Settings(proxy_url=Secret.parse("https://me:password-1@proxy"))  # type: ignore[arg-type]
    lines = Lines(Mask(settings))
    try:
        raise ValueError("https://me:password-1@proxy")
    except ValueError:
        record = logging.LogRecord("mux", logging.ERROR, "", 1, "x\ny", (), sys.exc_info())
    told = lines.format(record)
    assert "password-1" not in told
    assert "ValueError" in told
    assert "x\\u000ay" in told


def test_T20_nor_does_the_trace_of_what_ends_the_process(tmp_path: Path):
    (tmp_path / "config.yaml").write_text(f"providers: [{{type: openai, api-key: {KEY}}}]")
    (tmp_path / "config.yaml").chmod(0o600)
    program = f"""
import mux.server.main
async def serve(*_, **__): raise RuntimeError("sent {KEY}")
mux.server.main.serve = serve
from mux.cli.main import main
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", program, "serve", "--config", "config.yaml", "--port", "0"],
        env={**environment(tmp_path), "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "RuntimeError: sent" in done.stderr
    assert KEY not in done.stderr


def test_T21_no_log_line_holds_what_is_said(url, log):
    body = json.dumps({"model": "demo", "messages": [{"role": "user", "content": "hush-4711"}]})
    for path in ("/v1/chat/completions", "/v1/messages", "/api/chat"):
        raw.exchange(url, raw.post(path, body, CLOSE))
        raw.exchange(url, raw.post(path, body[:-2], CLOSE))
    assert "hush-4711" not in log.read_text()


@pytest.mark.skipif(os.name != "posix", reason="modes are those of POSIX")
def test_T5_what_is_written_is_for_its_owner_alone_whatever_the_umask(tmp_path: Path):
    program = f'umask 000; exec "{sys.executable}" -m mux init'
    subprocess.run(
        ["sh", "-c", program], env=environment(tmp_path), cwd=ROOT, check=True, capture_output=True
    )
    folder = tmp_path / ".config" / "llm-mux"
    for path in (folder, *folder.rglob("*")):
        wanted = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == wanted, path


@pytest.mark.skipif(os.name != "posix", reason="modes are those of POSIX")
def test_T5_nor_does_a_running_server_let_others_read_anything(tmp_path: Path):
    usage = f"usage: {{dsn: 'sqlite://{tmp_path}/usage.db', batch-size: 1}}"
    config = f"providers: [{{type: demo}}]\nlogging-to-file: true\n{usage}\n"
    with server(tmp_path, config, limit="umask 000") as running:
        body = json.dumps({"model": "demo", "messages": SAID})
        raw.exchange(running.url, raw.post("/v1/chat/completions", body, CLOSE))
        wait_for((tmp_path / "usage.db-wal").exists, "something is recorded")
        written = [*tmp_path.glob("usage.db*"), *(tmp_path / "logs").rglob("*")]
        assert len(written) >= 3
        for path in written:
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
        assert stat.S_IMODE((tmp_path / "logs").stat().st_mode) == 0o700


async def test_T24_who_asks_at_the_same_time_gets_only_his_own(nursery, url):
    port = raw.address(url)[1]
    found = [Stream(kind) for kind in DIALECTS.values() for _ in range(6)]
    for number, stream in enumerate(found):
        nursery.start_soon(stream.run, port, f"tenant-{number:03} says hello")
    with trio.fail_after(60):
        for stream in found:
            await stream.ended.wait()
    for number, stream in enumerate(found):
        assert stream.whole
        assert set(re.findall(rb"tenant-\d+", stream.data)) == {b"tenant-%03d" % number}
