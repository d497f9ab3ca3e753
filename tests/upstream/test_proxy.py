"""Upstreams behind proxies, each proxy a real one on loopback."""

from __future__ import annotations

import logging
import ssl
import sys

import pytest
import trio
import trustme
from msgspec.structs import replace

from mux.errors import UpstreamProtocolError, UpstreamUnreachable
from mux.providers.outgoing import Outgoing
from mux.upstream._tls import tls_context
from mux.upstream.transport import NetworkTransport
from tests.upstream.peer import CHUNKED, EMPTY, OK, Peer, Server, fetch, get, post, start

UPSTREAM = "http://api.example:8080"


@pytest.fixture
async def network():
    async with NetworkTransport() as network:
        yield network


def through(proxy: Server, request: Outgoing, credentials: str = "") -> Outgoing:
    return replace(request, proxy_url=f"http://{credentials}localhost:{proxy.port}")


async def test_without_a_proxy_httpx_is_not_even_imported() -> None:
    program = "import sys, mux.upstream.transport; sys.exit('httpx' in sys.modules)"
    await trio.run_process([sys.executable, "-c", program])


async def test_requests_through_an_http_proxy(nursery, network) -> None:
    seen: list[bytes] = []

    async def script(peer: Peer) -> None:
        while request := await peer.request():
            seen.append(request)
            await peer.send(CHUNKED + b"5\r\nhello\r\n", b"6\r\n world\r\n", b"0\r\n\r\n")

    proxy = await start(nursery, script)
    request = through(proxy, post(UPSTREAM, b"body", "/v1?alt=sse", Authorization="Bearer k"))
    for _ in range(2):
        assert await fetch(network, request) == (200, b"hello world")
    assert proxy.connections == 1
    assert seen[0] == (
        b"POST http://api.example:8080/v1?alt=sse HTTP/1.1\r\n"
        b"host: api.example:8080\r\n"
        b"Authorization: Bearer k\r\n"
        b"accept-encoding: identity\r\n"
        b"content-length: 4\r\n\r\nbody"
    )


async def test_chunks_arrive_one_by_one(nursery, network) -> None:
    wanted = trio.Semaphore(0)

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED)
        for letter in b"abc":
            await wanted.acquire()
            await peer.send(b"1\r\n%c\r\n" % letter)
        await peer.send(b"0\r\n\r\n")

    proxy = await start(nursery, script)
    async with network.open(through(proxy, get(UPSTREAM))) as reply:
        for letter in (b"a", b"b", b"c"):
            wanted.release()
            assert await reply.receive_some() == letter
        assert await reply.receive_some() == b""


async def pump(source: trio.abc.Stream, sink: trio.abc.Stream) -> None:
    while data := await source.receive_some():
        await sink.send_all(data)


async def join(one: trio.abc.Stream, two: trio.abc.Stream) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(pump, one, two)
        await pump(two, one)
        nursery.cancel_scope.cancel()


async def test_tls_through_a_tunnel(nursery) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("api.example").configure_cert(context)
    asked: list[bytes] = []

    async def upstream_script(peer: Peer) -> None:
        asked.append(await peer.request())
        await peer.send(EMPTY)

    async def proxy_script(peer: Peer) -> None:
        asked.append(await peer.head())
        await peer.send(b"HTTP/1.1 200 Connected\r\n\r\n")
        async with await trio.open_tcp_stream("127.0.0.1", upstream.port) as stream:
            await join(peer.stream, stream)

    upstream = await start(nursery, upstream_script, context)
    proxy = await start(nursery, proxy_script)
    trusting = tls_context()
    authority.configure_trust(trusting)
    async with NetworkTransport(ssl_context=trusting) as network:
        request = get("https://api.example", Authorization="Bearer k")
        assert await fetch(network, through(proxy, request, "user:pass@")) == (200, b"")
    assert b"CONNECT api.example:443" in asked[0]
    assert b"Basic dXNlcjpwYXNz" in asked[0]
    assert b"Bearer k" not in asked[0]
    assert b"Bearer k" in asked[1]


