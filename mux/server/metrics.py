"""What ``GET /metrics`` shows: counters of this process, as Prometheus text.

Counted once when a request has ended, never for an event. Names of models are bounded, for clients
choose them: beside those the router lists, the first `_MOST_LEARNED` that have answered are
counted under their names, and all others as ``other``.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final, TypeAlias

import trio
from msgspec.structs import asdict

from mux.routing import Health
from mux.server.resident import resident_bytes
from mux.usage import RequestRecord, Tokens, TryRecord

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_FIRST_S: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_BETWEEN_S: Final = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)
_MOST_LEARNED: Final = 200
_LAG_EVERY_S: Final = 0.5

_Labels: TypeAlias = tuple[str, ...]
_Samples: TypeAlias = Mapping[_Labels, float]


class _Histogram:
    """How often a time was at most as long as each of `buckets_s`."""

    def __init__(self, buckets_s: Sequence[float]) -> None:
        self.buckets_s = buckets_s
        self.counts = [0] * (len(buckets_s) + 1)
        self.sum_s = 0.0

    def add(self, seconds: float) -> None:
        place = next((n for n, most in enumerate(self.buckets_s) if seconds <= most), -1)
        self.counts[place] += 1
        self.sum_s += seconds


_Histograms: TypeAlias = defaultdict[_Labels, _Histogram]


class Figures:
    """The counters of one process."""

    def __init__(self) -> None:
        self.streams = 0
        """answers that are being streamed"""
        self.listed: Collection[str] = ()
        """models that are known, whatever clients ask for"""
        self._requests: defaultdict[_Labels, float] = defaultdict(float)
        self._tokens: defaultdict[_Labels, Tokens] = defaultdict(Tokens)
        self._retries: defaultdict[_Labels, float] = defaultdict(float)
        self._content: _Histograms = defaultdict(partial(_Histogram, _FIRST_S))
        self._between: _Histograms = defaultdict(partial(_Histogram, _BETWEEN_S))
        self._learned: set[str] = set()
        self._lag_s = 0.0

    def add(self, record: RequestRecord, between_s: float | None = None) -> None:
        """Count a request; `between_s` lay between two pieces of its stream, on average."""
        last = record.last
        provider = last.provider if last is not None else ""
        model = self._model(last) if last is not None else ""
        status = "cancelled" if record.cancelled else str(record.status)
        self._requests[record.dialect, provider, model, status] += 1
        for attempt in record.tries:
            whose = attempt.provider, self._model(attempt)
            self._tokens[whose] += attempt.tokens
        for attempt in record.tries[1:]:
            self._retries[(attempt.provider,)] += 1
        if record.first_content_s is not None:
            self._content[record.dialect, provider, model].add(record.first_content_s)
        if between_s is not None:
            self._between[record.dialect, provider, model].add(between_s)

    async def watch_lag(self) -> None:
        """Measure by how much the event loop is late, until cancelled."""
        while True:
            due_s = trio.current_time() + _LAG_EVERY_S
            await trio.sleep_until(due_s)
            self._lag_s = max(trio.current_time() - due_s, 0.0)

    def text(self, health: Health, lost: Mapping[str, int]) -> str:
        """Everything in the exposition format. `lost` is what was never written, by its kind."""
        whose = ("dialect", "provider", "model")
        states = health.states()
        resting: defaultdict[_Labels, float] = defaultdict(float)
        breakers: defaultdict[_Labels, float] = defaultdict(float)
        for state in states:
            resting[(state.provider, state.account)] += state.resting
            breakers[state.provider, state.account, state.breaker] += 1
        tokens = {
            (*whose, kind): count
            for whose, used in self._tokens.items()
            for kind, count in asdict(used).items()
            if count
        }
        keys = ("provider", "account")
        lines = [
            *_metric("requests_total", "counter", (*whose, "status"), self._requests),
            *_metric("tokens_total", "counter", ("provider", "model", "kind"), tokens),
            *_metric("retries_total", "counter", ("provider",), self._retries),
            *_histogram("first_content_seconds", whose, self._content),
            *_histogram("between_pieces_seconds", whose, self._between),
            *_metric("resting", "gauge", keys, resting),
            *_metric("breakers", "gauge", (*keys, "state"), breakers),
            *_metric("lost_total", "counter", ("kind",), {(kind,): n for kind, n in lost.items()}),
            *_metric("open_streams", "gauge", (), {(): self.streams}),
            *_metric("loop_lag_seconds", "gauge", (), {(): self._lag_s}),
            *_metric("resident_memory_bytes", "gauge", (), {(): resident_bytes()}),
        ]
        return "\n".join([*lines, ""])

    def _model(self, attempt: TryRecord) -> str:
        name = attempt.model
        if name in self.listed or name in self._learned:
            return name
        if not 0 < attempt.status < 400 or attempt.error or len(self._learned) >= _MOST_LEARNED:
            return "other"
        self._learned.add(name)
        return name


_HELP: Final[Mapping[str, str]] = {
    "requests_total": "Requests to generate that have ended",
    "tokens_total": "Tokens read and written, estimates included",
    "retries_total": "Attempts after the first one of a request, by who was asked",
    "first_content_seconds": "From a request to the first content of its stream",
    "between_pieces_seconds": "Between two pieces of a stream's content: the mean of each stream",
    "resting": "Cool-downs a key is in: one for each model, or one for all",
    "breakers": "Circuit breakers of keys by state: closed, open or probing",
    "lost_total": "What could not be written: usage records, and the files of requests",
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
        for most, more in zip((*histogram.buckets_s, math.inf), histogram.counts, strict=True):
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
