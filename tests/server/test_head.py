"""Heads and chunked bodies of requests, held against h11: what it refuses is refused here.

Random bytes are hardly ever a request; these are requests with something wrong somewhere.
"""

from __future__ import annotations

from contextlib import suppress

import h11
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fuzz.targets import fuzz_body, fuzz_head
from mux.server import _head
from mux.server._head import Refused, parse

METHODS = st.sampled_from([b"GET", b"POST", b"get", b"M-SEARCH", b"G@T", b"", b"GE T", b"\xffET"])
TARGETS = st.sampled_from(
    [
        *(b"/", b"/v1/x?a=b", b"*", b"x", b"", b"/a b", b"/\x00", b"/\x7f", b"/\xff", b"/#f"),
        *(b"http://h/x", b"HTTP://h", b"http://h@h/", b"//h/x", b"h:80"),
    ]
)
VERSIONS = st.sampled_from(
    [b"HTTP/1.1", b"HTTP/1.0", b"HTTP/1.2", b"HTTP/2.0", b"HTTP/1", b"http/1.1", b"HTTP/1.1 ", b""]
)
NAMES = st.sampled_from(
    [
        *(b"Host", b"host", b"Content-Length", b"Transfer-Encoding", b"Connection", b"Expect"),
        *(b"x-a", b"x a", b"x-a ", b" x-a", b"", b"x\x00", b"x\xff", b"x\ty"),
    ]
)
VALUES = st.sampled_from(
    [
        *(
            b"h",
            b"5",
            b"0",
            b"05",
            b"+5",
            b"5, 5",
            b"5,6",
            b"5 5",
            b"-1",
            b"1e1",
            b"0x5",
            b"9" * 30,
        ),
        *(b"chunked", b"Chunked", b"chunked, chunked", b"gzip, chunked", b"identity", b"xchunked"),
        *(b"close", b"keep-alive, Close", b"100-continue", b"", b" ", b"\t", b"a\tb", b" a "),
        *(b"a\x00b", b"a\rb", b"a\x0bb", b"a\x1fb", b"\xff", b"a\x7fb", b"a\nb", b"a\r\n b"),
    ]
)
COLONS = st.sampled_from([b": ", b":", b" :", b":\t", b"", b"::"])
ENDS = st.sampled_from([b"\r\n"] * 12 + [b"\n", b"\r", b"\r\n ", b"\r\r\n"])


@st.composite
def heads(draw: st.DrawFn) -> bytes:
    line = draw(st.just(b"POST /x HTTP/1.1") | st.tuples(METHODS, TARGETS, VERSIONS).map(b" ".join))
    fields = draw(st.lists(st.tuples(NAMES, COLONS, VALUES).map(b"".join), max_size=4))
    lines = [line, *([b"Host: h"] * draw(st.integers(0, 2))), *fields]
    return b"".join(line + draw(ENDS) for line in lines) + b"\r\n"


