"""Host, Origin and CORS, against a real process and over raw sockets."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator

import httpx
import pytest

from mux.server.endpoints import ENDPOINTS
from tests.contract.processes import llm_mux

PAGE = "https://app.example.com"
BODY = {"model": "demo", "messages": [{"role": "user", "content": "Hello"}]}
CORS = "access-control-"


@pytest.fixture(scope="module")
def plain() -> Iterator[httpx.Client]:
    with llm_mux("demo") as url, httpx.Client(base_url=url) as client:
        yield client


@pytest.fixture(scope="module")
def opened() -> Iterator[httpx.Client]:
    config = (
        f"allowed-hosts: [mux.example.com, 'tunnel:99']\nallowed-origins: ['{PAGE}']\n"
        "disable-auth: false\napi-keys: [sesame-1234]\nproviders: [{type: demo}]"
    )
    with llm_mux("serve", config=config) as url, httpx.Client(base_url=url) as client:
        yield client


def status(client: httpx.Client, *lines: str, method: str = "GET", target: str = "/") -> int:
    """The status of a request whose head is exactly these lines; its body never comes."""
    head = "\r\n".join((f"{method} {target} HTTP/1.1", *lines, "", ""))
    with socket.create_connection((client.base_url.host, client.base_url.port), timeout=5) as raw:
        raw.sendall(head.encode())
        answer = raw.recv(4096).decode()
    found = re.match(r"HTTP/1\.1 (\d+)", answer)
    assert found, answer
    return int(found[1])


# -- names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST", "127.0.0.1", "[::1]"])
def test_F45_the_names_of_loopback_are_ours_with_our_port_or_none(plain, name):
    assert status(plain, f"host: {name}") == 200
    assert status(plain, f"host: {name}:{plain.base_url.port}") == 200
    assert status(plain, f"host: {name}:1") == 403


@pytest.mark.parametrize(
    "name",
    [
        "evil.example.com",
        "localhost.evil.example.com",
        "localhost.",
        "127.0.0.1.nip.io",
        "0.0.0.0",
        "",
        "localhost,evil",
        "localhost/x",
        "user@localhost",
        "localhost:8317/#@x",
        "localhost:",
        "localhost:99999999",
        "[::1",
    ],
)
def test_F45_any_other_name_is_refused(plain, name):
    assert status(plain, f"host: {name}") == 403


def test_F45_a_rebound_name_is_refused_on_every_route(plain):
    for endpoint in ENDPOINTS:
        target = endpoint.path.replace("{model}", "demo").replace("{version}", "v1beta")
        for method in endpoint.methods:
            assert status(plain, "host: evil.example.com", method=method, target=target) == 403
    assert status(plain, "host: evil.example.com", target="/nowhere") == 403


def test_F45_a_target_that_is_a_url_is_not_for_us(plain):
    assert status(plain, "host: localhost", target="http://evil.example.com/healthz") == 403


def test_F45_no_name_or_two_are_no_request(plain):
    assert status(plain, "x: y") == 400
    assert status(plain, "host: localhost", "host: localhost") == 400


def test_F45_listed_names_are_ours(opened):
    assert status(opened, "host: mux.example.com") == 200
    assert status(opened, "host: mux.example.com:443") == 200
    assert status(opened, "host: tunnel:99") == 200
    assert status(opened, "host: tunnel") == 403
    assert status(opened, "host: other.example.com") == 403


def test_F45_a_server_that_others_reach_goes_by_any_name_unless_names_are_listed():
    wide = "host: 0.0.0.0\nallow-unauthenticated-remote: true\nproviders: [{type: demo}]\n"
    with llm_mux("serve", config=wide) as url, httpx.Client(base_url=url) as client:
        assert status(client, "host: gpu-box.lan:8317") == 200
        assert status(client, "host: user@gpu-box.lan") == 403
    wide += "allowed-hosts: [gpu-box.lan]"
    with llm_mux("serve", config=wide) as url, httpx.Client(base_url=url) as client:
        assert status(client, "host: gpu-box.lan") == 200
        assert status(client, "host: localhost") == 200
        assert status(client, "host: evil.example.com") == 403


# -- web pages ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "dialect_mark"),
    [("/v1/chat/completions", '"param"'), ("/v1/messages", '"type":"error"'), ("/api/chat", "")],
)
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": PAGE},
        {"origin": "null"},
        {"origin": "http://localhost.evil.example.com"},
        {"origin": "file://"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "cross-site", "origin": "http://127.0.0.1:3000"},
    ],
)
def test_F45_foreign_pages_are_refused_in_the_clients_dialect(plain, path, dialect_mark, headers):
    answer = plain.post(path, json=BODY, headers=headers)
    assert answer.status_code == 403
    assert dialect_mark in answer.text
    assert "allowed-origins" in answer.text
    assert not any(name.startswith(CORS) for name in answer.headers)


def test_F45_a_foreign_page_is_refused_before_its_body_is_read(plain):
    lines = ("host: localhost", "origin: https://evil.example.com", "content-length: 1000000")
    assert status(plain, *lines, method="POST", target="/v1/chat/completions") == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://localhost:3000"},
        {"origin": "http://127.0.0.1:5173", "sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": "same-origin"},
        {},
    ],
)
def test_F45_what_is_local_is_let_in_without_any_cors_header(plain, headers):
    answer = plain.post("/v1/chat/completions", json=BODY, headers=headers)
    assert answer.status_code == 200
    assert not any(name.startswith(CORS) or name == "vary" for name in answer.headers)


def preflight(client: httpx.Client, origin: str, **more: str) -> httpx.Response:
    headers = {
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
        "sec-fetch-site": "cross-site",
        **more,
    }
    return client.options("/v1/chat/completions", headers=headers)


def test_P231_a_preflight_of_a_listed_origin_is_answered_without_a_key(opened):
    answer = preflight(opened, PAGE)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-allow-headers"] == "authorization,content-type"
    assert answer.headers["vary"] == "origin"
    assert "access-control-allow-private-network" not in answer.headers
    private = preflight(opened, PAGE, **{"access-control-request-private-network": "true"})
    assert private.headers["access-control-allow-private-network"] == "true"


def test_P231_nobody_else_gets_an_answer_to_a_preflight(opened, plain):
    assert preflight(opened, "https://evil.example.com").status_code == 403
    assert preflight(plain, PAGE).status_code == 403
    local = plain.options(
        "/v1/chat/completions",
        headers={"origin": "http://localhost:3000", "access-control-request-method": "POST"},
    )
    assert local.status_code == 405
    assert not any(name.startswith(CORS) for name in local.headers)


@pytest.mark.parametrize("stream", [False, True])
def test_P231_a_listed_page_may_read_answers_and_errors(opened, stream):
    headers = {
        "origin": PAGE,
        "sec-fetch-site": "cross-site",
        "authorization": "Bearer sesame-1234",
    }
    asked = {**BODY, "stream": stream}
    answer = opened.post("/v1/chat/completions", json=asked, headers=headers)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert "x-mux-warnings" in answer.headers["access-control-expose-headers"]
    without_key = opened.post("/v1/chat/completions", json=asked, headers={"origin": PAGE})
    assert without_key.status_code == 401
    assert without_key.headers["access-control-allow-origin"] == PAGE
    assert "access-control-allow-credentials" not in without_key.headers


def test_P231_answers_say_that_they_depend_on_the_origin(opened):
    answer = opened.get("/healthz")
    assert answer.headers["vary"] == "origin"
    assert "access-control-allow-origin" not in answer.headers
