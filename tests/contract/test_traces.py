"""`tracing: true`: spans as a real collector gets them, over OTLP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.contract.processes import llm_mux
from tests.life.process import wait_for

KEY = "sk-client-of-the-traces"
SECRET = "sk-upstream-of-the-traces"
PROMPT = "A prompt that is nobody's business"
CONFIG = f"""
disable-auth: false
api-keys: [{KEY}]
usage: {{dsn: ""}}
tracing: true
providers:
  - {{type: openai, name: shut, base-url: "http://127.0.0.1:9/v1", api-key: {SECRET},
     models: [{{name: gone}}]}}
  - {{type: demo}}
"""
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Collector:
    """Takes what an OTLP exporter sends over HTTP."""

    def __init__(self, status: int = 200) -> None:
        self.requests: list[ExportTraceServiceRequest] = []
        self.bodies: list[bytes] = []
        self.url = ""
        self.status = status

    def take(self, body: bytes) -> None:
        self.bodies.append(body)
        self.requests.append(ExportTraceServiceRequest.FromString(body))

    @property
    def spans(self) -> list[Span]:
        return [
            span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def span(self, name: str) -> Span:
        (found,) = [span for span in self.spans if span.name == name]
        return found


@contextmanager
def collector(status: int = 200) -> Iterator[Collector]:
    found = Collector(status)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            found.take(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(found.status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        found.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()


def value(found: object) -> object:
    """An `AnyValue` as what it holds."""
    kind = found.WhichOneof("value")  # type: ignore[attr-defined]
    if kind == "array_value":
        return [value(item) for item in found.array_value.values]  # type: ignore[attr-defined]
    return getattr(found, kind)


def of_dialect(told: Collector, dialect: str) -> Span:
    (found,) = [
        span
        for span in told.spans
        if span.name == "chat demo" and attributes(span)["llm_mux.client_dialect"] == dialect
    ]
    return found


def attributes(span: Span | Resource) -> dict[str, object]:
    return {item.key: value(item.value) for item in span.attributes}


def ask(url: str, path: str, body: object, **headers: str) -> httpx.Response:
    headers = {"authorization": f"Bearer {KEY}", **headers}
    return httpx.post(url + path, json=body, headers=headers, timeout=60)


@pytest.fixture(scope="module")
def told() -> Iterator[Collector]:
    """What a collector was told of a server that was asked in several ways, and then ended."""
    said = [{"role": "user", "content": PROMPT}]
    with collector() as found:
        environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": found.url, "OTEL_SERVICE_NAME": "ours"}
        with llm_mux("serve", config=CONFIG, **environment) as url:
            body = {"model": "demo", "max_tokens": 900, "stream": True, "messages": said}
            ask(url, "/v1/messages", {**body, "temperature": 0.5}, traceparent=PARENT)
            ask(url, "/v1/chat/completions", {"model": "demo", "messages": said})
            ask(url, "/v1/completions", {"model": "gone", "prompt": PROMPT})
            gemini = {"contents": [{"role": "user", "parts": [{"text": PROMPT}]}]}
            ask(url, f"/v1beta/models/{SECRET}-x:generateContent", gemini)
            strange = f'{{"model": "{SECRET}-\\ud83d", "messages": []}}'  # nothing UTF-8 can hold
            httpx.post(f"{url}/v1/chat/completions?key={KEY}", content=strange)
        yield found


def test_a_request_is_a_span_with_the_names_of_the_conventions(told):
    (span,) = [
        span for span in told.spans if attributes(span).get("llm_mux.client_dialect") == "anthropic"
    ]
    said = attributes(span)
    assert (span.name, span.kind) == ("chat demo", Span.SPAN_KIND_SERVER)
    expected = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "demo",
        "gen_ai.request.model": "demo",
        "gen_ai.request.stream": True,
        "gen_ai.request.max_tokens": 900,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.response.model": "demo",
        "gen_ai.response.finish_reasons": ["stop"],
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "url.path": "/v1/messages",
        "llm_mux.upstream_dialect": "openai_chat",
        "llm_mux.attempts": 1,
        "llm_mux.cancelled": False,
    }
    assert {name: said.get(name) for name in expected} == expected
    assert said["gen_ai.usage.input_tokens"] > 0
    assert said["gen_ai.usage.output_tokens"] > 0
    assert 0 < said["gen_ai.response.time_to_first_chunk"] < 60
    assert said["gen_ai.response.id"]
    assert "error.type" not in said
    assert 0 < span.end_time_unix_nano - span.start_time_unix_nano < 60e9


def test_a_whole_answer_of_the_clients_own_dialect_is_told_of_as_well(told):
    span = of_dialect(told, "openai_chat")
    said = attributes(span)
    assert said["gen_ai.response.finish_reasons"] == ["stop"]
    assert said["gen_ai.response.model"] == "demo"
    assert said["gen_ai.usage.output_tokens"] > 0


def test_the_clients_trace_goes_on(told):
    (span,) = [span for span in told.spans if span.parent_span_id.hex() == "b7ad6b7169203331"]
    assert span.trace_id.hex() == "0af7651916cd43dd8448eb211c80319c"
    (child,) = [child for child in told.spans if child.parent_span_id == span.span_id]
    assert child.trace_id == span.trace_id
    assert (child.name, child.kind) == ("attempt demo", Span.SPAN_KIND_CLIENT)
    assert span.start_time_unix_nano <= child.start_time_unix_nano
    assert child.end_time_unix_nano <= span.end_time_unix_nano


def test_a_failure_and_its_attempts_are_told_as_such(told):
    span = told.span("text_completion gone")
    said = attributes(span)
    assert span.status.code == 2
    assert said["error.type"] == "server"
    assert said["http.response.status_code"] == 503
    assert (said["gen_ai.provider.name"], said["llm_mux.provider"]) == ("openai", "shut")
    assert (said["server.address"], said["server.port"]) == ("127.0.0.1", 9)
    children = [child for child in told.spans if child.parent_span_id == span.span_id]
    assert len(children) == said["llm_mux.attempts"] > 1
    for child in children:
        assert (child.name, child.status.code) == ("attempt shut", 2)
        assert attributes(child)["error.type"] == "server"
        assert "gen_ai.usage.input_tokens" not in attributes(child)


def test_the_variables_of_the_environment_count(told):
    resource = attributes(told.requests[0].resource_spans[0].resource)
    assert resource["service.name"] == "ours"
    assert resource["service.version"]


def test_no_secret_and_no_prompt_is_in_any_of_them(told):
    assert len([span for span in told.spans if span.kind == Span.SPAN_KIND_SERVER]) == 5
    sent = b"".join(told.bodies)
    for secret in (KEY, SECRET, PROMPT):
        assert secret.encode() not in sent
    assert b"generate_content" in sent


def test_a_collector_that_fails_costs_nothing_but_spans(tmp_path):
    log = tmp_path / "log"
    with collector(400) as found:
        environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": found.url, "OTEL_BSP_SCHEDULE_DELAY": "50"}
        with llm_mux("serve", config=CONFIG, log_to=log, **environment) as url:
            body = {"model": "demo", "messages": [{"role": "user", "content": PROMPT}]}
            assert ask(url, "/v1/chat/completions", body).status_code == 200
            wait_for(lambda: bool(found.bodies), "nothing was sent")
            assert ask(url, "/v1/chat/completions", body).status_code == 200
            wait_for(lambda: len(found.bodies) > 1, "nothing was sent any more")
    said = log.read_text()
    assert said.count("traces: Failed to export") == 1  # a minute
    assert "1 lost so far" in said
    assert PROMPT not in said


def test_without_it_the_library_is_not_even_imported(tmp_path):
    log = tmp_path / "log"
    config = CONFIG.replace("tracing: true", "tracing: false")
    with collector() as found:
        environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": found.url, "PYTHONVERBOSE": "1"}
        with llm_mux("serve", config=config, log_to=log, **environment) as url:
            body = {"model": "demo", "messages": [{"role": "user", "content": PROMPT}]}
            assert ask(url, "/v1/chat/completions", body).status_code == 200
    assert found.bodies == []
    assert "import 'mux.server.main'" in log.read_text()
    assert "import 'opentelemetry" not in log.read_text()
