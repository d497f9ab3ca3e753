"""Reading once: what a memo keeps, and for whom."""

from __future__ import annotations

from mux.wire import Doc, json, remembered
from mux.wire.memo import Memo


def test_a_memo_forgets_what_was_not_needed_for_long_and_keeps_what_was():
    memo = Memo(limit_bytes=1000)
    memo.put("needed", 1, 100)
    memo.put("old", 2, 100)
    for number in range(30):
        assert memo.get("needed") == (1, 100)
        memo.put(number, number, 100)
    assert memo.get("old") is None
    assert memo.get(0) is None
    assert memo.get(29) == (29, 100)


def test_what_a_memo_keeps_is_bounded():
    memo = Memo(limit_bytes=1000)
    for number in range(100):
        memo.put(number, number, 100)
    assert sum(memo.get(number) is not None for number in range(100)) <= 10


def test_an_element_of_a_long_body_is_read_once_for_each_reader_and_argument():
    asked = []

    @remembered
    def first(doc: Doc, mark: str) -> tuple[str, str]:
        asked.append(mark)
        return mark, doc.need("word").string()

    @remembered
    def second(doc: Doc) -> str:
        return doc.need("word").string()

    body = json.dumps({"list": [{"word": "once", "of": "test_memo"}], "filler": "f" * 5000})
    for _ in range(3):
        (doc,) = Doc.parse(body, "list").need("list").items()
        assert [first(doc, "a"), first(doc, "b"), second(doc)] == [
            ("a", "once"),
            ("b", "once"),
            "once",
        ]
    assert asked == ["a", "b"]


def test_an_element_of_a_body_that_is_read_whole_is_not_remembered():
    asked = []

    @remembered
    def word(doc: Doc) -> str:
        asked.append(doc.path)
        return doc.need("word").string()

    for _ in range(2):
        (doc,) = Doc.parse(b'{"list":[{"word":"short"}]}', "list").need("list").items()
        assert word(doc) == "short"
    assert asked == ["list[0]", "list[0]"]


def test_a_file_is_not_remembered():
    asked = []

    @remembered
    def size(doc: Doc) -> int:
        asked.append(doc.path)
        return len(doc.need("data").string())

    body = json.dumps({"list": [{"data": "d" * 300_000}]})
    for _ in range(2):
        (doc,) = Doc.parse(body, "list").need("list").items()
        assert size(doc) == 300_000
    assert asked == ["list[0]", "list[0]"]
