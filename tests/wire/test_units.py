"""Streams cut between their events: no byte changed, none held longer than its event lasts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mux.errors import UpstreamProtocolError
from mux.wire import sse
from mux.wire.units import Units

PIECES = st.lists(
    st.sampled_from([b"data: a", b"\r", b"\n", b"\r\n", b"event: e", b": c", b"\xe2\x82\xac"])
)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"data: a\n\ndata: b\n\ndata: c", [b"data: a\n\n", b"data: b\n\n"]),
        (b"data: a\r\n\r\ndata: b\r\rdata", [b"data: a\r\n\r\n", b"data: b\r\r"]),
        (b"event: e\ndata: a\n", []),
        (b"data: a\r\n", []),
    ],
)
def test_an_event_ends_with_a_blank_line(data, expected):
    units = Units()
    assert units.feed(data) == expected
    assert b"".join(expected) + units.rest == data


def test_an_event_may_be_a_line():
    units = Units(lines=True)
    assert units.feed(b'{"a":1}\n\n{"b"') == [b'{"a":1}\n', b"\n"]
    assert units.feed(b":2}\n") == [b'{"b":2}\n']


@given(PIECES)
def test_P2_whatever_the_cut_no_byte_changes(pieces):
    units = Units()
    out = b"".join(unit for piece in pieces for unit in units.feed(piece)) + units.rest
    assert out == b"".join(pieces)


@given(PIECES)
def test_an_event_is_given_as_soon_as_it_means_something(pieces):
    units, of_units, of_bytes = Units(), sse.Reader(), sse.Reader()
    for piece in pieces:
        whole = [frame for unit in units.feed(piece) for frame in of_units.feed(unit)]
        assert whole == of_bytes.feed(piece)


def test_P234_an_event_over_the_limit_is_refused_after_what_came_before_it():
    units = Units(limit_bytes=10)
    assert units.feed(b"data: a\n\ndata: 12345678") == [b"data: a\n\n"]
    with pytest.raises(UpstreamProtocolError):
        units.feed(b"9")
