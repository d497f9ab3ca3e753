"""TLS to upstreams, with certificates of a test authority."""

from __future__ import annotations

import ssl

import pytest
import trio
import trio.testing
import trustme

from mux.errors import UpstreamUnreachable
from mux.upstream._limits import Limits
from mux.upstream._tls import tls_context
from mux.upstream.h1 import H1Transport
from mux.upstream.reach import reach
from tests.upstream.peer import (
    CHUNKED,
    EMPTY,
    OK,
    Peer,
    ended,
    fetch,
    get,
    halting,
    post,
    read,
    start,
)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def served(authority) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["h2", "http/1.1"])
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture
async def secure(authority):
    context = tls_context()
    authority.configure_trust(context)
    transport = H1Transport(ssl_context=context)
    yield transport
    transport.close()


async def test_requests_over_one_connection(nursery, secure, served) -> None:
    names: list[str | None] = []
    protocols: list[str | None] = []
    served.sni_callback = lambda _, name, __: names.append(name)

    async def script(peer: Peer) -> None:
        while await peer.request():
            protocols.append(peer.stream.selected_alpn_protocol())
            await peer.send(CHUNKED + b"5\r\nhello\r\n", b"0\r\n\r\n")

    server = await start(nursery, script, served)
    for _ in range(3):
        assert await fetch(secure, post(server.url)) == (200, b"hello")
    assert server.connections == 1
    assert names == ["localhost"]
    assert protocols == ["http/1.1"] * 3


async def test_a_request_is_ended_from_outside(nursery, secure, served) -> None:
    begun = trio.Event()
    server = await start(nursery, halting(begun), served)
    await ended(nursery, secure, get(server.url), begun)
    assert len(secure.pool) == 0


async def test_tls_1_2(nursery, secure, served) -> None:
    served.maximum_version = ssl.TLSVersion.TLSv1_2

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(EMPTY)

    server = await start(nursery, script, served)
    assert await fetch(secure, get(server.url)) == (200, b"")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_the_next_connection_takes_up_the_session(nursery, secure, served, version) -> None:
    served.maximum_version = version
    reused: list[bool] = []

    async def script(peer: Peer) -> None:
        await peer.request()
        reused.append(peer.stream.session_reused)
        await peer.send(EMPTY)

    server = await start(nursery, script, served)
    for _ in range(3):
        assert await fetch(secure, get(server.url)) == (200, b"")
        await trio.testing.wait_all_tasks_blocked()
    assert server.connections == 3
    assert reused == [False, True, True]


async def test_one_receive_gives_all_records_that_have_arrived(nursery, secure, served) -> None:
    arrived = trio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED)
        await peer.send(*[b"2\r\nab\r\n"] * 10)
        arrived.set()
        await peer.gone()

    server = await start(nursery, script, served)
    async with secure.open(get(server.url)) as reply:
        await arrived.wait()
        assert await reply.receive_some() == b"ab" * 10


@pytest.mark.parametrize("size", [1, 20_000, 3_000_000])
async def test_bodies_of_any_size_both_ways(nursery, secure, served, size) -> None:
    async def script(peer: Peer) -> None:
        body = (await peer.request()).partition(b"\r\n\r\n")[2]
        await peer.stream.send_all(OK + b"content-length: %d\r\n\r\n%b" % (len(body), body))

    server = await start(nursery, script, served)
    body = bytes(i % 251 for i in range(size))
    assert await fetch(secure, post(server.url, body)) == (200, body)


async def test_an_early_refusal_is_heard_while_the_body_is_being_sent(
    nursery, secure, served
) -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 413 Too Large\r\ncontent-length: 9\r\n\r\ntoo", b" large")
        await trio.sleep_forever()

    server = await start(nursery, script, served)
    assert await fetch(secure, post(server.url, b"x" * 20_000_000)) == (413, b"too large")


async def test_hanging_up_without_a_goodbye_ends_a_body_until_close(
    nursery, secure, served
) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK + b"\r\nhello")

    server = await start(nursery, script, served)
    assert await fetch(secure, get(server.url)) == (200, b"hello")


async def test_a_cut_body(nursery, secure, served) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED + b"5\r\nhello\r\n")

    server = await start(nursery, script, served)
    async with secure.open(get(server.url)) as reply:
        assert await reply.receive_some() == b"hello"
        with pytest.raises(UpstreamUnreachable, match="in the middle of its answer"):
            await reply.receive_some()


async def test_bytes_that_are_not_tls_after_the_handshake(nursery, secure, served) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED + b"5\r\nhello\r\n")
        await peer.stream.transport_stream.send_all(b"\x17\x03\x03\x00\x20" + b"x" * 32)

    server = await start(nursery, script, served)
    async with secure.open(get(server.url)) as reply:
        with pytest.raises(UpstreamUnreachable, match="in the middle of its answer"):
            await read(reply)


async def idle(peer: Peer) -> None:
    await peer.gone()


async def test_an_unknown_authority(nursery, transport, served) -> None:
    server = await start(nursery, idle, served)
    with pytest.raises(UpstreamUnreachable, match=r"certificate is not trusted.*SSL_CERT_FILE"):
        await fetch(transport, get(server.url))


async def test_a_certificate_for_another_name(nursery, secure, served) -> None:
    server = await start(nursery, idle, served)
    with pytest.raises(UpstreamUnreachable, match=r"127\.0\.0\.1.*certificate is not trusted"):
        await fetch(secure, get(f"https://127.0.0.1:{server.port}"))


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b""])
async def test_a_port_that_does_not_speak_tls(nursery, secure, answer) -> None:
    async def script(peer: Peer) -> None:
        await peer.stream.receive_some()
        await peer.stream.send_all(answer)

    server = await start(nursery, script)
    with pytest.raises(UpstreamUnreachable, match="check that the port speaks https"):
        await fetch(secure, get(f"https://localhost:{server.port}"))


async def test_a_handshake_that_never_ends(nursery) -> None:
    closed = trio.Event()

    async def script(peer: Peer) -> None:
        await peer.gone()
        closed.set()

    server = await start(nursery, script)
    transport = H1Transport(Limits(connect_timeout_s=0.1))
    with pytest.raises(UpstreamUnreachable, match=r"no connection within 0\.1 s"):
        await fetch(transport, get(f"https://localhost:{server.port}"))
    with trio.fail_after(5):
        await closed.wait()


# -- reach ------------------------------------------------------------------------------------


async def test_reaching_is_a_handshake_and_no_request(nursery, secure, served) -> None:
    asked: list[bytes] = []

    async def script(peer: Peer) -> None:
        asked.append(await peer.request())

    server = await start(nursery, script, served)
    port = server.url.rpartition(":")[2]
    assert await reach(server.url, "", secure.ssl_context, 5) == f"localhost:{port}"
    with pytest.raises(UpstreamUnreachable, match="not trusted"):
        await reach(server.url, "", tls_context(), 5)
    proxy = f"socks5://user:password@localhost:{port}"
    whom = await reach("https://192.0.2.1", proxy, tls_context(), 5)
    assert whom == f"the proxy at localhost:{port}", "only the proxy is connected to"
    assert not any(asked)
