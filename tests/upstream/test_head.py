"""Heads of answers that are not left to h11: they read as h11 would read them."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fuzz.targets import fuzz_answer
from mux.upstream._head import Head, plain_head

_LINES = st.sampled_from(
    [
        *(b"HTTP/1.1 200 OK", b"HTTP/1.1 200", b"HTTP/1.1 200 ", b"HTTP/1.0 503 \xff"),
        *(
            b"HTTP/2 200",
            b"HTTP/1.1 20",
            b"HTTP/1.1 2000",
            b"http/1.1 200 OK",
            b"HTTP/1.1  200 OK",
            b"",
        ),
        *(b"HTTP/1.1 200 a\x00", b"HTTP/1.1 200 a\x0b", b"HTTP/1.1 304 x", b"HTTP/1.1 101 x"),
        *(b"HTTP/1.1 100 Continue", b"HTTP/1.2 200 OK", b"HTTP/1.1 600 x"),
    ]
)
_NAMES = st.sampled_from(
    [
        *(b"Content-Length", b"content-length", b"Transfer-Encoding", b"Connection", b"x-a"),
        *(b"x a", b"x-a ", b" x-a", b"\tx-a", b"", b"x\x00", b"x\xff"),
    ]
)
_VALUES = st.sampled_from(
    [
        *(b"5", b"05", b"0", b"+5", b"5, 5", b"5,6", b"5,", b",", b"5 5", b"-1", b"9" * 21),
        *(b"chunked", b"CHUNKED", b"gzip", b"chunked, chunked", b"close", b"a, Close"),
        *(b"", b" ", b" a\t", b"a\tb", b"a  ", b"  a", b"a\x00", b"a\x0b", b"a\x01"),
        *(b"closed", b"\xff", b"a\x7f", b"a:b", b":", b"a\x0c"),
    ]
)
_COLONS = st.sampled_from([b": ", b":", b" :", b"", b":\t"])
_ENDS = st.sampled_from([b"\r\n"] * 8 + [b"\n", b"\r", b"\r\n ", b"\r\n\t", b"\r\r\n"])


@st.composite
def _heads(draw: st.DrawFn) -> bytes:
    line = draw(st.just(b"HTTP/1.1 200 OK") | _LINES)
    fields = draw(st.lists(st.tuples(_NAMES, _COLONS, _VALUES).map(b"".join), max_size=4))
    head = b"".join(line + draw(_ENDS) for line in (line, *fields)) + b"\r\n"
    return head + draw(st.sampled_from([b"", b"abc", b"\r\n"]))


@settings(max_examples=2000, deadline=None)
@given(_heads())
@example(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n")
@example(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 5\r\n\r\n")
def test_what_is_not_left_to_h11_reads_as_h11_reads_it(head: bytes) -> None:
    fuzz_answer(head)


PLAIN = {
    "OpenAI's": (
        b"HTTP/1.1 200 OK\r\nDate: Mon, 30 Nov 2026 07:00:00 GMT\r\nContent-Type: application/json"
        b"\r\nContent-Length: 2\r\nx-ratelimit-reset-tokens: 1m2s\r\nCF-RAY: 8e1-FRA\r\n"
        b"strict-transport-security: max-age=31536000; includeSubDomains; preload\r\n\r\n{}"
    ),
    "a stream": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{}",
    "no reason": b"HTTP/1.1 429\r\nretry-after:5\r\n\r\n{}",
}


@pytest.mark.parametrize("data", PLAIN.values(), ids=PLAIN.keys())
def test_what_upstreams_send_is_not_left_to_h11(data: bytes) -> None:
    fuzz_answer(data)
    head, rest = plain_head(data) or (None, b"")
    assert isinstance(head, Head)
    assert rest == b"{}"


LEFT = {
    "not complete": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n",
    "an interim answer": b"HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n",
    "lines that end in LF": b"HTTP/1.1 200 OK\ncontent-length: 5\n\n",
    "a folded line": b"HTTP/1.1 200 OK\r\nx: a\r\n  b\r\n\r\n",
    "a repeated name": b"HTTP/1.1 200 OK\r\nset-cookie: a\r\nset-cookie: b\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n",
    "a length that is no number": b"HTTP/1.1 200 OK\r\ncontent-length: +5\r\n\r\n",
    "another coding": b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n",
    "beyond ASCII": b"HTTP/1.1 200 OK\r\nx: \xe9\r\n\r\n",
}


@pytest.mark.parametrize("data", LEFT.values(), ids=LEFT.keys())
def test_what_is_doubtful_is_left_to_h11(data: bytes) -> None:
    assert plain_head(data) is None


@pytest.mark.parametrize("line", [b"x: a%b", b"x:%b\x00", b"x%b: y", b" %b", b"%b"], ids=repr)
@pytest.mark.parametrize("filling", [b" ", b" \t", b"a ", b"a", b":", b"\r", b"a: b\r\n"], ids=repr)
def test_no_head_takes_more_time_than_it_has_bytes(line: bytes, filling: bytes) -> None:
    """Were it their square, each of these would take seconds."""
    head = b"HTTP/1.1 200 OK\r\n" + line % (filling * (60_000 // len(filling))) + b"x\r\n\r\n"
    for _ in range(10):
        fuzz_answer(head)
