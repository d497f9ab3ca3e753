"""HTTP/1.1 to upstreams, over real sockets: framing, errors and what they say."""

from __future__ import annotations

import errno
import socket
from ipaddress import ip_network
from typing import Any

import pytest
import trio
import trio.testing

from mux.config import metadata
from mux.errors import Offline, UpstreamProtocolError, UpstreamUnreachable
from mux.providers.outgoing import Outgoing
from mux.upstream._limits import Limits
from mux.upstream.h1 import H1Transport
from tests.upstream.peer import CHUNKED, EMPTY, OK, Peer, fetch, get, post, read, start


def answering(*pieces: bytes):
    """A script that answers one request with `pieces` and closes."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(*pieces)

    return script


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (socket.gaierror(socket.EAI_AGAIN, "no name server"), Offline),
        (OSError(errno.EMFILE, "too many"), Offline),
        (socket.gaierror(socket.EAI_NONAME, "no such name"), UpstreamUnreachable),
    ],
)
async def test_a_machine_that_can_reach_nobody_is_told_from_an_upstream_that_is_away(
    transport, error, kind
) -> None:
    class Resolver(trio.abc.HostnameResolver):
        async def getaddrinfo(self, *_: object) -> Any:
            raise error

        async def getnameinfo(self, *_: object) -> Any:
            raise error

    trio.socket.set_custom_hostname_resolver(Resolver())
    with pytest.raises(UpstreamUnreachable, match="cannot connect to") as caught:
        await fetch(transport, get("http://host.example"))
    assert type(caught.value) is kind


async def test_T11_a_name_that_leads_to_a_clouds_metadata_is_sent_nothing(
    nursery, transport, monkeypatch
) -> None:
    async def script(peer: Peer) -> None:
        asked.append(await peer.head())

    asked: list[bytes] = []
    monkeypatch.setattr(metadata, "_NETWORKS", (ip_network("127.0.0.0/8"),))
    server = await start(nursery, script)
    with pytest.raises(UpstreamUnreachable, match="credentials"):
        await fetch(transport, get(server.url))
    await trio.testing.wait_all_tasks_blocked(0.01)
    assert asked == [b""]


BODIES = {
    "chunked": (CHUNKED + b"5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n",),
    "chunked, with trailers": (CHUNKED + b"b\r\nhello world\r\n0\r\nx-sum: 1\r\n\r\n",),
    "chunked, cut within everything": (
        *(b"HTTP/1.", b"1 200 OK\r", b"\ntransfer-encoding: Chun", b"ked\r\n\r", b"\n"),
        *(b"0", b"5\r", b"\nhe", b"llo", b"\r", b"\n6\r\n world\r\n0", b"\r\n", b"\r\n"),
    ),
    "length": (OK + b"content-length: 11\r\n\r\nhello world",),
    "length, in pieces": (OK + b"content-length: 11\r\n\r\n", b"hello", b" ", b"world"),
    "until close": (OK + b"\r\nhello", b" world"),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\n\r\nhello world",),
    "after 100 and 103": (
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" + OK + b"content-length: 11\r\n\r\n",
        b"hello world",
    ),
    "no reason phrase": (b"HTTP/1.1 200\r\ncontent-length: 11\r\n\r\nhello world",),
}


@pytest.mark.parametrize("pieces", BODIES.values(), ids=BODIES.keys())
async def test_a_body_arrives_whole(nursery, pieces, transport) -> None:
    server = await start(nursery, answering(*pieces))
    assert await fetch(transport, get(server.url)) == (200, b"hello world")


@pytest.mark.parametrize(
    ("method", "head"),
    [
        ("HEAD", OK + b"content-length: 11\r\n\r\n"),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", b"HTTP/1.1 304 Not Modified\r\ncontent-length: 11\r\n\r\n"),
        ("GET", EMPTY),
    ],
)
async def test_no_body_is_waited_for_where_there_is_none(nursery, method, head, transport) -> None:
    async def script(peer: Peer) -> None:
        while await peer.request():
            await peer.send(head)

    server = await start(nursery, script)
    for _ in range(2):
        async with transport.open(Outgoing(method, server.url, {}, b"")) as reply:
            assert await reply.receive_some() == b""
    assert server.connections == 1


async def test_one_receive_gives_all_that_has_arrived(nursery, transport) -> None:
    arrived = trio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED)
        await peer.send(*[b"2\r\nab\r\n"] * 10)
        arrived.set()
        await peer.gone()

    server = await start(nursery, script)
    async with transport.open(get(server.url)) as reply:
        await arrived.wait()
        assert await reply.receive_some() == b"ab" * 10


async def test_a_chunk_is_handed_out_before_the_next_is_sent(nursery, transport) -> None:
    wanted = trio.Semaphore(0)

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED)
        for letter in b"abc":
            await wanted.acquire()
            await peer.send(b"1\r\n%c\r\n" % letter)
        await peer.send(b"0\r\n\r\n")

    server = await start(nursery, script)
    async with transport.open(get(server.url)) as reply:
        for letter in (b"a", b"b", b"c"):
            wanted.release()
            assert await reply.receive_some() == letter
        assert await reply.receive_some() == b""
        assert await reply.receive_some() == b""


async def test_F15_P17_what_is_sent(nursery, transport) -> None:
    seen: list[bytes] = []

    async def script(peer: Peer) -> None:
        seen.append(await peer.request())
        await peer.send(EMPTY)

    server = await start(nursery, script)
    request = Outgoing(
        "POST",
        f"{server.url}/v1/chat?alt=sse#part",
        {"Authorization": "Bearer k", "Accept-Encoding": "br", "Connection": "close", "Host": "x"},
        b"body",
    )
    await fetch(transport, request)
    assert seen == [
        b"POST /v1/chat?alt=sse HTTP/1.1\r\n"
        b"host: localhost:%d\r\n"
        b"Authorization: Bearer k\r\n"
        b"accept-encoding: identity\r\n"
        b"content-length: 4\r\n\r\nbody" % server.port
    ]


async def test_headers_are_lower_case_and_repeated_ones_joined(nursery, transport) -> None:
    script = answering(OK + b"X-A: 1\r\nx-a: 2\r\nRetry-After:  7 \r\ncontent-length: 0\r\n\r\n")
    server = await start(nursery, script)
    async with transport.open(get(server.url)) as reply:
        assert dict(reply.headers) == {"x-a": "1, 2", "retry-after": "7", "content-length": "0"}


@pytest.mark.parametrize("size", [70_000, 3_000_000])
async def test_a_large_body_arrives_whole(nursery, size, transport) -> None:
    body = bytes(range(256)) * (size // 256)
    received: list[bytes] = []

    async def script(peer: Peer) -> None:
        received.append((await peer.request()).partition(b"\r\n\r\n")[2])
        await peer.send(EMPTY)

    server = await start(nursery, script)
    assert await fetch(transport, post(server.url, body)) == (200, b"")
    assert received == [body]


@pytest.mark.parametrize("linger", [True, False])
async def test_an_early_refusal_is_heard_while_the_body_is_being_sent(
    nursery, linger, transport
) -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 413 Too Large\r\ncontent-length: 9\r\n\r\ntoo", b" large")
        if linger:
            await trio.sleep_forever()

    server = await start(nursery, script)
    assert await fetch(transport, post(server.url, b"x" * 20_000_000)) == (413, b"too large")
    assert len(transport.pool) == 0


async def test_an_early_success_does_not_stop_the_body(nursery, transport) -> None:
    async def script(peer: Peer) -> None:
        head = await peer.head()
        await peer.send(CHUNKED)
        size = len(peer.unread)
        while size < 5_000_000:
            size += len(await peer.stream.receive_some(65536))
        await peer.send(b"%x\r\n%b\r\n0\r\n\r\n" % (len(head), head))

    server = await start(nursery, script)
    status, body = await fetch(transport, post(server.url, b"x" * 5_000_000))
    assert (status, body[:4]) == (200, b"POST")


CUTS = {
    "in a length": (OK + b"content-length: 11\r\n\r\nhello",),
    "in a chunk": (CHUNKED + b"b\r\nhello",),
    "between chunks": (CHUNKED + b"5\r\nhello\r\n",),
    "before the last CRLF": (CHUNKED + b"5\r\nhello\r\n0\r\n",),
}


@pytest.mark.parametrize("pieces", CUTS.values(), ids=CUTS.keys())
async def test_a_cut_body_is_told_after_what_came_of_it(nursery, pieces, transport) -> None:
    server = await start(nursery, answering(*pieces))
    async with transport.open(get(server.url)) as reply:
        assert await reply.receive_some() == b"hello"
        with pytest.raises(UpstreamUnreachable, match="in the middle of its answer"):
            await reply.receive_some()
    assert len(transport.pool) == 0


@pytest.mark.parametrize("pieces", [(), (b"HTT",), (b"HTTP/1.1 200 OK\r\nx: y\r\n",)])
async def test_a_connection_that_ends_before_the_head_does(nursery, pieces, transport) -> None:
    server = await start(nursery, answering(*pieces))
    with pytest.raises(UpstreamUnreachable, match=f"http://localhost:{server.port} closed"):
        await fetch(transport, get(server.url))
    assert server.connections == 1


GARBAGE = {
    "another protocol": b"SSH-2.0-OpenSSH_9.2\r\n",
    "TLS": b"\x15\x03\x01\x00\x02\x02\x46",
    "no status": b"HTTP/1.1 fine\r\n\r\n",
    "a header without a colon": OK + b"secret-value\r\n\r\n",
    "a control byte in a header": OK + b"a: secret\x00value\r\n\r\n",
    "two lengths": OK + b"content-length: 1\r\ncontent-length: 2\r\n\r\n",
    "an unknown transfer coding": OK + b"transfer-encoding: gzip, chunked\r\n\r\n",
    "an upgrade nobody asked for": b"HTTP/1.1 101 Switching\r\nupgrade: h2c\r\n\r\n",
    "endless headers": OK + b"a: b\r\n" * 40_000,
    "one endless header": OK + b"a: " + b"b" * 200_000,
    "endless interim answers": b"HTTP/1.1 103 Early Hints\r\n\r\n" * 10_000,
}


@pytest.mark.parametrize("data", GARBAGE.values(), ids=GARBAGE.keys())
async def test_what_is_not_http_is_a_protocol_error_that_quotes_nothing(
    nursery, data, transport
) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.stream.send_all(data)
        await peer.gone()

    server = await start(nursery, script)
    with pytest.raises(UpstreamProtocolError) as caught:
        await fetch(transport, get(server.url))
    assert f"http://localhost:{server.port}" in caught.value.message
    assert "secret" not in caught.value.message


async def test_a_bad_chunk_after_good_ones(nursery, transport) -> None:
    server = await start(nursery, answering(CHUNKED + b"5\r\nhello\r\n", b"zz\r\n"))
    async with transport.open(get(server.url)) as reply:
        assert await reply.receive_some() == b"hello"
        with pytest.raises(UpstreamProtocolError, match="malformed chunked body"):
            await reply.receive_some()


async def test_cancelling_closes_the_connection_at_once(nursery, transport) -> None:
    closed = trio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED + b"5\r\nhello\r\n")
        await peer.gone()
        closed.set()

    server = await start(nursery, script)
    with trio.CancelScope() as scope:
        async with transport.open(get(server.url)) as reply:
            await reply.receive_some()
            scope.cancel()
            await reply.receive_some()
    assert scope.cancelled_caught
    with trio.fail_after(5):
        await closed.wait()
    assert len(transport.pool) == 0


@pytest.mark.parametrize("body", [b"", b"x" * 10_000_000])
async def test_cancelling_before_the_answer_closes_the_connection(nursery, body, transport) -> None:
    asked, closed = trio.Event(), trio.Event()

    async def script(peer: Peer) -> None:
        await peer.head()
        asked.set()
        await peer.gone()
        closed.set()

    server = await start(nursery, script)
    with trio.CancelScope() as scope:
        nursery.start_soon(cancel_after, asked, scope)
        await fetch(transport, post(server.url, body))
    with trio.fail_after(5):
        await closed.wait()


async def cancel_after(event: trio.Event, scope: trio.CancelScope) -> None:
    await event.wait()
    scope.cancel()


async def test_an_error_of_the_caller_passes_through_unwrapped(nursery, transport) -> None:
    server = await start(nursery, answering(CHUNKED + b"1\r\na\r\n"))
    with pytest.raises(LookupError):
        async with transport.open(get(server.url)):
            raise LookupError


async def test_a_body_over_the_limit(nursery) -> None:
    server = await start(nursery, answering(CHUNKED + b"a\r\n0123456789\r\n" * 11 + b"0\r\n\r\n"))
    with pytest.raises(UpstreamProtocolError, match="over 100 bytes"):
        await fetch(H1Transport(Limits(body_bytes=100)), get(server.url))


async def test_nothing_listens(transport) -> None:
    with trio.socket.socket() as unused:
        await unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(UpstreamUnreachable, match="nothing listens there"):
            await fetch(transport, get(url))


async def test_a_name_that_does_not_resolve(transport) -> None:
    class Nowhere(trio.abc.HostnameResolver):
        async def getaddrinfo(self, *_: object, **__: object):
            raise trio.socket.gaierror(trio.socket.EAI_NONAME, "unknown")

        async def getnameinfo(self, *_: object, **__: object):
            raise NotImplementedError

    trio.socket.set_custom_hostname_resolver(Nowhere())
    with pytest.raises(UpstreamUnreachable, match=r"https://api\.example:443: its name does not"):
        await fetch(transport, get("https://api.example"))


@pytest.mark.parametrize(
    "request_",
    [
        post("http://localhost:1", Authorization="Bearer secret\n"),
        post("http://localhost:1", Authorization="Bearer secr\u00e9t"),
        post("http://localhost:1", path="/x?key=secret secret"),
        post("http://user:secret@localhost:1"),
        post("ftp://localhost/secret"),
        post("http://localhost:99999/?key=secret"),
        post("http:///secret"),
        post("secret"),
    ],
)
async def test_a_request_that_cannot_be_sent_is_told_without_its_secrets(
    request_, transport
) -> None:
    with pytest.raises(UpstreamUnreachable, match="check the") as caught:
        await fetch(transport, request_)
    assert "secr" not in str(caught.value)


async def test_read_after_the_end_of_a_body_until_close(nursery, transport) -> None:
    server = await start(nursery, answering(OK + b"\r\nhello"))
    async with transport.open(get(server.url)) as reply:
        assert await read(reply) == b"hello"
        assert await reply.receive_some() == b""
