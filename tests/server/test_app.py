"""The app over real sockets: clients that leave, what the log holds, and large requests."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
import trio

from mux.config import ProviderSettings, ProviderType, Secret, Settings
from mux.config.provider import ModelSettings
from mux.config.values import HttpUrl
from mux.errors import MuxError
from mux.gateway.exchange import Gateway
from mux.gateway.memory import Memory
from mux.models import Catalog
from mux.providers import from_settings
from mux.routing import Router
from mux.server.app import App
from mux.server.journal import Journal
from mux.upstream.transport import NetworkTransport
from mux.usage import Budgets
from mux.usage.recorder import Recorder
from tests import leftovers
from tests.server.running import Running, receive_all, receive_until, start, stop
from tests.upstream import peer

KEY = "sk-upstream-4711"
CHUNK = (
    b'data: {"id":"c","created":7,"model":"m","choices":[{"index":0,'
    b'"delta":{"content":"Hello"},"finish_reason":null}]}\n\n'
)
EVENTS = peer.OK + b"content-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
FIRST = EVENTS + b"%x\r\n%b\r\n" % (len(CHUNK), CHUNK)


def clock() -> float:
    return 1_790_000_000.0


def app_for(url: str, network: NetworkTransport, **more: Any) -> App:
    """An app with two providers that are the same upstream."""
    settings = Settings(
        providers=tuple(
            ProviderSettings(
                ProviderType.OPENAI,
                name=name,
                api_key=Secret(KEY),
                base_url=HttpUrl(url),
                models=(ModelSettings("m"),),
            )
            for name in ("one", "two")
        ),
        **more,
    )
    router = Router(from_settings(settings), settings, Catalog())
    memory = Memory.empty(trio.current_time)
    recorder = Recorder(None, settings.usage, Budgets(settings.api_keys), clock)
    journal = Journal(recorder, Catalog())
    return App(settings, Gateway(router, network, clock, settings, memory), journal)


def request(path: str, stream: bool, *headers: str) -> bytes:
    said = [{"role": "user", "content": "hi"}]
    body = json.dumps({"model": "m", "max_tokens": 9, "messages": said, "stream": stream}).encode()
    head = "\r\n".join((f"POST {path} HTTP/1.1", "host: localhost", *headers))
    return f"{head}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


async def serving(nursery: trio.Nursery, app: App) -> Running:
    return await start(nursery, app)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("pieces", [(), (EVENTS,), (FIRST,)], ids=["asked", "head", "content"])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/api/chat"])
async def test_F42_P21_a_client_that_leaves_takes_the_upstream_along_and_is_counted_as_gone(
    nursery, caplog, path, pieces, stream
):
    caplog.set_level(logging.INFO, logger="mux.access")
    asked, left = trio.Event(), trio.Event()

    async def script(upstream: peer.Peer) -> None:
        await upstream.request()
        await upstream.send(*pieces)
        asked.set()
        await upstream.gone()
        left.set()

    server = await peer.start(nursery, script)
    async with NetworkTransport() as network:
        running = await serving(nursery, app_for(server.url, network))
        client = await running.connect(request(path, stream))
        with trio.fail_after(10):
            await asked.wait()
            await trio.testing.wait_all_tasks_blocked()
            await client.aclose()
            await left.wait()
        await stop(running)  # which waits for the request to be over
    assert "client gone" in caplog.text
    assert server.connections == 1, "nobody else is asked"


async def test_who_leaves_with_the_whole_answer_has_cancelled_nothing(nursery, caplog):
    caplog.set_level(logging.INFO, logger="mux.access")
    end = CHUNK.replace(b"null", b'"stop"') + b"data: [DONE]\n\n"

    async def script(upstream: peer.Peer) -> None:
        await upstream.request()
        await upstream.send(EVENTS + b"%x\r\n%b\r\n" % (len(end), end))
        await upstream.gone()  # it never ends the body, which is waited for a moment

    server = await peer.start(nursery, script)
    async with NetworkTransport() as network:
        running = await serving(nursery, app_for(server.url, network))
        with trio.fail_after(10):
            async with await running.connect(request("/v1/chat/completions", True)) as client:
                said = b""
                while b"\r\n0\r\n" not in said:
                    said += await client.receive_some()
        await stop(running)
    assert b"[DONE]" in said
    assert " 200 in=" in caplog.text
    assert "client gone" not in caplog.text


async def test_P230_no_log_line_holds_a_secret_whatever_way_it_came(nursery, caplog):
    caplog.set_level(logging.DEBUG)
    ways = {
        "authorization: Bearer client-secret-1": "",
        "x-api-key: client-secret-2": "",
        "x-goog-api-key: client-secret-3": "",
        "x-management-key: client-secret-4": "",
        "cookie: client-secret-5": "",
        "x: y": "?key=client-secret-6",
    }

    async def script(upstream: peer.Peer) -> None:
        while asked := await upstream.request():
            assert KEY.encode() in asked
            body = json.dumps({"error": {"message": f"bad key {KEY}"}}).encode()
            head = b"HTTP/1.1 401 Unauthorized\r\ncontent-length: %d\r\n\r\n" % len(body)
            await upstream.send(head + body)

    server = await peer.start(nursery, script)
    async with NetworkTransport() as network:
        running = await serving(nursery, app_for(server.url, network))
        for header, query in ways.items():
            path = f"/v1/chat/completions{query}"
            asked = request(path, False, header, "connection: close")
            async with await running.connect(asked) as client:
                answer = await receive_all(client)
            assert b"HTTP/1.1 503" in answer
            assert KEY.encode() not in answer
    assert caplog.text.count("/v1/chat/completions") >= len(ways)
    assert "client-secret" not in caplog.text
    assert KEY not in caplog.text


@pytest.mark.parametrize("stream", [True, False])
async def test_a_request_that_was_refused_is_gone_without_the_garbage_collector(nursery, stream):
    async def script(upstream: peer.Peer) -> None:
        while await upstream.request():
            await upstream.send(b"HTTP/1.1 400 Bad\r\ncontent-length: 2\r\n\r\n{}")

    server = await peer.start(nursery, script)
    async with NetworkTransport() as network:
        running = await serving(nursery, app_for(server.url, network))
        with leftovers.none_of(MuxError):
            for _ in range(3):
                asked = request("/v1/chat/completions", stream, "connection: close")
                async with await running.connect(asked) as client:
                    assert b"HTTP/1.1 400" in await receive_all(client)
            await trio.testing.wait_all_tasks_blocked()


@pytest.mark.parametrize(("size", "beside"), [(1000, False), (2_000_000, True)])
async def test_P236_a_large_body_is_decoded_beside_the_other_requests(
    nursery, monkeypatch, size, beside
):
    in_threads = []
    run_sync = trio.to_thread.run_sync

    async def recorded(*args: Any, **options: Any) -> Any:
        in_threads.append(args[0])
        return await run_sync(*args, **options)

    monkeypatch.setattr(trio.to_thread, "run_sync", recorded)
    async with NetworkTransport() as network:
        running = await serving(nursery, app_for("http://127.0.0.1:9", network))
        body = json.dumps({"model": "none", "messages": [{"role": "user", "content": "x" * size}]})
        head = "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n"
        asked = f"{head}content-length: {len(body)}\r\n\r\n{body}".encode()
        async with await running.connect(asked) as client:
            assert b"HTTP/1.1 404" in await receive_all(client)
    assert bool(in_threads) is beside


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
async def test_an_upstream_that_ends_after_its_last_event_keeps_its_connection(nursery, path):
    last = b"data: [DONE]\n\n"

    async def script(upstream: peer.Peer) -> None:
        while await upstream.request():
            await upstream.send(FIRST, b"%x\r\n%b\r\n" % (len(last), last))
            await upstream.send(b"0\r\n\r\n")

    server = await peer.start(nursery, script)
    async with NetworkTransport() as network:
        running = await serving(nursery, app_for(server.url, network))
        async with await running.connect() as client:
            for _ in range(3):
                await client.send_all(request(path, True))
                await receive_until(client, b"0\r\n\r\n")
                await trio.testing.wait_all_tasks_blocked()
        await stop(running)
    assert server.connections == 1


async def test_P236_what_is_made_of_large_bodies_is_made_beside_the_other_requests(
    nursery, monkeypatch
):
    in_threads = []
    run_sync = trio.to_thread.run_sync

    async def recorded(work: Any, *more: Any, **options: Any) -> Any:
        in_threads.append(repr(work))
        return await run_sync(work, *more, **options)

    words = "x" * 1_500_000
    choice = {"index": 0, "message": {"content": words}, "finish_reason": "stop"}
    answer = json.dumps({"id": "c", "model": "m", "choices": [choice]}).encode()

    async def script(upstream: peer.Peer) -> None:
        await upstream.request()
        await upstream.stream.send_all(peer.OK + b"content-length: %d\r\n\r\n" % len(answer))
        await upstream.stream.send_all(answer)

    monkeypatch.setattr(trio.to_thread, "run_sync", recorded)
    server = await peer.start(nursery, script)
    async with NetworkTransport() as network:
        running = await serving(nursery, app_for(server.url, network))
        said = [{"role": "user", "content": words}]
        body = json.dumps({"model": "m", "max_tokens": 9, "messages": said})
        head = "POST /v1/messages HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n"
        asked = f"{head}content-length: {len(body)}\r\n\r\n{body}".encode()
        async with await running.connect(asked) as client:
            assert words.encode() in await receive_all(client)
    for work in ("_decode", "outgoing", "Attempt._decode"):
        assert any(work in made for made in in_threads)
