"""A streamed JSON array, read and written."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mux.errors import UpstreamProtocolError
from mux.wire import json
from mux.wire.jsonarray import Reader, Writer

TRICKY = [
    {"text": 'a "quoted" } { ] [ , \\ brace'},
    {"text": "tail\\", "deep": {"list": [{"a": [1, {}]}, "]}"]}},
    {},
    {"text": "é € 😀 \u2028"},
]


def read(data: bytes, cuts: list[int]) -> list[bytes]:
    reader = Reader()
    edges = [0, *sorted({cut % (len(data) + 1) for cut in cuts}), len(data)]
    out: list[bytes] = []
    for start, end in pairwise(edges):
        out += reader.feed(data[start:end])
    return out + reader.eof()


def written(values: list[object]) -> bytes:
    writer = Writer()
    pieces = [writer.write(json.dumps(value)) for value in values]
    return b"".join([*pieces, writer.close()])


@given(st.lists(st.integers(0, 400), max_size=12))
def test_F13_F47_any_split_gives_the_same_elements(cuts):
    assert [json.loads(element) for element in read(written(TRICKY), cuts)] == TRICKY


def test_F47_the_written_array_is_what_the_service_writes():
    assert written([{"a": 1}, {"b": 2}]) == b'[{"a":1},\r\n{"b":2}]'


def test_an_empty_stream_is_an_empty_array():
    assert written([]) == b"[]"
    assert read(b"[]", []) == []


def test_pretty_printed_elements_and_a_byte_order_mark():
    data = b'\xef\xbb\xbf[{\n  "a": "x"\n}\n,\r\n{"b":\n2}\n]\n'
    for cut in range(len(data)):
        assert [json.loads(element) for element in read(data, [cut])] == [{"a": "x"}, {"b": 2}]


def test_one_object_alone_is_read_like_an_array_of_one():
    assert read(b'\n{"error": {"code": 429}}\n', [3]) == [b'{"error": {"code": 429}}']


def test_an_element_is_given_as_soon_as_its_last_byte_arrives():
    reader = Reader()
    assert reader.feed(b'[{"a":1') == []
    assert reader.feed(b"}") == [b'{"a":1}']


def test_an_element_cut_off_is_handed_out_at_the_end():
    assert read(b'[{"a":1},\r\n{"b"', []) == [b'{"a":1}', b'{"b"']


@pytest.mark.parametrize("data", [b"data: {}", b"<html>", b"[1]", b'[{"a":1} x'])
def test_other_bytes_are_refused(data):
    with pytest.raises(UpstreamProtocolError):
        read(data, [])


def test_what_came_before_a_mistake_is_given_whatever_the_cut():
    reader = Reader()
    assert reader.feed(b'[{"a":1} x {"b":2}]') == [b'{"a":1}']
    with pytest.raises(UpstreamProtocolError):
        reader.feed(b"more")


def test_P234_an_element_over_the_limit_is_refused():
    reader = Reader(limit_bytes=64)
    assert reader.feed(b'[{"a":"short"},') == [b'{"a":"short"}']
    with pytest.raises(UpstreamProtocolError, match="64"):
        reader.feed(b'{"a":"' + b"x" * 80)


@given(st.binary(max_size=200), st.integers(0, 200))
def test_arbitrary_bytes_are_elements_or_refused(data, cut):
    try:
        whole = read(data, [])
    except UpstreamProtocolError:
        with pytest.raises(UpstreamProtocolError):
            read(data, [cut])
        return
    assert read(data, [cut]) == whole
