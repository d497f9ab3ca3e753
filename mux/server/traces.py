"""A span for each request and each attempt at it, for OpenTelemetry: the only door to its library.

Made when a request has ended, so that it costs nothing while it runs, and sent by a thread of the
library's. The names are those of the semantic conventions for generative AI; where to send to,
what to sample and what to call this service is told by the usual ``OTEL_*`` variables.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from opentelemetry import propagate, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from mux import __version__
from mux.config.mask import Mask
from mux.gateway.call import Call, Outcome, Try
from mux.ir import Request
from mux.server.complaint import Complaint
from mux.server.visit import Entry
from mux.usage import RequestRecord

_Attributes: TypeAlias = dict[str, str | bool | int | float | tuple[str, ...]]

_MOST_CHARS: Final = 256
_OPERATIONS: Final[Mapping[str, str]] = {
    "gemini": "generate_content",
    "openai_completions": "text_completion",
}
"""By the client's dialect; the others chat."""

_PROVIDERS: Final[Mapping[str, str]] = {
    "azure": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "gemini": "gcp.gemini",
    "openai-compatible": "openai",
    "vertex": "gcp.vertex_ai",
}
"""The conventions' words for types of providers that they call by other names."""

_log: Final = logging.getLogger("mux.server")


class _OnceAMinute(logging.Filter):
    """Lets the exporter tell of its failures no more often than that, and not of each try."""

    def __init__(self) -> None:
        super().__init__()
        self._complaint = Complaint(_log)

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno >= logging.ERROR:
            self._complaint.lose(f"traces: {record.getMessage()[:_MOST_CHARS]}")
        return False


class Traces:
    """Spans on their way to a collector. One per process; `mask` takes secrets out of names.

    Whatever is wrong with the collector, requests are served; what it does not take is dropped.
    """

    def __init__(self, mask: Mask) -> None:
        self.mask = mask
        ours = Resource({"service.name": "llm-mux", "service.version": __version__})
        self._provider = TracerProvider(
            resource=Resource.create().merge(ours).merge(OTELResourceDetector().detect()),
            shutdown_on_exit=False,
        )
        logging.getLogger(OTLPSpanExporter.__module__).addFilter(_OnceAMinute())
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("mux", __version__)

    def add(self, entry: Entry, record: RequestRecord) -> None:
        """Tell of a request that has ended."""
        start_s = entry.time_s
        operation = _operation(entry.call)
        span = self._tracer.start_span(
            self._said(f"{operation} {record.model}".strip()),
            propagate.extract(entry.inbound.headers),
            trace.SpanKind.SERVER,
            {"gen_ai.operation.name": operation, **self._of_request(entry, record)},
            start_time=_ns(start_s),
        )
        if record.failed:
            span.set_status(trace.StatusCode.ERROR)
        below = trace.set_span_in_context(span)
        for attempt in entry.outcome.tries:
            child = self._tracer.start_span(
                self._said(f"attempt {attempt.provider}"),
                below,
                trace.SpanKind.CLIENT,
                self._of_attempt(attempt),
                start_time=_ns(start_s + attempt.started_s - entry.started_s),
            )
            if attempt.error:
                child.set_status(trace.StatusCode.ERROR)
            child.end(_ns(start_s + attempt.ended_s - entry.started_s))
        span.end(_ns(start_s + record.duration_s))

    def close(self) -> None:
        """Send what waits. Blocks for as long as the library's exporter tries."""
        self._provider.shutdown()

    def _of_request(self, entry: Entry, record: RequestRecord) -> _Attributes:
        found: _Attributes = {
            "http.request.method": entry.inbound.method,
            "url.path": self._said(entry.inbound.path),
            "gen_ai.request.model": self._said(record.model),
            "gen_ai.request.stream": record.stream,
            "llm_mux.request_id": record.id,
            "llm_mux.client": record.client,
            "llm_mux.client_dialect": record.dialect,
            "llm_mux.attempts": len(record.tries),
            "llm_mux.losses": record.losses,
            "llm_mux.cancelled": record.cancelled,
        }
        if record.status:
            found["http.response.status_code"] = record.status
        if record.failed:
            found["error.type"] = record.error or str(record.status)
        if record.first_content_s is not None:
            found["gen_ai.response.time_to_first_chunk"] = record.first_content_s
        if record.cost_nano is not None:
            found["llm_mux.cost_usd"] = record.cost_nano / 1e9
        if entry.call is not None:
            found |= _of_call(entry.call.request)
        if entry.outcome.tries:
            found |= self._of_upstream(entry.outcome.tries[-1])
            found |= self._of_answer(entry.outcome)
            found |= _of_tokens(record)
        return found

    def _of_answer(self, outcome: Outcome) -> _Attributes:
        found: _Attributes = {}
        if outcome.answer_id:
            found["gen_ai.response.id"] = self._said(outcome.answer_id)
        if outcome.answer_model:
            found["gen_ai.response.model"] = self._said(outcome.answer_model)
        if outcome.reasons:
            found["gen_ai.response.finish_reasons"] = tuple(map(str, outcome.reasons))
        return found

    def _of_attempt(self, attempt: Try) -> _Attributes:
        """No tokens: they are the request's, and would be counted twice."""
        found = self._of_upstream(attempt)
        found["gen_ai.request.model"] = self._said(attempt.model)
        found["llm_mux.account"] = attempt.account
        if attempt.status:
            found["http.response.status_code"] = attempt.status
        if attempt.error:
            found["error.type"] = attempt.error
        return found

    def _of_upstream(self, attempt: Try) -> _Attributes:
        address = urlsplit(attempt.base_url)
        found: _Attributes = {
            "gen_ai.provider.name": _PROVIDERS.get(attempt.catalogue, attempt.catalogue),
            "llm_mux.provider": self._said(attempt.provider),
            "llm_mux.upstream_dialect": attempt.dialect,
        }
        if address.hostname:
            found["server.address"] = address.hostname
            found["server.port"] = address.port or (443 if address.scheme == "https" else 80)
        return found

    def _said(self, text: str) -> str:
        """`text` that others chose: without secrets, as UTF-8 can hold it, and not too long."""
        text = text.encode(errors="backslashreplace").decode()
        return self.mask.text(text)[:_MOST_CHARS]


def _operation(call: Call | None) -> str:
    if call is None:
        return "chat"
    if call.request.variant == "generate":
        return "text_completion"
    return _OPERATIONS.get(call.dialect, "chat")


def _of_call(request: Request) -> _Attributes:
    sampling = request.sampling
    asked = {
        "gen_ai.request.max_tokens": request.max_output,
        "gen_ai.request.temperature": sampling.temperature,
        "gen_ai.request.top_p": sampling.top_p,
        "gen_ai.request.top_k": sampling.top_k,
        "gen_ai.request.choice.count": request.n if request.n > 1 else None,
    }
    return {name: value for name, value in asked.items() if value is not None}


def _of_tokens(record: RequestRecord) -> _Attributes:
    """The tokens of all attempts, as `Tokens` counts them: what was cached is part of the input."""
    tokens = record.tokens
    used = {
        "gen_ai.usage.input_tokens": tokens.input,
        "gen_ai.usage.output_tokens": tokens.output,
        "gen_ai.usage.cache_read.input_tokens": tokens.cached,
        "gen_ai.usage.cache_creation.input_tokens": tokens.cache_write,
        "gen_ai.usage.reasoning.output_tokens": tokens.reasoning,
    }
    return {name: count for name, count in used.items() if count}


def _ns(seconds: float) -> int:
    return round(seconds * 1e9)
