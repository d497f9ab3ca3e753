"""Everything but generating: errors in the client's own words, listings, counts, health, limits."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.contract.processes import llm_mux

CONFIG = """
max-request-size: 1 MB
request-retry: 0
disable-cooling: true
providers:
  - {type: demo}
  - {type: openai, name: dead, base-url: "http://127.0.0.1:9/v1", models: [{name: dead-model}]}
routing: {aliases: {fast: demo-gemini}}
"""

CHAT, MESSAGES, RESPONSES = "/v1/chat/completions", "/v1/messages", "/v1/responses"
COMPLETIONS, OLLAMA, GENERATE = "/v1/completions", "/api/chat", "/api/generate"


def gemini(model: str) -> str:
    return f"/v1beta/models/{model}:generateContent"


PATHS = {
    CHAT: "openai_chat",
    COMPLETIONS: "openai_completions",
    RESPONSES: "openai_responses",
    MESSAGES: "anthropic",
    gemini("demo"): "gemini",
    OLLAMA: "ollama",
    GENERATE: "ollama",
}


def body(path: str, model: str, text: str = "Hello", **extra: Any) -> dict[str, Any]:
    """A minimal request to `path`."""
    said = [{"role": "user", "content": text}]
    shapes: dict[str, dict[str, Any]] = {
        CHAT: {"model": model, "messages": said},
        COMPLETIONS: {"model": model, "prompt": text},
        RESPONSES: {"model": model, "input": text},
        MESSAGES: {"model": model, "max_tokens": 99, "messages": said},
        OLLAMA: {"model": model, "messages": said, "stream": False},
        GENERATE: {"model": model, "prompt": text, "stream": False},
    }
    plain: dict[str, Any] = {"contents": [{"parts": [{"text": text}]}]}
    return {**shapes.get(path, plain), **extra}


@pytest.fixture(scope="module")
def mux() -> Iterator[httpx.Client]:
    with llm_mux("serve", config=CONFIG) as url, httpx.Client(base_url=url) as client:
        yield client


def message_of(dialect: str, answer: httpx.Response) -> str:
    """The error's message, read strictly in the shape of `dialect`."""
    fields = answer.json()
    if dialect == "ollama":
        assert set(fields) == {"error"}
        message = fields["error"]
    elif dialect == "gemini":
        assert set(fields) == {"error"}
        assert fields["error"]["code"] == answer.status_code
        assert fields["error"]["status"].isupper()
        message = fields["error"]["message"]
    elif dialect == "anthropic":
        assert fields["type"] == "error"
        assert fields["error"]["type"].endswith("_error")
        message = fields["error"]["message"]
    else:
        assert set(fields["error"]) >= {"message", "type", "param", "code"}
        message = fields["error"]["message"]
    assert isinstance(message, str)
    return message


@pytest.mark.parametrize(("path", "dialect"), PATHS.items())
@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"\xff",
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'{"a":"\\ud83d"}',
        b'{"a":1,"b":2,"a":1}',
        b"[" * 5000,
    ],
)
def test_P27_P29_what_is_no_json_object_is_a_400(mux, path, dialect, raw):
    answer = mux.post(path, content=raw)
    assert answer.status_code == 400
    assert message_of(dialect, answer)


WRONG = {
    CHAT: [("messages", 7), ("temperature", "hot"), ("tools", {"a": 1}), ("max_tokens", "9")],
    COMPLETIONS: [("prompt", {"a": 1}), ("max_tokens", "9"), ("stop", 7)],
    RESPONSES: [("input", 7), ("tools", "x"), ("max_output_tokens", "9"), ("reasoning", 5)],
    MESSAGES: [("messages", 7), ("max_tokens", "9"), ("system", 5), ("tools", "x")],
    gemini("demo"): [("contents", 7), ("generationConfig", "x"), ("tools", "x")],
    OLLAMA: [("messages", 7), ("options", "x"), ("tools", "x"), ("format", 5)],
    GENERATE: [("prompt", 7), ("options", "x")],
}


@pytest.mark.parametrize(
    ("path", "field", "value"),
    [(path, field, value) for path, fields in WRONG.items() for field, value in fields],
)
def test_P241_a_wrong_type_is_a_400_that_names_the_field(mux, path, field, value):
    answer = mux.post(path, json=body(path, "demo", **{field: value}))
    assert answer.status_code == 400
    assert field in message_of(PATHS[path], answer)
    if PATHS[path].startswith("openai"):
        assert answer.json()["error"]["param"].startswith(field)