async def test_a_socks_proxy(nursery, network) -> None:
    async def upstream_script(peer: Peer) -> None:
        await peer.request()
        await peer.send(EMPTY)

    async def proxy_script(peer: Peer) -> None:
        await peer.stream.receive_some()
        await peer.stream.send_all(b"\x05\x00")
        asked.append(await peer.stream.receive_some())
        await peer.stream.send_all(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50")
        async with await trio.open_tcp_stream("127.0.0.1", upstream.port) as stream:
            await join(peer.stream, stream)

    asked: list[bytes] = []
    upstream = await start(nursery, upstream_script)
    proxy = await start(nursery, proxy_script)
    request = replace(get(UPSTREAM), proxy_url=f"socks5://localhost:{proxy.port}")
    assert await fetch(network, request) == (200, b"")
    assert asked == [b"\x05\x01\x00\x03\x0bapi.example\x1f\x90"]


async def test_a_connection_closed_as_it_is_used_fails_no_request(nursery, network) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(EMPTY)
        await peer.request()
        if peer.number > 1:
            await peer.send(EMPTY)

    proxy = await start(nursery, script)
    for _ in range(3):
        assert await fetch(network, through(proxy, post(UPSTREAM))) == (200, b"")
    assert proxy.connections == 2


async def test_leaving_in_the_middle_closes_the_connection(nursery, network) -> None:
    closed = trio.Semaphore(0)

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED + b"5\r\nhello\r\n")
        await peer.gone()
        closed.release()

    proxy = await start(nursery, script)
    async with network.open(through(proxy, get(UPSTREAM))) as reply:
        await reply.receive_some()
    with trio.CancelScope() as scope:
        async with network.open(through(proxy, get(UPSTREAM))) as reply:
            await reply.receive_some()
            scope.cancel()
            await reply.receive_some()
    with trio.fail_after(5):
        await closed.acquire()
        await closed.acquire()


REFUSALS = {
    "refused": (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "the proxy refused"),
    "closed": (b"", "the connection was closed"),
}


@pytest.mark.parametrize(("answer", "words"), REFUSALS.values(), ids=REFUSALS.keys())
async def test_no_tunnel(nursery, network, answer, words) -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(answer)

    proxy = await start(nursery, script)
    request = through(proxy, get("https://api.example", "/?key=secret"), "secret:secret@")
    with pytest.raises(UpstreamUnreachable, match=words) as caught:
        await fetch(network, request)
    assert "https://api.example:443" in caught.value.message
    assert "secret" not in caught.value.message


async def test_nothing_listens(network) -> None:
    for scheme in ("http", "socks5"):
        request = replace(get(UPSTREAM), proxy_url=f"{scheme}://127.0.0.1:1")
        with pytest.raises(UpstreamUnreachable, match="check proxy-url"):
            await fetch(network, request)


@pytest.mark.parametrize("proxy_url", ["foo://secret", "secret", "http://secret:notaport"])
async def test_what_is_not_a_proxy(network, proxy_url) -> None:
    request = replace(get(UPSTREAM), proxy_url=proxy_url)
    with pytest.raises(UpstreamUnreachable, match="check it") as caught:
        await fetch(network, request)
    assert "secret" not in caught.value.message


async def test_a_cut_body(nursery, network) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED + b"5\r\nhello\r\n")

    proxy = await start(nursery, script)
    async with network.open(through(proxy, get(UPSTREAM))) as reply:
        assert await reply.receive_some() == b"hello"
        with pytest.raises(UpstreamUnreachable, match="the connection was closed"):
            await reply.receive_some()


@pytest.mark.parametrize("answer", [b"nonsense\r\n\r\n", OK + b"\x00\r\n\r\n", CHUNKED + b"zz\r\n"])
async def test_what_is_not_http(nursery, network, answer) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer)

    proxy = await start(nursery, script)
    with pytest.raises(UpstreamProtocolError, match="not valid HTTP"):
        await fetch(network, through(proxy, get(UPSTREAM)))


async def test_a_header_that_cannot_be_sent(nursery, network) -> None:
    proxy = await start(nursery, Peer.gone)
    for value in ("secret\n", "secr\u00e9t"):
        with pytest.raises(UpstreamUnreachable, match="check the API key") as caught:
            await fetch(network, through(proxy, post(UPSTREAM, Authorization=value)))
        assert "secr" not in caught.value.message


async def test_limits_hold_here_too(nursery) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED + b"a\r\n0123456789\r\n" * 11)

    proxy = await start(nursery, script)
    async with NetworkTransport(limit_bytes=100) as network:
        with pytest.raises(UpstreamProtocolError, match="over 100 bytes"):
            await fetch(network, through(proxy, get(UPSTREAM)))


async def test_urls_are_not_logged(nursery, network, caplog) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(EMPTY)

    proxy = await start(nursery, script)
    with caplog.at_level(logging.INFO):
        await fetch(network, through(proxy, get(UPSTREAM, "/?key=secret")))
    assert "secret" not in caplog.text
