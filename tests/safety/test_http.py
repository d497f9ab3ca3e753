"""Raw HTTP that no honest client sends, against a real server."""

from __future__ import annotations

import re
import socket
import time

import pytest

from mux.server.endpoints import ENDPOINTS
from tests.safety import raw
from tests.safety.test_malformed import CLOSE, answers, in_form

CHAT = "/v1/chat/completions"
BODY = b'{"model": "demo", "messages": [{"role": "user", "content": "Hello"}]}'
HOST = b"host: localhost\r\n"


def lines(*parts: bytes) -> bytes:
    return b"\r\n".join((*parts, b"", b""))


POST = b"POST /v1/chat/completions HTTP/1.1"
GET = b"GET /healthz HTTP/1.1"
CHUNKED = lines(POST, b"host: localhost", b"transfer-encoding: chunked")

UNPARSABLE = {
    "two kinds of length": lines(
        POST, b"host: localhost", b"content-length: 5", b"transfer-encoding: chunked"
    )
    + b"0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    "two lengths": lines(POST, b"host: localhost", b"content-length: 5", b"content-length: 6"),
    "a list of lengths": lines(POST, b"host: localhost", b"content-length: 5, 6"),
    "a negative length": lines(POST, b"host: localhost", b"content-length: -5"),
    "a signed length": lines(POST, b"host: localhost", b"content-length: +5"),
    "a hexadecimal length": lines(POST, b"host: localhost", b"content-length: 0x5"),
    "a length of no end": lines(POST, b"host: localhost", b"content-length: " + b"9" * 30),
    "a coding nobody knows": lines(POST, b"host: localhost", b"transfer-encoding: sausage"),
    "two codings": lines(POST, b"host: localhost", b"transfer-encoding: gzip, chunked"),
    "two hosts": lines(GET, b"host: localhost", b"host: evil.example"),
    "no host": lines(GET),
    "bare LF": b"GET /healthz HTTP/1.1\nhost: localhost\n\n",
    "bare LF in one header": b"GET /healthz HTTP/1.1\r\nhost: localhost\nx: y\r\n\r\n",
    "bare CR": b"GET /healthz HTTP/1.1\r\nhost: localhost\rx: y\r\n\r\n",
    "a version of the future": lines(b"GET /healthz HTTP/9.9", b"host: localhost"),
    "HTTP/2 from the start": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/0.9": b"GET /healthz\r\n\r\n",
    "no version": lines(b"GET /healthz FTP/1.1", b"host: localhost"),
    "a space before the colon": lines(GET, b"host: localhost", b"x : y"),
    "a name with a space": lines(GET, b"host: localhost", b"x y: z"),
    "a header without a name": lines(GET, b"host: localhost", b": y"),
    "a header without a colon": lines(GET, b"host: localhost", b"xy"),
    "NUL in a header": lines(GET, b"host: localhost", b"x: \x00"),
    "NUL in the target": lines(b"GET /\x00 HTTP/1.1", b"host: localhost"),
    "a space in the target": lines(b"GET /health z HTTP/1.1", b"host: localhost"),
    "bytes over 127 in the target": lines(b"GET /\xff HTTP/1.1", b"host: localhost"),
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64) + b"\r\n\r\n",
    "a chunk of no size": CHUNKED + b"x\r\n",
    "a chunk without its end": CHUNKED + b"2\r\nabc\r\n0\r\n\r\n",
    "a chunk of a negative size": CHUNKED + b"-1\r\n",
    "a chunk with a size of no end": CHUNKED + b"f" * 30 + b"\r\n",
    "a trailer with bare LF": CHUNKED + b"0\r\nx: y\n\r\n",
}
"""What the parser refuses, so that the connection cannot go on."""


@pytest.mark.parametrize("data", UNPARSABLE.values(), ids=UNPARSABLE.keys())
def test_T14_what_can_be_read_in_two_ways_is_refused_and_the_connection_closed(url, data):
    answer = raw.exchange(url, data)
    if answer:  # a body that breaks off under its request is no request, and gets no answer
        first = raw.parsed(answer)
        assert first.status == 400
        in_form(first, "openai_chat")
        assert first.headers["connection"] == "close"
        assert len(re.findall(rb"HTTP/1.1 \d{3}", answer)) == 1, (
            "what follows is not read as a request"
        )
    else:
        assert data.startswith(CHUNKED)
    answers(url)


BOMBS = {
    "lines": raw.head("GET", "/healthz", *(f"x-{n}: y" for n in range(101))),
    "bytes": raw.head("GET", "/healthz", *(f"x-{n}: {'y' * 9000}" for n in range(9))),
    "one line": raw.head("GET", "/healthz", f"x: {'y' * 70_000}"),
    "a target": raw.head("GET", f"/{'y' * 70_000}"),
    "no end": b"GET /healthz HTTP/1.1\r\n" + b"x: y\r\n" * 100_000,
    "names": raw.head("GET", "/healthz", f"{'y' * 70_000}: x"),
}


@pytest.mark.parametrize("data", BOMBS.values(), ids=BOMBS.keys())
def test_T14_heads_of_more_than_a_hundred_lines_or_64_KiB_are_refused(url, data):
    answer = raw.parsed(raw.exchange(url, data))
    assert answer.status == 431
    in_form(answer, "openai_chat")
    answers(url)


