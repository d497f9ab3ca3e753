"""Heads of answers, held against h11: what it refuses is refused, what both take reads the same."""

from __future__ import annotations

from contextlib import suppress

import h11
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fuzz.targets import fuzz_answer
from mux.providers.outgoing import Outgoing
from mux.upstream import _head
from mux.upstream._address import Origin

LINES = st.sampled_from(
    [
        *(
            b"HTTP/1.1 200 OK",
            b"HTTP/1.1 200",
            b"HTTP/1.1 200 ",
            b"HTTP/1.0 503 \xff",
            b"HTTP/2 200",
        ),
        *(b"HTTP/1.1 20", b"HTTP/1.1 2000", b"http/1.1 200 OK", b"HTTP/1.1  200 OK", b""),
        *(b"HTTP/1.1 200 a\x00", b"HTTP/1.1 200 a\x0b", b"HTTP/1.1 304 x", b"HTTP/1.1 101 x"),
    ]
)
NAMES = st.sampled_from(
    [
        *(b"Content-Length", b"content-length", b"Transfer-Encoding", b"Connection", b"x-a"),
        *(b"x a", b"x-a ", b" x-a", b"\tx-a", b"", b"x\x00", b"x\xff"),
    ]
)
VALUES = st.sampled_from(
    [
        *(
            b"5",
            b"05",
            b"0",
            b"+5",
            b"5, 5",
            b"5,6",
            b"5,",
            b",",
            b"5 5",
            b"-1",
            b"9" * 21,
            b"9" * 20,
        ),
        *(b"chunked", b"CHUNKED", b"gzip", b"chunked, chunked", b"close", b"a, Close", b"closed"),
        *(b"", b" ", b" a\t", b"a\tb", b"a\x00", b"a\x0b", b"a\x01", b"\xff", b"a\x7f", b"a\x0c"),
    ]
)
COLONS = st.sampled_from([b": ", b":", b" :", b"", b":\t"])
ENDS = st.sampled_from([b"\r\n"] * 8 + [b"\n", b"\r", b"\r\n ", b"\r\n\t", b"\r\r\n"])


@st.composite
def heads(draw: st.DrawFn) -> bytes:
    line = draw(st.just(b"HTTP/1.1 200 OK") | LINES)
    fields = draw(st.lists(st.tuples(NAMES, COLONS, VALUES).map(b"".join), max_size=4))
    return b"".join(line + draw(ENDS) for line in (line, *fields)) + b"\r\n"


@settings(max_examples=1500, deadline=None)
@given(heads())
@example(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n")
@example(b"HTTP/1.1 200 OK\nx: a\n b\n\n")
@example(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 5\r\n\r\n")
def test_no_head_is_taken_that_h11_refuses_or_reads_otherwise(head: bytes) -> None:
    fuzz_answer(head)


@settings(max_examples=300, deadline=None)
@given(heads(), st.integers(1, 9))
def test_a_head_ends_where_it_ends_however_it_is_cut(head: bytes, step: int) -> None:
    data, looked = b"", 0
    for at in range(0, len(head), step):
        data += head[at : at + step]
        if _head.end_of(data, looked) >= 0:
            break
        looked = len(data)
    assert _head.end_of(data, looked) == _head.end_of(data, 0) == _head.end_of(head, 0)


TAKEN = {
    "lines that end in LF": b"HTTP/1.1 200 OK\nContent-Length: 5\n\n",
    "a folded line": b"HTTP/1.1 200 OK\r\nx: a\r\n  b\r\ncontent-length: 5\r\n\r\n",
    "no reason": b"HTTP/1.1 200\r\ncontent-length:5\r\n\r\n",
    "a length said twice": b"HTTP/1.1 200 OK\r\ncontent-length: 5, 5\r\n\r\n",
    "control characters": b"HTTP/1.1 200 OK\r\nx: \x01\r\ncontent-length: 5\r\n\r\n",
}


@pytest.mark.parametrize("head", TAKEN.values(), ids=TAKEN.keys())
def test_what_servers_send_and_h11_takes_is_taken(head: bytes) -> None:
    parser = h11.Connection(h11.CLIENT)
    parser.receive_data(head)
    assert isinstance(parser.next_event(), h11.Response)
    assert _head.read(head).length == 5


@pytest.mark.parametrize("line", [b"x: a%b", b"x:%b\x00", b"x%b: y", b" %b", b"%b"], ids=repr)
@pytest.mark.parametrize("filling", [b" ", b" \t", b"a ", b"a", b",", b"\r"], ids=repr)
def test_no_head_takes_more_time_than_it_has_bytes(line: bytes, filling: bytes) -> None:
    """Were it their square, each of these would take seconds."""
    head = b"HTTP/1.1 200 OK\r\n" + line % (filling * (60_000 // len(filling))) + b"x\r\n\r\n"
    for _ in range(10):
        with suppress(_head.Malformed):
            _head.read(head)


ORIGIN = Origin("http", "localhost", 80)


@given(
    st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=3),
    st.sampled_from(["/", "/a?b=c", "/a b", "/\r\n", "/\xff", ""]),
)
@example({"x": "a\r\ny: b"}, "/")
@example({"x: a\r\ny": "b"}, "/")
@example({"x": "a\n"}, "/")
@example({"": "a"}, "/")
def test_a_request_is_written_so_that_h11_reads_it_back(headers, target) -> None:
    request = Outgoing("POST", "", headers, b"{}")
    try:
        head = _head.write(request, ORIGIN, target)
    except _head.Malformed:
        return
    parser = h11.Connection(h11.SERVER)
    parser.receive_data(head)
    read = parser.next_event()
    assert isinstance(read, h11.Request)
    assert read.target == target.encode()
    assert len(list(read.headers)) == len(_head.request_headers(request, ORIGIN))
