"""The chunked coding: every split, and everything that is not it."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mux.errors import UpstreamProtocolError
from mux.wire import chunked

WHOLE = (
    b"5\r\nhello\r\n"
    b'1 ;ext=1;quoted="a b"\r\n \r\n'
    b"00000A\r\n0123456789\r\n"
    b"000\r\n"
    b"X-Checksum-2: 1\r\nx-empty:\r\n\r\n"
    b"HTTP/1.1 200 OK"
)
BODY = b"hello 0123456789"


def read(pieces: Iterable[bytes]) -> tuple[bytes, bool, bytes]:
    reader = chunked.Reader()
    out, behind = b"", b""
    for piece in pieces:
        if reader.done:
            behind += piece
        else:
            out += reader.feed(piece)
    return out, reader.done, reader.rest + behind


@pytest.mark.parametrize("at", range(len(WHOLE) + 1))
@pytest.mark.parametrize("then", [1, 2, 3, 1000])
def test_any_two_cuts_give_the_same_body(at: int, then: int) -> None:
    pieces = [WHOLE[:at], WHOLE[at : at + then], WHOLE[at + then :]]
    assert read(pieces) == (BODY, True, b"HTTP/1.1 200 OK")


def test_byte_by_byte() -> None:
    assert read(WHOLE[i : i + 1] for i in range(len(WHOLE))) == (BODY, True, b"HTTP/1.1 200 OK")


def test_one_feed_gives_all_chunks_in_it_at_once() -> None:
    reader = chunked.Reader()
    assert reader.feed(b"1\r\na\r\n2\r\nbc\r\n3\r\nd") == b"abcd"
    assert not reader.done


def test_part_of_a_large_chunk_is_handed_out_as_it_comes() -> None:
    reader = chunked.Reader()
    assert reader.feed(b"FFFFFF\r\n" + b"a" * 10) == b"a" * 10
    assert reader.feed(b"b" * 10) == b"b" * 10


@pytest.mark.parametrize(
    "bad",
    [
        b"5\nhello\r\n",
        b"5\r\nhello\n\r\n",
        b"5\r\nhelloX\r\n",
        b"5\r\nhello\rX",
        b"g\r\n",
        b"\r\n",
        b"-1\r\na\r\n",
        b"+1\r\na\r\n",
        b"0x1\r\na\r\n",
        b"1_0\r\n" + b"a" * 16 + b"\r\n",
        b" 1\r\na\r\n",
        b"1 1\r\na\r\n",
        b"1" * 16 + b"\r\n",
        b"1;\x00\r\na\r\n",
        b"1;" + b"e" * 5000 + b"\r\na\r\n",
        b"0\r\nno colon\r\n\r\n",
        b"0\r\n folded: 1\r\n\r\n",
        b"0\r\na: 1\nb: 2\r\n\r\n",
        b"0\r\n" + b"a: b\r\n" * 5000 + b"\r\n",
    ],
)
def test_what_is_not_the_coding_is_refused_however_it_is_cut(bad: bytes) -> None:
    with pytest.raises(UpstreamProtocolError):
        read([bad, b"x" * 5000])
    with pytest.raises(UpstreamProtocolError):
        read([bad[i : i + 1] for i in range(len(bad))] + [b"x" * 5000])


@pytest.mark.parametrize(
    "end", [b"", b"5", b"5\r", b"5\r\nhel", b"5\r\nhello", b"0\r\n", b"0\r\na:"]
)
def test_a_cut_body_is_not_done(end: bytes) -> None:
    assert read([b"1\r\na\r\n", end])[1] is False


def outcome(pieces: Iterable[bytes]) -> tuple[bytes, bool, bytes] | str:
    try:
        return read(pieces)
    except UpstreamProtocolError:
        return "malformed"


@given(
    st.lists(st.sampled_from([b"3", b"0", b"a", b";x", b":", b"\r", b"\n", b"\r\n", b"\r\n\r\n"]))
)
def test_near_misses_mean_the_same_whole_and_byte_by_byte(tokens: list[bytes]) -> None:
    data = b"".join(tokens)
    assert outcome([data]) == outcome(data[i : i + 1] for i in range(len(data)))


@given(st.lists(st.binary(min_size=1, max_size=40)), st.integers(1, 9))
def test_round_trip(chunks: list[bytes], step: int) -> None:
    coded = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    pieces = [coded[i : i + step] for i in range(0, len(coded), step)]
    assert read(pieces) == (b"".join(chunks), True, b"")
