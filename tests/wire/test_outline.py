"""Bodies that go on where an earlier one ended are read as all others are, whatever is in them."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mux.errors import InvalidRequest
from mux.ir import JSON
from mux.wire import Doc, each, json, remembered
from mux.wire.outline import Outline, Outlines, Unread
from tests.laws.strategies import json_values

NUMBERS = itertools.count()
LONG = "long " * 1000


def fresh() -> str:
    """What no other test's bodies begin with."""
    return f"{next(NUMBERS)} {LONG}"


def members(body: bytes) -> JSON:
    """All of `body`, read by its elements where it may be."""
    value = Doc.parse(body, "list", "others").value
    assert isinstance(value, dict)
    return {
        name: [json.loads(text) for text in member] if isinstance(member, Unread) else member
        for name, member in value.items()
    }


def texts(body: bytes) -> list[bytes]:
    found = Doc.parse(body, "list").need("list").value
    assert isinstance(found, Unread)
    return found


@pytest.mark.parametrize("gap", [b",", b", "])
@given(
    before=st.lists(json_values, min_size=4, max_size=6),
    more=st.lists(st.lists(json_values, max_size=3), max_size=3),
)
def test_what_is_added_to_a_list_is_read_as_in_a_body_read_whole(gap, before, more):
    colon = gap.replace(b",", b":")
    filler = fresh()

    def written(items: list[JSON]) -> bytes:
        fields = {"filler": filler, "list": items, "others": [1, {"a": 2}], "last": {"b": [3]}}
        pairs = [
            b'"%b"%b%b' % (name.encode(), colon, json.dumps(value))
            if name != "list"
            else b'"list"%b[%b]' % (colon, gap.join(map(json.dumps, items)))
            for name, value in fields.items()
        ]
        return b"{%b}" % gap.join(pairs)

    said = list(before)
    for new in ([], *more, []):
        said += new
        body = written(said)
        whole = json.loads(body)
        for _ in range(2):
            assert members(body) == whole
        said_otherwise = [*said[:-1], "another end"]
        assert members(written(said_otherwise)) == json.loads(written(said_otherwise))


def test_elements_that_came_before_are_the_same_ones_again():
    begin = json.dumps({"filler": fresh(), "list": [{"a": n} for n in range(8)]})[:-2]
    first = texts(begin + b',{"b":1}]}')
    second = texts(begin + b',{"b":2},{"b":3}]}')
    assert second == [*first[:-1], b'{"b":2}', b'{"b":3}']
    assert all(one is other for one, other in zip(first[:-1], second, strict=False))


@remembered
def _letter(doc: Doc) -> list[str]:
    return [doc.need("a").string()]


def test_what_was_made_of_elements_comes_again_and_is_not_made_twice():
    begin = json.dumps({"filler": fresh(), "list": [{"a": str(n)} for n in range(8)]})[:-2]
    made = []
    for more in (b"", b',{"a":"x"}', b',{"a":"x"},{"a":"y"}', b',{"a":"z"}'):
        made.append(each(_letter, Doc.parse(begin + more + b"]}", "list").need("list")))
        said = [one for (one,) in made[-1]]
        assert said == [*"01234567", *[letter for letter in more.decode() if letter in "xyz"]]
        made[-1].append(["of the caller's own"])
    assert all(one is other for one, other in zip(made[0][:8], made[3], strict=False))
    assert made[1][8] is made[2][8]


END = b'],"end":[{"a":0},{"a":0}]}'


@pytest.mark.parametrize(
    "more",
    [
        b",",
        b", ",
        b",,{}",
        b"{}",
        b" {}",
        b" ",
        b",1]",
        b',1],"list":[2',
        b',1],"more":[2',
        b',{"b":1',
        b',"b',
        b',"\\',
        b'],"more":[1,2,3,4',
    ],
)
def test_what_is_wrong_behind_a_known_beginning_is_as_wrong_as_ever(more):
    items = [{"a": number} for number in range(8)]
    begin = json.dumps({"filler": fresh(), "list": items})[:-2]
    begun = begin + END
    body = begin + more + END
    assert members(begun) == json.loads(begun)

    def outcome(whole: bytes) -> object:
        try:
            return members(whole)
        except InvalidRequest as error:
            return error.message.partition(":")[0]

    expected = outcome(body.replace(b'{"filler"', b'{\n"filler"'))  # which is read as a whole
    assert outcome(body) == outcome(body) == expected