@pytest.mark.parametrize("path", PATHS)
def test_P27_a_byte_order_mark_is_skipped(mux, path):
    answer = mux.post(path, content=b"\xef\xbb\xbf" + json.dumps(body(path, "demo")).encode())
    assert answer.status_code == 200


def to_model(path: str, model: str) -> str:
    return gemini(model) if PATHS[path] == "gemini" else path


@pytest.mark.parametrize(("path", "dialect"), PATHS.items())
def test_an_unknown_model_is_a_404(mux, path, dialect):
    answer = mux.post(to_model(path, "no-such-model"), json=body(path, "no-such-model"))
    assert answer.status_code == 404
    assert "no-such-model" in message_of(dialect, answer)


@pytest.mark.parametrize(("path", "dialect"), PATHS.items())
def test_an_unknown_provider_is_a_404_that_lists_the_valid_ones(mux, path, dialect):
    answer = mux.post(to_model(path, "zork://m"), json=body(path, "zork://m"))
    assert answer.status_code == 404
    assert "claude" in message_of(dialect, answer)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("path", "dialect"), PATHS.items())
def test_an_unreachable_upstream_is_a_503_with_the_reason(mux, path, dialect, stream):
    target = to_model(path, "dead-model")
    if dialect == "gemini" and stream:
        target = target.replace(":generateContent", ":streamGenerateContent?alt=sse")
    extra = {} if dialect == "gemini" else {"stream": stream}
    answer = mux.post(target, json=body(path, "dead-model", **extra))
    assert answer.status_code == 503
    assert "127.0.0.1:9" in message_of(dialect, answer)


@pytest.mark.parametrize(
    ("asked", "seen"),
    [
        (400, 400),
        (401, 503),
        (403, 503),
        (404, 404),
        (429, 429),
        (500, 503),
        (503, 503),
        (529, 503),
    ],
)
@pytest.mark.parametrize(("path", "dialect"), PATHS.items())
def test_an_upstreams_status_is_mapped(mux, path, dialect, asked, seen):
    # The demo answers in a dialect other than the client's, so that nothing passes through.
    model = "demo-gemini" if dialect != "gemini" else "demo-anthropic"
    answer = mux.post(to_model(path, model), json=body(path, model, f"fail with {asked}"))
    assert answer.status_code == seen
    assert message_of(dialect, answer)
    if asked == 429:
        assert int(answer.headers["retry-after"]) >= 1


def test_P219_a_refused_credential_is_permanent(mux):
    answer = mux.post(MESSAGES, json=body(MESSAGES, "demo-gemini", "fail with 401"))
    assert answer.headers["x-should-retry"] == "false"


STREAM_ERRORS = {
    CHAT: 'data: {"error":',
    COMPLETIONS: 'data: {"error":',
    RESPONSES: "event: response.failed",
    MESSAGES: "event: error",
    OLLAMA: '{"error":"',
}
SUCCESS = ("[DONE]", "message_stop", "response.completed", '"done":true', '"finishReason"')


@pytest.mark.parametrize("cue", ["fail midway", "cut the stream"])
@pytest.mark.parametrize("path", [*STREAM_ERRORS, gemini("demo-chat")])
def test_F10_an_error_inside_a_stream_has_the_dialects_form_and_no_success_marker(mux, path, cue):
    model = "demo-anthropic" if path in (CHAT, COMPLETIONS) else "demo-chat"
    if path in STREAM_ERRORS:
        answer = mux.post(path, json=body(path, model, cue, stream=True))
        expected = STREAM_ERRORS[path]
    else:
        url = path.replace(":generateContent", ":streamGenerateContent?alt=sse")
        answer = mux.post(url, json=body(path, model, cue))
        expected = 'data: {"error":{'
    assert answer.status_code == 200
    assert expected in answer.text
    assert not any(marker in answer.text for marker in SUCCESS)


def test_P234_a_body_over_the_limit_is_refused(mux):
    answer = mux.post(CHAT, content=b"x" * 1_100_000)
    assert answer.status_code == 400
    assert "max-request-size" in message_of("openai_chat", answer)
    assert answer.headers["connection"] == "close", "its rest is in the way of another request"


