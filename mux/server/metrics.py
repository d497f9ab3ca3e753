"""What ``GET /metrics`` shows: counters of this process, as Prometheus text.

Counted once when a request has ended, never for an event. Names of models are bounded: what comes
after `_MOST_MODELS` is counted as ``other``.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeAlias

import trio

from mux.routing import Health
from mux.server.resident import resident_bytes
from mux.usage import RequestRecord

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_BUCKETS_S: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_MOST_MODELS: Final = 500
_LAG_EVERY_S: Final = 0.5

_Labels: TypeAlias = tuple[str, ...]
_Samples: TypeAlias = Mapping[_Labels, float]


class _Histogram:
    """How often a time was at most as long as each bucket."""

    def __init__(self) -> None:
        self.counts = [0] * (len(_BUCKETS_S) + 1)
        self.sum_s = 0.0

    def add(self, seconds: float) -> None:
        place = next((n for n, most in enumerate(_BUCKETS_S) if seconds <= most), -1)
        self.counts[place] += 1
        self.sum_s += seconds


class Figures:
    """The counters of one process."""

    def __init__(self) -> None:
        self.streams = 0
        """answers that are being streamed"""
        self._requests: defaultdict[_Labels, float] = defaultdict(float)
        self._tokens: defaultdict[_Labels, float] = defaultdict(float)
        self._retries: defaultdict[_Labels, float] = defaultdict(float)
        self._content: defaultdict[_Labels, _Histogram] = defaultdict(_Histogram)
        self._models: set[str] = set()
        self._lag_s = 0.0

    def add(self, record: RequestRecord) -> None:
        """Count a request."""
        last = record.last
        provider = last.provider if last is not None else ""
        model = self._model(last.model) if last is not None else ""
        status = "cancelled" if record.cancelled else str(record.status)
        self._requests[record.dialect, provider, model, status] += 1
        for attempt in record.tries:
            whose = (attempt.provider, self._model(attempt.model))
            for kind in ("input", "output", "cached", "cache_write", "reasoning"):
                if count := getattr(attempt.tokens, kind):
                    self._tokens[*whose, kind] += count
        for attempt in record.tries[1:]:
            self._retries[(attempt.provider,)] += 1
        if record.first_content_s is not None:
            self._content[record.dialect, provider, model].add(record.first_content_s)

    async def watch_lag(self) -> None:
        """Measure by how much the event loop is late, until cancelled."""
        while True:
            due_s = trio.current_time() + _LAG_EVERY_S
            await trio.sleep_until(due_s)
            self._lag_s = max(trio.current_time() - due_s, 0.0)

    def text(self, health: Health) -> str:
        """Everything in the exposition format."""
        whose = ("dialect", "provider", "model")
        states = health.states()
        resting: defaultdict[_Labels, float] = defaultdict(float)
        breakers: defaultdict[_Labels, float] = defaultdict(float)
        for state in states:
            resting[(state.provider, state.account)] += state.resting
            breakers[state.provider, state.account, state.breaker] += 1
        keys = ("provider", "account")
        lines = [
            *_metric("requests_total", "counter", (*whose, "status"), self._requests),
            *_metric("tokens_total", "counter", ("provider", "model", "kind"), self._tokens),
            *_metric("retries_total", "counter", ("provider",), self._retries),
            *_histogram("first_content_seconds", whose, self._content),
            *_metric("resting", "gauge", keys, resting),
            *_metric("breakers", "gauge", (*keys, "state"), breakers),
            *_metric("open_streams", "gauge", (), {(): self.streams}),
            *_metric("loop_lag_seconds", "gauge", (), {(): self._lag_s}),
            *_metric("resident_memory_bytes", "gauge", (), {(): resident_bytes()}),
        ]
        return "\n".join([*lines, ""])

    def _model(self, name: str) -> str:
        if name not in self._models:
            if len(self._models) >= _MOST_MODELS:
                return "other"
            self._models.add(name)
        return name


_HELP: Final[Mapping[str, str]] = {
    "requests_total": "Requests to generate that have ended",
    "tokens_total": "Tokens read and written, estimates included",
    "retries_total": "Attempts after the first one of a request, by who was asked",
    "first_content_seconds": "From a request to the first content of its stream",
    "resting": "Cool-downs a key is in: one for each model, or one for all",
    "breakers": "Circuit breakers of keys by state: closed, open or probing",
    "open_streams": "Answers that are being streamed",
    "loop_lag_seconds": "By how much the event loop was late when last looked at",
    "resident_memory_bytes": "Memory of this process",
}


def _metric(name: str, kind: str, labels: Sequence[str], samples: _Samples) -> Iterator[str]:
    yield f"# HELP llm_mux_{name} {_HELP[name]}"
    yield f"# TYPE llm_mux_{name} {kind}"
    for values, number in sorted(samples.items()):
        yield f"llm_mux_{name}{_labels(zip(labels, values, strict=True))} {_number(number)}"


def _histogram(
    name: str, labels: Sequence[str], samples: Mapping[_Labels, _Histogram]
) -> Iterator[str]:
    yield from _metric(name, "histogram", (), {})
    for values, histogram in sorted(samples.items(), key=lambda item: item[0]):
        pairs = tuple(zip(labels, values, strict=True))
        count = 0
        for most, more in zip((*_BUCKETS_S, math.inf), histogram.counts, strict=True):
            count += more
            le = "+Inf" if most == math.inf else _number(most)
            yield f"llm_mux_{name}_bucket{_labels((*pairs, ('le', le)))} {count}"
        yield f"llm_mux_{name}_sum{_labels(pairs)} {_number(histogram.sum_s)}"
        yield f"llm_mux_{name}_count{_labels(pairs)} {count}"


def _labels(pairs: Iterable[tuple[str, str]]) -> str:
    shown = ",".join(f'{name}="{_escaped(value)}"' for name, value in pairs)
    return f"{{{shown}}}" if shown else ""


def _escaped(value: str) -> str:
    value = value.encode(errors="replace").decode()
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(number: float) -> str:
    return str(int(number)) if number == int(number) else repr(float(number))