@settings(max_examples=1500, deadline=None)
@given(heads())
@example(b"GET / HTTP/1.1\r\nhost: h\r\n\r\n")
@example(b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\n\r\n")
@example(b"POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: Chunked\r\n\r\n")
@example(b"GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n")
@example(b"GET / HTTP/1.1\r\nhost: h\r\nx: a\r\n b\r\n\r\n")
def test_no_head_is_taken_that_h11_refuses_or_reads_otherwise(head: bytes) -> None:
    fuzz_head(head)


SIZES = st.sampled_from(
    [
        *(b"0", b"1", b"3", b"03", b"A", b"a", b"ff", b"", b"-1", b"+3", b"0x3", b"3 ", b" 3"),
        *(b"3g", b"3;x", b"3;x=y", b"3 ;x", b"3;\x00", b"3\t;x", b"F" * 16, b"0" * 25, b"1_0"),
    ]
)
DATA = st.sampled_from([b"", b"abc", b"a", b"x" * 10, b"\r\n", b"abcd"])
LINE_ENDS = st.sampled_from([b"\r\n"] * 8 + [b"\n", b"\r", b"", b"\n\r"])
TRAILERS = st.sampled_from([b"", b"x: y\r\n", b"x y\r\n", b"x: y\n", b": y\r\n", b" x: y\r\n"])


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    chunks = draw(st.lists(st.tuples(SIZES, LINE_ENDS, DATA, LINE_ENDS).map(b"".join), max_size=3))
    good = draw(st.lists(st.just(b"3\r\nabc\r\n"), max_size=2))
    last = draw(st.sampled_from([b"0\r\n", b"00\r\n", b"0;x\r\n", b"0\n", b""]))
    step = draw(st.sampled_from([b"\x00", b"\x03", b"\x0f"]))
    return step + b"".join([*good, *chunks, last, draw(TRAILERS), draw(LINE_ENDS)])


@settings(max_examples=1500, deadline=None)
@given(bodies())
@example(b"\x003\r\nabc\r\n0\r\n\r\n")
@example(b"\x003;x=y\r\nabc\r\n0\r\nx: y\r\n\r\n")
@example(b"\x003\r\nabcd\r\n0\r\n\r\n")
def test_no_chunked_body_is_taken_that_h11_refuses_or_reads_otherwise(body: bytes) -> None:
    fuzz_body(body)


REFUSED = {
    "both lengths": b"host: h\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n",
    "two lengths": b"host: h\r\ncontent-length: 5\r\ncontent-length: 5\r\n",
    "no number": b"host: h\r\ncontent-length: 5x\r\n",
    "no chunks": b"host: h\r\ntransfer-encoding: gzip, chunked\r\n",
    "no host": b"",
    "two hosts": b"host: h\r\nhost: h\r\n",
    "bare LF": b"host: h\nx: y\r\n",
    "bare CR": b"host: h\rx: y\r\n",
    "a space before the colon": b"host: h\r\nx : y\r\n",
    "a folded line": b"host: h\r\nx: y\r\n z\r\n",
    "NUL": b"host: h\r\nx: \x00\r\n",
}


@pytest.mark.parametrize("fields", REFUSED.values(), ids=REFUSED.keys())
def test_what_could_be_read_in_two_ways_is_refused(fields: bytes) -> None:
    with pytest.raises(Refused) as caught:
        parse(b"POST / HTTP/1.1\r\n" + fields + b"\r\n")
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "line", [b"GET / HTTP/1.2", b"GET / HTTP/2.0", b"GET  / HTTP/1.1", b"GET /"]
)
def test_bad_request_lines(line: bytes) -> None:
    with pytest.raises(Refused):
        parse(line + b"\r\nhost: h\r\n\r\n")


@pytest.mark.parametrize("line", [b"x: a%b", b"x:%b\x01", b"x:%b", b"x%b: y", b"x: %b\n"], ids=repr)
@pytest.mark.parametrize("filling", [b" ", b"\t", b" \t", b"a ", b"a"], ids=repr)
def test_T15_no_head_takes_more_time_than_it_has_bytes(line: bytes, filling: bytes) -> None:
    """Were it their square, each of these would take seconds."""
    head = b"GET / HTTP/1.1\r\nhost: h\r\n" + line % (filling * (60_000 // len(filling)))
    for _ in range(20):
        with suppress(Refused):
            parse(head + b"x\r\n\r\n")


def test_lines_that_were_read_before_are_few_short_and_mean_the_same():
    for number in range(2 * _head._MOST_KNOWN):
        line = b"x-a: %d\r\nx-long: %b\r\n" % (number, b"%d" % number * _head._SHORT_BYTES)
        for _ in range(2):
            head = parse(b"GET / HTTP/1.1\r\nHost: h\r\n" + line + b"\r\n")
            assert head.headers[:2] == [(b"host", b"h"), (b"x-a", b"%d" % number)]
    assert 0 < len(_head._known) <= _head._MOST_KNOWN
    assert all(len(line) <= _head._SHORT_BYTES for line in _head._known)


def test_the_comparison_compares() -> None:
    """h11 refuses what the targets are fed: without that they would prove nothing."""
    parser = h11.Connection(h11.SERVER)
    parser.receive_data(b"POST / HTTP/1.1\r\nhost: h\r\nhost: h\r\n\r\n")
    with pytest.raises(h11.RemoteProtocolError):
        parser.next_event()