@pytest.mark.parametrize(
    ("path", "dialect"),
    [
        ("/nope", "openai_chat"),
        ("/v1/messages/batches", "anthropic"),
        ("/v1beta/cachedContents", "gemini"),
        ("/api/nope", "ollama"),
    ],
)
def test_P223_an_unknown_path_is_a_404_in_the_dialect_of_its_prefix(mux, path, dialect):
    answer = mux.post(path, json={})
    assert answer.status_code == 404
    assert message_of(dialect, answer)


def test_a_wrong_method_is_a_405_with_allow(mux):
    answer = mux.put(MESSAGES, json={})
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize(
    "path", ["/v1//chat/completions", "/v1/v1/chat/completions", "/v1/chat/completions/"]
)
def test_P26_paths_are_tidied(mux, path):
    assert mux.post(path, json=body(CHAT, "demo")).status_code == 200


def test_P26_unknown_queries_are_ignored(mux):
    assert mux.post(f"{MESSAGES}?beta=true", json=body(MESSAGES, "demo")).status_code == 200


def test_P28_the_content_type_of_a_request_does_not_matter(mux):
    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = mux.post(OLLAMA, content=json.dumps(body(OLLAMA, "demo")), headers=headers)
    assert answer.status_code == 200


def test_F43_P75_a_websocket_upgrade_is_answered_with_426_at_once(mux):
    host, port = mux.base_url.host, mux.base_url.port
    with socket.create_connection((host, port), timeout=5) as raw:
        raw.sendall(
            b"GET /v1/responses HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\n"
            b"upgrade: websocket\r\nsec-websocket-version: 13\r\n"
            b"sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        answer = b""
        while b"}}" not in answer and (piece := raw.recv(4096)):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 426")
    assert b'"code":"upgrade_required"' in answer


def test_F43_the_socket_asked_for_without_a_handshake_is_a_426_too(mux):
    answer = mux.get(RESPONSES)
    assert answer.status_code == 426
    assert answer.headers["upgrade"] == "HTTP/1.1"
    assert message_of("openai_responses", answer)
    assert mux.post(RESPONSES, json=body(RESPONSES, "demo")).status_code == 200


@pytest.mark.parametrize(("path", "dialect"), PATHS.items())
def test_P224_every_answer_and_every_error_tells_the_id_of_the_request(mux, path, dialect):
    name = "request-id" if dialect == "anthropic" else "x-request-id"
    answers = [mux.post(path, json=body(path, "demo")) for _ in range(2)]
    answers += [mux.post(path, content=b"{"), mux.put(path, json={})]
    ids = [answer.headers[name] for answer in answers]
    assert [answer.status_code for answer in answers] == [200, 200, 400, 405]
    assert len(set(ids)) == len(ids)
    assert all(len(each) >= 32 for each in ids)


TOLD_MODEL = {
    CHAT: lambda told: told["model"],
    COMPLETIONS: lambda told: told["model"],
    RESPONSES: lambda told: told["model"],
    MESSAGES: lambda told: told["model"],
    OLLAMA: lambda told: told["model"],
    gemini("demo"): lambda told: told["modelVersion"],
}


@pytest.mark.parametrize("model", ["fast", "demo://demo-gemini", "demo-anthropic:latest"])
@pytest.mark.parametrize("path", TOLD_MODEL)
def test_P229_the_model_is_called_what_the_client_called_it(mux, path, model):
    dialect = PATHS[path]
    target = path.replace("demo", model.replace("/", "%2F")) if dialect == "gemini" else path
    answer = mux.post(target, json=body(path, model))
    assert TOLD_MODEL[path](answer.json()) == model
    assert answer.headers["x-mux-model"] in ("demo-gemini", "demo-anthropic")


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_P25_probes_find_the_server_up(mux, method):
    answer = mux.request(method, "/")
    assert answer.status_code == 200
    assert answer.text == ("Ollama is running" if method == "GET" else "")
    assert mux.request(method, "/healthz").status_code == 200
    assert mux.request(method, "/readyz").status_code == 200
    assert mux.request(method, "/api/hello").status_code == 200


# -- models ---------------------------------------------------------------------------------------


def test_openai_listing(mux):
    listing = mux.get("/v1/models").json()
    assert listing["object"] == "list"
    ids = [model["id"] for model in listing["data"]]
    assert {"demo", "demo-anthropic", "dead-model", "fast"} <= set(ids)
    assert len(ids) == len(set(ids))
    one = mux.get("/v1/models/demo").json()
    assert one["id"] == "demo"
    assert mux.get("/v1/models/nope").status_code == 404


def test_P224_anthropic_errors_tell_the_id_of_the_request(mux):
    answer = mux.post("/v1/messages", content=b"{", headers={"anthropic-version": "2023-06-01"})
    assert answer.status_code == 400
    assert answer.json()["request_id"] == answer.headers["request-id"]
    assert answer.headers["request-id"].startswith("req_")


def test_P110_anthropic_listing(mux):
    headers = {"anthropic-version": "2023-06-01"}
    listing = mux.get("/v1/models?limit=2", headers=headers).json()
    assert listing["has_more"] is True
    assert listing["first_id"] == listing["data"][0]["id"]
    assert {"type", "id", "display_name", "created_at"} <= set(listing["data"][0])
    after = mux.get(f"/v1/models?limit=1000&after_id={listing['last_id']}", headers=headers).json()
    assert after["has_more"] is False
    assert listing["last_id"] not in [model["id"] for model in after["data"]]


@pytest.mark.parametrize("path", ["/v1beta/models", "/v1/models?key=x"])
def test_gemini_listing(mux, path):
    models = mux.get(path).json()["models"]
    assert "models/demo" in [model["name"] for model in models]
    assert all("generateContent" in model["supportedGenerationMethods"] for model in models)
    assert mux.get("/v1beta/models/demo").json()["name"] == "models/demo"


def test_gemini_listing_in_pages(mux):
    names, token = [], ""
    while True:
        page = mux.get("/v1beta/models", params={"pageSize": 3, "pageToken": token}).json()
        names += [model["name"] for model in page["models"]]
        token = page.get("nextPageToken", "")
        if not token:
            break
    everything = mux.get("/v1beta/models?pageSize=1000").json()["models"]
    assert names == [model["name"] for model in everything]


def test_P78_codex_gets_its_own_catalogue_shape(mux):
    assert mux.get("/v1/models?client_version=0.1").json() == {"models": []}


def test_P157_ollama_tags(mux):
    models = mux.get("/api/tags").json()["models"]
    assert "demo" in [model["name"] for model in models]
    assert len({model["digest"] for model in models}) == len(models)
    assert all(model["modified_at"].endswith("Z") for model in models)


@pytest.mark.parametrize("name", ["demo", "demo:latest"])
def test_F46_P162_ollama_show(mux, name):
    shown = mux.post("/api/show", json={"model": name}).json()
    family = shown["model_info"]["general.architecture"]
    assert shown["model_info"][f"{family}.context_length"] > 0
    assert "tools" in shown["capabilities"]
    assert mux.post("/api/show", json={"model": "nope"}).status_code == 404
    assert mux.post("/api/show", json={}).status_code == 400


def test_ollama_version_and_processes(mux):
    assert mux.get("/api/version").json()["version"] >= "0.13"
    assert mux.get("/api/ps").json() == {"models": []}


@pytest.mark.parametrize("extra", [{}, {"keep_alive": 0}])
def test_P160_preloading_is_answered_here(mux, extra):
    answer = mux.post(OLLAMA, json={"model": "demo", **extra}).json()
    assert answer["done"] is True
    assert answer["done_reason"] == ("unload" if extra else "load")
    assert mux.post(OLLAMA, json={"model": "nope"}).status_code == 404


# -- counting -------------------------------------------------------------------------------------


def test_F40_anthropic_counts(mux):
    text = "one two three four"
    counted = mux.post(f"{MESSAGES}/count_tokens", json=body(MESSAGES, "demo-anthropic", text))
    assert counted.json()["input_tokens"] >= 4
    assert "x-mux-estimated" not in counted.headers
    estimated = mux.post(f"{MESSAGES}/count_tokens", json=body(MESSAGES, "dead-model", text))
    assert estimated.json()["input_tokens"] >= 4
    assert estimated.headers["x-mux-estimated"] == "1"
    assert mux.post(f"{MESSAGES}/count_tokens", json=body(MESSAGES, "x")).status_code == 404


def test_gemini_and_responses_count(mux):
    counted = mux.post("/v1beta/models/demo-gemini:countTokens", json=body("", "", "one two"))
    assert counted.json()["totalTokens"] >= 2
    counted = mux.post(f"{RESPONSES}/input_tokens", json=body(RESPONSES, "demo", "one two"))
    assert counted.json()["input_tokens"] >= 2


# -- names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "model", ["demo", "demo://demo", "DEMO://demo-chat", "fast", "demo:latest"]
)
def test_a_model_by_plain_name_forced_or_aliased(mux, model):
    answer = mux.post(CHAT, json=body(CHAT, model))
    assert answer.status_code == 200
    assert "Hello" in answer.json()["choices"][0]["message"]["content"]
    assert answer.headers["x-mux-provider"] == "demo"


