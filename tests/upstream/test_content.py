"""Compressed bodies: taken apart in any split, bounded, and refused where they are not whole."""

from __future__ import annotations

import gzip
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mux.errors import UpstreamProtocolError
from mux.upstream._content import Content
from tests.upstream.peer import OK, Peer, fetch, get, start

TEXT = b"data: hello\n\n" * 50


def raw_deflate(data: bytes) -> bytes:
    squeeze = zlib.compressobj(wbits=-15)
    return squeeze.compress(data) + squeeze.flush()


CODED = {
    "": TEXT,
    "identity": TEXT,
    "identity, ": gzip.compress(TEXT),
    "gzip": gzip.compress(TEXT),
    "X-Gzip": gzip.compress(TEXT[:100]) + gzip.compress(TEXT[100:]),
    "deflate": zlib.compress(TEXT),
    "deflate ": raw_deflate(TEXT),
    "gzip, identity, gzip": gzip.compress(gzip.compress(TEXT)),
    "deflate, gzip": gzip.compress(zlib.compress(TEXT)),
}


@pytest.mark.parametrize(("coding", "data"), CODED.items(), ids=CODED.keys())
@pytest.mark.parametrize("step", [1, 2, 7, 10_000])
def test_F15_any_split(coding, data, step) -> None:
    content = Content(coding, 10_000)
    out = b"".join(content.feed(data[i : i + step]) for i in range(0, len(data), step))
    content.eof()
    assert out == TEXT


def test_F15_what_was_flushed_comes_out_at_once() -> None:
    squeeze = zlib.compressobj(wbits=31)
    content = Content("gzip", 10_000)
    for event in (b"data: 1\n\n", b"data: 2\n\n"):
        assert content.feed(squeeze.compress(event) + squeeze.flush(zlib.Z_SYNC_FLUSH)) == event


def test_no_body_at_all_is_whole() -> None:
    Content("gzip", 100).eof()


@pytest.mark.parametrize("data", [b"", b"\x1f", b"\x1fa", b"{}"])
def test_F15_what_only_begins_like_gzip_is_not(data) -> None:
    content = Content("", 100)
    assert b"".join(content.feed(data[i : i + 1]) for i in range(len(data))) == data.rstrip(b"\x1f")
    content.eof()


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, br", "gzip,gzip,gzip,gzip"])
def test_F15_a_coding_that_was_not_asked_for(coding) -> None:
    with pytest.raises(UpstreamProtocolError, match="not asked for"):
        Content(coding, 100)


@pytest.mark.parametrize("keep", [1, 5, -9, -1])
@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_body_that_stops_in_the_middle(coding, keep) -> None:
    content = Content(coding, 10_000)
    content.feed(CODED[coding][:keep])
    with pytest.raises(UpstreamProtocolError, match="stops in the middle"):
        content.eof()


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_damaged_body(coding) -> None:
    data = bytearray(CODED[coding])
    data[-3] ^= 255
    with pytest.raises(UpstreamProtocolError, match="damaged"):
        Content(coding, 10_000).feed(bytes(data))


@pytest.mark.parametrize("coding", ["", "gzip", "deflate", "gzip, gzip"])
def test_exactly_the_limit_is_no_error_and_one_more_is(coding) -> None:
    data = TEXT
    for name in coding.split(", "):
        data = gzip.compress(data) if name == "gzip" else data
    data = zlib.compress(TEXT) if coding == "deflate" else data
    assert Content(coding, len(TEXT)).feed(data) == TEXT
    with pytest.raises(UpstreamProtocolError, match="is over"):
        Content(coding, len(TEXT) - 1).feed(data)


def test_a_bomb_within_a_bomb() -> None:
    bomb = gzip.compress(gzip.compress(bytes(100_000_000)))
    with pytest.raises(UpstreamProtocolError, match="is over 1000 bytes"):
        Content("gzip, gzip", 1000).feed(bomb)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "gzip, deflate"])
@pytest.mark.parametrize("step", [1000, 1_000_000])
@pytest.mark.parametrize("size", [1 << 20, (1 << 22) + 5])
def test_T16_much_in_little_comes_out_in_steps(coding, step, size) -> None:
    text = (TEXT * (size // len(TEXT) + 1))[:size]
    data = text
    for name in coding.split(", "):
        data = gzip.compress(data) if name == "gzip" else zlib.compress(data)
    content = Content(coding, size)
    out: list[bytes] = []
    for at in range(0, len(data), step):
        out.append(content.feed(data[at : at + step]))
        while content.more:
            out.append(content.feed(b""))
    content.eof()
    assert b"".join(out) == text
    assert max(map(len, out)) <= 1 << 20


async def test_T16_over_the_wire_too(nursery, transport) -> None:
    async def script(peer: Peer) -> None:
        for _ in range(2):
            await peer.request()
            head = b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(data)
            await peer.send(OK + head + data)

    text = TEXT * 10_000
    data = gzip.compress(text)
    server = await start(nursery, script)
    for _ in range(2):
        assert await fetch(transport, get(server.url)) == (200, text)
    assert server.connections == 1, "it could be used again"


def test_bytes_that_unpack_to_nothing_are_bounded_too() -> None:
    empty_members = gzip.compress(b"") * 100
    with pytest.raises(UpstreamProtocolError, match="is over 1000 bytes"):
        Content("gzip", 1000).feed(empty_members)


async def test_F15_over_the_wire(nursery, transport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        data = CODED["gzip"]
        head = b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(data)
        await peer.send(OK + head, data[:3], data[3:])

    server = await start(nursery, script)
    assert await fetch(transport, get(server.url)) == (200, TEXT)
    assert len(transport.pool) == 1


@given(st.sampled_from(["gzip", "deflate", "gzip, deflate"]), st.lists(st.binary(max_size=60)))
def test_any_bytes_unpack_or_are_refused(coding, pieces) -> None:
    content = Content(coding, 1000)
    with suppress(UpstreamProtocolError):
        for piece in pieces:
            content.feed(piece)
        content.eof()
