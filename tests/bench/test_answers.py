from __future__ import annotations

from itertools import pairwise

import pytest

from bench import answers, mock, requests
from bench.mock import Kind, Phases, Shape
from mux.codecs import CODECS
from mux.ir import Text, fold
from mux.server import endpoints

DIALECTS = list(CODECS)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_canned_stream_is_the_text_in_its_dialect(dialect: str):
    decoder = CODECS[dialect].client.stream_decoder()
    stream = answers.stream(dialect, 12)
    response = fold([*decoder.feed(stream.data), *decoder.eof()])
    text = "".join(part.text for part in response.parts if isinstance(part, Text))
    assert text == " word ~0000000000000000" * 12
    assert len(stream.frames) == 12
    assert all(frame.count(answers.MARK) == 1 for frame in stream.frames)
    assert answers.MARK not in stream.opening


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_canned_whole_answer_decodes(dialect: str):
    response = CODECS[dialect].client.decode_response(answers.whole(dialect, 5))
    assert [part.text.count("~") for part in response.parts if isinstance(part, Text)] == [5]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_writes_of_a_stream_are_its_frames_as_chunks(dialect: str):
    data = b"".join(mock.pieces(dialect, 20, 1))
    head, _, body = data.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    plain = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        plain += rest[: int(size, 16)]
        body = rest[int(size, 16) + 2 :]
    assert plain == answers.stream(dialect, 20).data
    assert b"".join(mock.pieces(dialect, 20, 16)).endswith(b"0\r\n\r\n")


def test_a_stamp_goes_into_the_first_token():
    frame = answers.stream("ollama", 1).frames[0]
    assert b"~0000000000001234" in answers.stamped(frame, 1234)


def test_a_shape_is_read_back_from_its_path():
    shape = Shape(Kind.PACED, 500, 20_000)
    assert Shape.parse(shape.path) == shape


@pytest.mark.parametrize("begun_us", [[7_000] * 100, list(range(0, 20_000_000, 200_000))])
def test_streams_are_spread_over_their_period_whenever_they_begin(begun_us: list[int]):
    phases = Phases()
    second_us = [phases.second_us(first_us, 200_000) for first_us in begun_us]
    assert all(0 <= due - first < 200_000 for first, due in zip(begun_us, second_us, strict=True))
    places = sorted(due % 200_000 for due in second_us)
    gaps = [later - earlier for earlier, later in pairwise(places)]
    assert max(gaps) < 2 * 200_000 / len(places)


@pytest.mark.parametrize(
    ("client", "upstream"),
    [(c, u) for c in DIALECTS for u in DIALECTS if requests.speaks(c, u)],
)
def test_what_clients_ask_decodes_and_can_be_said_upstream(client: str, upstream: str):
    for agent in (False, True):
        ask = requests.ask(client, upstream, "via", stream=True, agent=agent)
        endpoint, model = endpoints.find("POST", ask.path.partition("?")[0])
        assert endpoint.dialect == client
        request = CODECS[client].server.decode_request(
            ask.body, model=model, stream=endpoint.stream, variant=endpoint.variant
        )
        assert (request.model, request.stream) == ("via", True)


def test_an_agents_request_has_its_size_in_every_dialect():
    for dialect in DIALECTS:
        size = len(requests.ask(dialect, dialect, "via", stream=False, agent=True).body)
        assert 0.95 * requests.AGENT_BYTES < size < 1.05 * requests.AGENT_BYTES, dialect
