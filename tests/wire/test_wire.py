"""Framing: any split, any line end, every error with its field."""

from __future__ import annotations

import json as stdlib_json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mux.codecs import CODECS
from mux.errors import InvalidRequest, UpstreamProtocolError
from mux.wire import Doc, json, ndjson, splice, sse
from tests.laws.strategies import json_values, words


def frames(*pieces: bytes, limit: int = sse.LIMIT_BYTES) -> list[sse.Frame]:
    reader = sse.Reader(limit)
    return [frame for piece in pieces for frame in reader.feed(piece)] + reader.eof()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"data: a\n\n", [(b"", b"a")]),
        (b"data:a\r\n\r\n", [(b"", b"a")]),
        (b"data: a\r\rdata: b\r\r", [(b"", b"a"), (b"", b"b")]),
        (b"event: x\ndata: a\ndata: b\n\n", [(b"x", b"a\nb")]),
        (b": comment\n\ndata: a\n\n", [(b"", b"a")]),
        (b"\xef\xbb\xbfdata: a\n\n", [(b"", b"a")]),
        (b"data: a", [(b"", b"a")]),
        (b"event: x\n\ndata: a\n\n", [(b"", b"a")]),
        (b"data\n\n", [(b"", b"")]),
        (b"database: a\n\n", []),
        (b"id: 1\nretry: 5\ndata:  a \n\n", [(b"", b" a ")]),
    ],
)
def test_F14_P2_P3_P4_P5_the_whole_grammar_of_server_sent_events(data, expected):
    assert frames(data) == expected
    assert frames(*(data[i : i + 1] for i in range(len(data)))) == expected


EVENTS = [b"data: a\n\n", b"event: e\ndata:  b\n\n", b"event:\ndata:\n\n", b"data: a\ndata: b\n\n"]
PARTS = [b"data: a", b"\r", b"\n", b"\r\n", b"event: e", b"\xe2\x82\xac"]


@given(st.lists(st.sampled_from(EVENTS + PARTS)))
def test_P1_P2_any_split_gives_the_same_frames(pieces):
    data = b"".join(pieces)
    assert frames(*pieces) == frames(data) == frames(*(bytes([byte]) for byte in data))


def test_P234_an_event_over_the_limit_is_refused():
    with pytest.raises(UpstreamProtocolError):
        frames(b"data: " + b"x" * 50, limit=20)
    with pytest.raises(UpstreamProtocolError):
        frames(b"data: 123456789\n" * 5, limit=20)


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_P234_what_came_before_an_event_over_the_limit_is_given_whatever_the_cut(step):
    data = b"data: a\n\ndata: " + b"x" * 50
    reader, got = sse.Reader(limit_bytes=20), []

    def read_all():
        for place in [*range(0, len(data), step), len(data)]:
            got.extend(reader.feed(data[place : place + step]))

    with pytest.raises(UpstreamProtocolError):
        read_all()
    assert got == [(b"", b"a")]


@given(json_values)
def test_what_is_written_is_read(value):
    data = stdlib_json.dumps(value, ensure_ascii=False).encode()
    assert frames(sse.write(data, b"e")) == [(b"e", data)]
    line = ndjson.write(json.dumps(value))
    assert line.decode().splitlines() == [line.decode().removesuffix("\n")]
    assert [json.loads(got) for got in ndjson.Reader().feed(line)] == [value]


@pytest.mark.parametrize("text", ["\u2028", "\u2029", "a\u2028b\u0085c"])
def test_P6_ndjson_escapes_what_clients_split_at(text):
    line = ndjson.write(json.dumps({"t": text}))
    assert len(line.decode().splitlines()) == 1
    assert json.loads(line) == {"t": text}


def test_ndjson_hands_out_a_last_line_without_its_end():
    reader = ndjson.Reader()
    assert reader.feed(b'{"a":1}\n\n{"b"') == [b'{"a":1}']
    assert reader.feed(b":2}") == []
    assert reader.eof() == [b'{"b":2}']


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (rb'"\ud83d"', "\ufffd"),
        (rb'"\udE00x"', "\ufffdx"),
        (rb'"\ud83d\ud83d\ude00"', "\ufffd\U0001f600"),
        (rb'"\ud83d\ude00\\ud83d\""', '\U0001f600\\ud83d"'),
        (rb'"\\\ud83d\n"', "\\\ufffd\n"),
    ],
)
def test_P29_half_a_surrogate_pair_is_one_odd_letter(data, value):
    assert json.loads(data) == json.loads(data.decode()) == value
    assert json.loads(json.dumps(json.loads(data))) == value


@pytest.mark.parametrize("bad", [b"", b"{", b"nan", b'"\\uZZZZ"', b'"\xff"', b"[" * 100_000])
def test_P27_P29_what_is_not_json_is_an_error_of_ours(bad):
    with pytest.raises(json.JsonError):
        json.loads(bad)
    with pytest.raises(InvalidRequest):
        Doc.parse(bad)