def test_T14_a_head_just_within_the_limits_is_read(url):
    extra = [f"x-{n}: {'y' * 500}" for n in range(97)]
    answer = raw.parsed(raw.exchange(url, raw.head("GET", "/healthz", CLOSE, *extra)))
    assert answer.status == 200


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND", "QUERY"])
@pytest.mark.parametrize("target", ["/", CHAT, "/nowhere", "evil.example:443"])
def test_T14_methods_of_proxies_are_refused(url, method, target):
    answer = raw.parsed(raw.exchange(url, raw.head(method, target, CLOSE, "x-secret: 1")))
    assert answer.status in (400, 405)
    assert b"x-secret" not in answer.body
    answers(url)


ABSOLUTE = ["http://evil.example/healthz", "http://user@localhost/healthz", "//evil.example/x", "*"]


@pytest.mark.parametrize("target", ABSOLUTE)
def test_T14_targets_that_name_a_host_are_refused(url, target):
    answer = raw.parsed(raw.exchange(url, raw.head("GET", target, CLOSE)))
    assert 400 <= answer.status < 500
    answers(url)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "gzip, identity", "x"])
@pytest.mark.parametrize("endpoint", [e for e in ENDPOINTS if "POST" in e.methods], ids=str)
def test_T14_compressed_bodies_are_refused_in_the_form_of_the_dialect(url, endpoint, coding):
    path = endpoint.path.replace("{version}", "v1beta")
    head = raw.head("POST", path, CLOSE, f"content-encoding: {coding}", "content-length: 2")
    answer = raw.parsed(raw.exchange(url, head + b"{}"))
    assert answer.status == 415
    in_form(answer, endpoint.dialect)


def test_T14_a_body_that_says_it_is_not_compressed_is_read(url):
    answer = raw.parsed(
        raw.exchange(url, raw.post(CHAT, BODY, CLOSE, "content-encoding: identity"))
    )
    assert answer.status == 200


@pytest.mark.parametrize("wish", ["200-ok", "the impossible"])
def test_T14_other_expectations_than_to_go_on_are_refused(url, wish):
    answer = raw.parsed(raw.exchange(url, raw.post(CHAT, BODY, CLOSE, f"expect: {wish}")))
    assert answer.status == 417
    in_form(answer, "openai_chat")
    answers(url)


def test_T14_who_waits_to_go_on_is_told_to(url):
    with raw.connect(url) as client:
        head = raw.head("POST", CHAT, CLOSE, "expect: 100-continue", f"content-length: {len(BODY)}")
        client.sendall(head)
        assert client.recv(4096).startswith(b"HTTP/1.1 100")
        client.sendall(BODY)
        assert client.recv(4096).startswith(b"HTTP/1.1 200")


def test_T14_an_offer_of_h2c_is_left_alone(url):
    offer = ("connection: upgrade, http2-settings", "upgrade: h2c", "http2-settings: AAMA")
    with raw.connect(url) as client:
        client.sendall(raw.head("GET", "/healthz", *offer))
        assert client.recv(4096).startswith(b"HTTP/1.1 200")


HANDSHAKE = (
    "connection: upgrade",
    "upgrade: websocket",
    "sec-websocket-version: 13",
    "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
)


@pytest.mark.parametrize("origin", ["https://evil.example", "http://localhost:3000", "null"])
@pytest.mark.parametrize("path", ["/", "/v1/responses", CHAT, "/v1/management/config", "/nowhere"])
def test_T4_websockets_are_refused_everywhere(url, path, origin):
    with raw.connect(url) as client:
        client.sendall(raw.head("GET", path, *HANDSHAKE, f"origin: {origin}"))
        answer = client.recv(4096)
    assert raw.parsed(answer).status != 101
    assert b"upgrade: websocket" not in answer.lower()
    if path == "/v1/responses" and "localhost" in origin:
        assert raw.parsed(answer).status == 426
    answers(url)


@pytest.mark.parametrize("leave_out", range(2, 4))
def test_T4_broken_websocket_handshakes_are_refused(url, leave_out):
    offer = [line for place, line in enumerate(HANDSHAKE) if place != leave_out]
    with raw.connect(url) as client:
        client.sendall(raw.head("GET", "/v1/responses", *offer))
        assert 400 <= raw.parsed(client.recv(4096)).status < 500
    answers(url)


SMUGGLED = b"GET /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n"


def test_T14_nothing_is_smuggled_behind_a_request(url):
    """The length that is told is the length that is read; what follows is a request of its own."""
    answer = raw.exchange(url, raw.post(CHAT, BODY) + raw.head("GET", "/healthz", CLOSE))
    assert answer.count(b"HTTP/1.1 200") == 2
    answer = raw.exchange(url, raw.post(CHAT, BODY + SMUGGLED, CLOSE))
    assert answer.count(b"HTTP/1.1") == 1
    assert raw.parsed(answer).status == 400


def test_T15_clients_that_send_nothing_hold_up_nobody(url):
    held: list[socket.socket] = []
    for piece in (b"", b"G", b"GET /healthz HTTP/1.1\r\nx", raw.post(CHAT, BODY)[:-5]) * 25:
        client = raw.connect(url)
        client.sendall(piece)
        held.append(client)
    for _ in range(10):
        answers(url)
    for client in held:
        client.close()
    answers(url)


def test_T14_a_request_in_single_bytes_is_read(url):
    with raw.connect(url) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in raw.head("GET", "/healthz"):
            client.sendall(bytes([byte]))
            time.sleep(0)
        assert client.recv(4096).startswith(b"HTTP/1.1 200")