@pytest.mark.parametrize("model", ["demo%3A%2F%2Fdemo", "demo:%2Fdemo", "models%2Fdemo"])
def test_P147_a_forced_provider_in_a_gemini_path(mux, model):
    answer = mux.post(gemini(model), json=body("", "", "Hello"))
    assert answer.status_code == 200


def test_F47_P22_gemini_without_alt_sse_streams_a_json_array(mux):
    url = gemini("demo").replace("generate", "streamGenerate")
    answer = mux.post(url, json=body("", "", "Hello"))
    assert answer.headers["content-type"].startswith("application/json")
    chunks = answer.json()
    assert len(chunks) > 2
    assert chunks[-1]["candidates"][0]["finishReason"] == "STOP"


# -- keys -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def guarded() -> Iterator[httpx.Client]:
    config = "disable-auth: false\napi-keys: [sesame-1234, other-5678]\nproviders: [{type: demo}]"
    with llm_mux("serve", config=config) as url, httpx.Client(base_url=url) as client:
        yield client


@pytest.mark.parametrize(("path", "dialect"), PATHS.items())
def test_without_a_key_every_dialect_is_refused_alike(guarded, path, dialect):
    for headers in ({}, {"x-api-key": "wrong"}, {"authorization": "Bearer wrong"}):
        answer = guarded.post(path, json=body(path, "demo"), headers=headers)
        assert answer.status_code == 401
        assert "wrong" not in message_of(dialect, answer)


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer sesame-1234"},
        {"authorization": "bearer other-5678"},
        {"x-api-key": "sesame-1234"},
        {"x-goog-api-key": "sesame-1234"},
    ],
)
@pytest.mark.parametrize("path", PATHS)
def test_P79_every_way_to_send_a_key_works_in_every_dialect(guarded, path, headers):
    assert guarded.post(path, json=body(path, "demo"), headers=headers).status_code == 200
    assert guarded.post(f"{path}?key=sesame-1234", json=body(path, "demo")).status_code == 200


