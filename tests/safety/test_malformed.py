"""Whatever comes in: an error in the client's own form, and the next request is answered."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mux.wire import json
from tests.safety import raw
from tests.safety.bodies import NEVER, RIGHT, WRONG_BYTES, WRONG_VALUES, changed, paths, posts

POSTS = list(posts())
IDS = [path for _, path in POSTS]
CLOSE = "connection: close"


def answers(url: str) -> None:
    assert raw.parsed(raw.exchange(url, raw.head("GET", "/healthz", CLOSE))).status == 200


def in_form(answer: raw.Answer, dialect: str) -> None:
    """The error is one that clients of `dialect` understand."""
    assert answer.headers["content-type"].startswith("application/json")
    body = answer.error
    assert isinstance(body, dict), body
    error = body["error"]
    if dialect == "ollama":
        assert isinstance(error, str)
        assert error
        return
    assert isinstance(error, dict)
    assert error["message"]
    if dialect == "anthropic":
        assert body["type"] == "error"
        assert error["type"]
    elif dialect == "gemini":
        assert error["code"] == answer.status
        assert error["status"]
    else:
        assert {"message", "type", "param", "code"} <= error.keys()


def refused(url: str, dialect: str, data: bytes) -> None:
    answer = raw.parsed(raw.exchange(url, data))
    assert 400 <= answer.status < 500, answer
    in_form(answer, dialect)
    answers(url)


@pytest.mark.parametrize("wrong", WRONG_BYTES.values(), ids=WRONG_BYTES.keys())
@pytest.mark.parametrize(("endpoint", "path"), POSTS, ids=IDS)
def test_T13_what_is_no_request_is_refused_in_the_form_of_the_dialect(url, endpoint, path, wrong):
    refused(url, endpoint.dialect, raw.post(path, wrong, CLOSE))


@pytest.mark.parametrize("value", [1, True, 1.5], ids=str)
@pytest.mark.parametrize(("endpoint", "path"), POSTS, ids=IDS)
def test_T13_fields_of_the_wrong_type_are_refused_by_name(url, endpoint, path, value):
    for field in NEVER[endpoint.dialect]:
        body = json.dumps(RIGHT[endpoint.dialect] | {field: value})
        refused(url, endpoint.dialect, raw.post(path, body, CLOSE))


@pytest.mark.parametrize("dialect", RIGHT)
def test_T13_no_value_anywhere_is_more_than_a_wrong_request(url, dialect):
    """Some of these are right: what counts is that none is our fault, or ends the connection."""
    path = next(path for endpoint, path in POSTS if endpoint.dialect == dialect)
    with raw.connect(url) as client:
        for place in paths(RIGHT[dialect]):
            for value in WRONG_VALUES:
                body = json.dumps(changed(RIGHT[dialect], place, value))
                client.sendall(raw.post(path, body))
                answer = _one_answer(client)
                assert answer.status < 500, (place, value, answer)
                if answer.status != 200:
                    in_form(answer, dialect)


def _one_answer(client) -> raw.Answer:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = client.recv(65536)
        assert piece, "the connection was closed"
        data += piece
    answer = raw.parsed(data)
    if "content-length" in answer.headers:
        size = int(answer.headers["content-length"])
        while len(answer.body) < size:
            data += client.recv(65536)
            answer = raw.parsed(data)
    else:
        while not data.endswith(b"0\r\n\r\n"):
            data += client.recv(65536)
    return answer


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=25)
@given(data=st.data())
@pytest.mark.parametrize(("endpoint", "path"), POSTS, ids=IDS)
def test_T13_any_value_in_any_place(url, endpoint, path, data):
    right = RIGHT[endpoint.dialect]
    place = data.draw(st.sampled_from(list(paths(right))))
    body = json.dumps(changed(right, place, data.draw(JSON)))
    answer = raw.parsed(raw.exchange(url, raw.post(path, body, CLOSE)))
    assert answer.status < 500, answer
    if answer.status != 200:
        in_form(answer, endpoint.dialect)


@settings(max_examples=25)
@given(data=st.data())
@pytest.mark.parametrize(("endpoint", "path"), POSTS, ids=IDS)
def test_T13_any_bytes_in_place_of_some(url, endpoint, path, data):
    right = json.dumps(RIGHT[endpoint.dialect])
    begin = data.draw(st.integers(0, len(right)))
    end = data.draw(st.integers(begin, len(right)))
    body = right[:begin] + data.draw(st.binary(max_size=20)) + right[end:]
    answer = raw.parsed(raw.exchange(url, raw.post(path, body, CLOSE)))
    assert answer.status < 500, answer
    if answer.status != 200:
        in_form(answer, endpoint.dialect)


@pytest.mark.parametrize(
    ("extra", "status"),
    {
        "two equal keys are refused": (b'"model": "nobody", ', 400),
        "half a surrogate is replaced": (b'"user": "\\ud800", ', 200),
        "a number of any size is read": (b'"x": 123456789012345678901234567890, ', 200),
        "one too large for a float is refused": (b'"x": 1e999, ', 400),
    }.values(),
    ids=str,
)
def test_T13_what_json_leaves_open_is_settled(url, extra, status):
    body = b"{" + extra + json.dumps(RIGHT["openai_chat"])[1:]
    answer = raw.parsed(raw.exchange(url, raw.post("/v1/chat/completions", body, CLOSE)))
    assert answer.status == status, answer


@pytest.mark.parametrize(("endpoint", "path"), POSTS, ids=IDS)
def test_T13_a_body_over_the_limit_is_refused_before_it_is_sent(url, endpoint, path):
    data = raw.head("POST", path, "content-length: 99000000", CLOSE)
    refused(url, endpoint.dialect, data)