@pytest.mark.parametrize(
    "twice",
    [
        b'{"a":1,"a":1}',
        b'{"a":{"b":1,"c":[{"d":1,"d":2}]}}',
        b'{"a" : "x:\\"y\\":", "a" : "\\\\"}',
        b'{"\\u0061":1,"a":2}',
    ],
)
def test_P27_a_key_given_twice_is_an_error_because_readers_differ_in_which_they_take(twice):
    with pytest.raises(InvalidRequest, match="same key twice"):
        Doc.parse(twice)


@pytest.mark.parametrize(
    "once",
    [
        b"{}",
        b'{"a":1,"b":{"a":[{"a":1},{"a":2}]}}',
        b'{"a:b":"{\\"x\\":1,\\"x\\":2}","c":"\\\\","d":":\\\\\\":"}',
        b' {"a" : [ ] , "b" : "" , "":"\\u0022:" } ',
    ],
)
def test_P27_keys_given_once_are_not_taken_for_twice(once):
    Doc.parse(once)


def test_P27_a_byte_order_mark_is_skipped():
    assert Doc.parse(b'\xef\xbb\xbf{"a":1}').get_int("a") == 1


def test_every_error_names_its_field():
    doc = Doc.parse(b'{"messages":[{"role":1}],"n":"2","x":null,"b":[true]}')
    with pytest.raises(InvalidRequest) as caught:
        doc.need("messages").items()[0].need("role").string()
    assert caught.value.param == "messages[0].role"
    assert caught.value.message == "messages[0].role: expected a string, got a number"
    with pytest.raises(InvalidRequest) as caught:
        doc.get_int("n")
    assert caught.value.param == "n"
    with pytest.raises(InvalidRequest) as caught:
        doc.need("x")
    assert caught.value.param == "x"
    with pytest.raises(InvalidRequest):
        doc.need("b").items()[0].integer()


def test_P239_P241_null_is_absent_and_integral_floats_are_integers():
    doc = Doc.parse(b'{"a":null,"b":100.0,"c":1.5}')
    assert doc.get("a") is None
    assert doc.get_int("b") == 100
    with pytest.raises(InvalidRequest):
        doc.get_int("c")


def test_what_nobody_asked_for_is_kept():
    doc = Doc.parse(b'{"a":1,"b":2,"c":null}')
    doc.get_int("a")
    assert doc.rest() == {"b": 2}


def test_a_member_asked_for_under_either_of_its_names_is_not_handed_on():
    doc = Doc({"max_tokens": 1, "max_completion_tokens": 2, "seed": None, "user": "u"})
    assert doc.get_int("max_completion_tokens", "max_tokens") == 2
    assert doc.get_int("seed") is None
    assert doc.rest() == {"user": "u"}


def test_one_look_tells_whether_any_of_several_members_is_there():
    doc = Doc({"a": 1})
    assert doc.holds(frozenset({"a", "b"}))
    assert not doc.holds(frozenset({"b", "c"}))
    assert doc.rest() == {"a": 1}
    with pytest.raises(InvalidRequest, match="expected an object"):
        Doc([]).holds(frozenset({"a"}))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'{"model":"a","x":1}', b'{"model":"b","x":1}'),
        (b'{"x":{"model":"a"}, "model" : "a" }', b'{"x":{"model":"a"}, "model" : "b" }'),
        (b'{"x":["model","a"],"model":"q\\"uote"}', b'{"x":["model","a"],"model":"b"}'),
        (b'{"y":"model","model":"1","x":"model"}', b'{"y":"model","model":"b","x":"model"}'),
        (b'{"x":1}', b'{"x":1}'),
        (b'{"a\\"model":"x","model":"a"}', b'{"a\\"model":"x","model":"b"}'),
        (b'{"x":"\\"model\\":\\"a\\"","model":"a"}', b'{"x":"\\"model\\":\\"a\\"","model":"b"}'),
        (b'{"x":"{\\\\","model":"a"}', b'{"x":"{\\\\","model":"b"}'),
        (
            b'{"x":{"y":"}"},"model":"a","z":[{"model":"a"}]}',
            b'{"x":{"y":"}"},"model":"b","z":[{"model":"a"}]}',
        ),
    ],
)
def test_splice_replaces_one_value_and_no_other_byte(before, after):
    assert splice.replace_string(before, "model", "b") == after


@given(st.dictionaries(words, json_values, max_size=4), words)
def test_splice_keeps_the_rest_of_any_object(fields, name):
    body = stdlib_json.dumps({**fields, "model": "a"}).encode()
    assert json.loads(splice.replace_string(body, "model", name)) == {**fields, "model": name}


def test_one_element_of_a_list_costs_no_look_at_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each system message of a conversation is looked at by its place: a list of many must not be
    gone through for each of them."""
    made = 0
    init = Doc.__init__

    def counted(doc: Doc, *args: Any) -> None:
        nonlocal made
        made += 1
        init(doc, *args)

    monkeypatch.setattr(Doc, "__init__", counted)
    messages = [{"role": "system", "content": "x"}] * 300 + [{"role": "user", "content": "hi"}]
    body = stdlib_json.dumps({"model": "m", "messages": messages}, indent=1).encode()
    request = CODECS["openai_chat"].server.decode_request(body)
    assert len(request.system) == 300
    assert made < 10 * len(messages)