def test_a_number_that_goes_on_is_another_one():
    begin = b'{"filler":"%b","list":[0,1,2,3,4' % fresh().encode()
    assert members(begin + b"]}")["list"] == [0, 1, 2, 3, 4]
    assert members(begin + b"5]}")["list"] == [0, 1, 2, 3, 45]
    assert members(begin + b"5,6]}")["list"] == [0, 1, 2, 3, 45, 6]


def test_a_body_whose_end_is_in_what_is_known_of_its_list_is_not_counted_twice():
    begin = b'{"filler":"%b","list":[0,1,[2],[3],"x"' % fresh().encode()
    end = b'],"y":["x"]}'
    assert members(begin + end) == json.loads(begin + end)
    shorter = (begin + end)[: -len(end)].removesuffix(b',"x"') + end
    assert members(shorter) == json.loads(shorter)


def outline(body: bytes, *elements: bytes) -> Outline:
    head, tail = b'{"list":[', b'],"end":"mark"}'
    assert body == head + b",".join(elements) + tail
    return Outline(body, "list", head, tail, b",", Unread(elements, {}), {})


def test_a_mark_is_found_wherever_it_is():
    words = [b'"%b"' % fresh().encode(), b'"two"', b'"three"', b'"four"']
    outlines = Outlines()
    body = b'{"list":[%b],"end":"mark"}' % b",".join(words)
    outlines.keep(outline(body, *words))
    for more, marks in ((b'"five"', b'r",'), (b'"wanted"', b"want"), (b'"six"', b'x"],"e')):
        before = body
        body = body.replace(b'],"end"', b',%b],"end"' % more)
        for mark in (b"mark", b"two", b"none", marks, b"six", b"wanted", b'"four","fi'):
            assert outlines.holds(before, mark) == (mark in before)
        assert outlines.next(body) is not None
        for mark in (b"mark", b"two", b"none", marks, b"six", b"wanted", b'"four","fi'):
            assert outlines.holds(body, mark) == (mark in body)
    assert outlines.holds(bytes(bytearray(body)), b"wanted")
    assert not outlines.holds(b"a body nobody took apart", b"wanted")


def test_a_mark_is_found_in_bodies_that_go_on_from_the_same_one():
    words = [b'"%b"' % fresh().encode(), b'"two"', b'"three"', b'"four"']
    outlines = Outlines()
    body = b'{"list":[%b],"end":"mark"}' % b",".join(words)
    outlines.keep(outline(body, *words))
    both = [body.replace(b'],"end"', b',%b],"end"' % more) for more in (b'"wanted"', b'"other"')]
    assert all([outlines.next(body) is not None for body in both])
    assert [outlines.holds(body, b"wanted") for body in both] == [True, False]
    assert [outlines.holds(body, b"wanted") for body in reversed(both)] == [False, True]


def test_what_is_kept_is_bounded():
    outlines = Outlines()

    def go_on(number: int, size: int) -> bool:
        word = b'"%d%b"' % (number, b"w" * size)
        words = [b'"1"', b'"2"', word, b'"4"']
        body = b'{"list":[%b],"end":"mark"}' % b",".join(words)
        if outlines.next(body) is not None:
            return True
        outlines.keep(outline(body, *words))
        return False

    assert not any([go_on(number, 10) for number in range(100, 300)])
    assert [go_on(number, 10) for number in (299, 100)] == [True, False]
    assert not any([go_on(number, 1_000_000) for number in range(300, 320)])
    assert [go_on(number, 1_000_000) for number in (319, 300)] == [True, False]
    assert not any([go_on(1, 3_000_000) for _ in range(2)]), "it holds files"