def test_P144_a_key_in_an_address_is_in_no_log(tmp_path):
    log = tmp_path / "log"
    config = "debug: true\nrequest-log: true\ndisable-auth: false\n"
    config += "api-keys: [sesame-1234]\nproviders: [{type: demo}]"
    with llm_mux("serve", config=config, log_to=log) as url, httpx.Client(base_url=url) as client:
        path = gemini("demo")
        assert client.post(f"{path}?key=sesame-1234", json=body("", "", "Hi")).status_code == 200
        wrong = client.post(f"{path}?key=sesame-9999", json=body("", "", "Hi"))
        assert wrong.status_code == 401
        assert client.get(f"{path}/nowhere?key=sesame-1234").status_code == 404
    assert "sesame" not in log.read_text(errors="replace") + wrong.text


def test_P232_the_management_key_opens_no_other_door():
    key = "manage-1234-manage"
    config = "disable-auth: false\napi-keys: [sesame-1234]\nproviders: [{type: demo}]"
    with (
        llm_mux("serve", config=config, LLM_MUX_MANAGEMENT_KEY=key) as url,
        httpx.Client(base_url=url) as client,
    ):
        for headers in (
            {"authorization": f"Bearer {key}"},
            {"x-api-key": key},
            {"x-management-key": key},
        ):
            answer = client.post(CHAT, json=body(CHAT, "demo"), headers=headers)
            assert answer.status_code == 401


def test_listings_need_a_key_and_probes_do_not(guarded):
    assert guarded.get("/v1/models").status_code == 401
    assert guarded.get("/api/tags").status_code == 401
    assert guarded.get("/").status_code == 200
    assert guarded.get("/healthz").status_code == 200


def test_no_provider_is_a_503_that_says_what_to_do():
    with llm_mux("serve") as url, httpx.Client(base_url=url) as client:
        answer = client.post(CHAT, json=body(CHAT, "gpt-5"))
        assert answer.status_code == 503
        assert "OPENAI_API_KEY" in message_of("openai_chat", answer)
        assert client.get("/readyz").status_code == 503
        assert client.get("/v1/models").json()["data"] == []
