"""What a running server is doing: two readings of its counters, and the rates between them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

from mux.ir import JSON, Object

_SAMPLE: Final = re.compile(r"llm_mux_(\w+)(?:\{(.*)\})? (\S+)")
_LABEL: Final = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_ESCAPE: Final = re.compile(r"\\(.)")


class Sample(NamedTuple):
    """One line of the exposition format; the name is without its prefix."""

    name: str
    labels: Mapping[str, str]
    value: float


class Reading(NamedTuple):
    """All samples at one moment, in seconds of any clock."""

    time_s: float
    samples: tuple[Sample, ...]

    @classmethod
    def of(cls, text: str, time_s: float) -> Reading:
        """What ``/metrics`` said; what it says that is none of ours is left out."""
        found = (_SAMPLE.fullmatch(line) for line in text.splitlines())
        return cls(time_s, tuple(_sample(*match.groups("")) for match in found if match))

    def sum(self, name: str, **labels: str) -> float:
        """The sum of the samples of `name` that have `labels`."""
        return sum(
            sample.value
            for sample in self.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def sets(self, name: str, *labels: str) -> Iterable[tuple[str, ...]]:
        """Each combination of values that the samples of `name` have for `labels`, once."""
        of_name = (sample for sample in self.samples if sample.name == name)
        return dict.fromkeys(
            tuple(sample.labels.get(label, "") for label in labels) for sample in of_name
        )


class ModelLoad(NamedTuple):
    """A model at a provider. Rates are of the last interval, the rest since the server began."""

    provider: str
    model: str
    requests: int
    failed: int
    requests_per_s: float
    tokens_per_s: float
    first_content_s: float | None
    """the mean of the interval, else of all; None where nothing was streamed"""


class KeyLoad(NamedTuple):
    """A key of a provider: its cool-downs, and whether its breaker is closed."""

    provider: str
    account: str
    resting: int
    breaker: str


class Load(NamedTuple):
    """A server between two readings."""

    requests: int
    requests_per_s: float
    tokens_per_s: float
    open_streams: int
    loop_lag_s: float
    memory_bytes: int
    models: tuple[ModelLoad, ...]
    keys: tuple[KeyLoad, ...]

    def json(self) -> Object:
        """For programs."""
        models: list[JSON] = [dict(row._asdict()) for row in self.models]
        keys: list[JSON] = [dict(row._asdict()) for row in self.keys]
        return {**self._asdict(), "models": models, "keys": keys}


def between(old: Reading, new: Reading) -> Load:
    """What happened from `old` to `new`. Counters that went back are those of another process."""
    if any(new.sum(name) < old.sum(name) for name in ("requests_total", "tokens_total")):
        old = Reading(new.time_s, new.samples)
    seconds = new.time_s - old.time_s

    def rate(amount: Callable[[Reading], float]) -> float:
        return round((amount(new) - amount(old)) / seconds, 3) if seconds > 0 else 0.0

    models = [
        _model(provider, model, old, new, rate)
        for provider, model in new.sets("requests_total", "provider", "model")
    ]
    return Load(
        requests=int(new.sum("requests_total")),
        requests_per_s=rate(lambda reading: reading.sum("requests_total")),
        tokens_per_s=rate(_written),
        open_streams=int(new.sum("open_streams")),
        loop_lag_s=new.sum("loop_lag_seconds"),
        memory_bytes=int(new.sum("resident_memory_bytes")),
        models=tuple(sorted(models, key=lambda row: (-row.requests_per_s, -row.requests, row))),
        keys=tuple(_key(new, *whose) for whose in new.sets("breakers", "provider", "account")),
    )


def _model(
    provider: str,
    model: str,
    old: Reading,
    new: Reading,
    rate: Callable[[Callable[[Reading], float]], float],
) -> ModelLoad:
    of = {"provider": provider, "model": model}
    statuses = new.sets("requests_total", "provider", "model", "status")
    failed = sum(
        new.sum("requests_total", **of, status=status)
        for *whose, status in statuses
        if whose == [provider, model] and status.isdigit() and int(status) >= 400
    )
    return ModelLoad(
        provider,
        model,
        requests=int(new.sum("requests_total", **of)),
        failed=int(failed),
        requests_per_s=rate(lambda reading: reading.sum("requests_total", **of)),
        tokens_per_s=rate(lambda reading: _written(reading, **of)),
        first_content_s=_mean_first(old, new, of),
    )


def _written(reading: Reading, **of: str) -> float:
    return reading.sum("tokens_total", kind="output", **of)


def _mean_first(old: Reading, new: Reading, of: Mapping[str, str]) -> float | None:
    def sums(reading: Reading) -> tuple[float, float]:
        name = "first_content_seconds"
        return reading.sum(f"{name}_sum", **of), reading.sum(f"{name}_count", **of)

    (before_s, before), (after_s, after) = sums(old), sums(new)
    if after > before:
        return round((after_s - before_s) / (after - before), 3)
    return round(after_s / after, 3) if after else None


def _key(new: Reading, provider: str, account: str) -> KeyLoad:
    of = {"provider": provider, "account": account}
    states = [
        state
        for *whose, state in new.sets("breakers", "provider", "account", "state")
        if whose == [provider, account] and new.sum("breakers", **of, state=state)
    ]
    return KeyLoad(provider, account, int(new.sum("resting", **of)), "/".join(states))


def _sample(name: str, labels: str, value: str) -> Sample:
    pairs = {key: _unescaped(text) for key, text in _LABEL.findall(labels)}
    return Sample(name, pairs, float(value))


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda found: "\n" if found[1] == "n" else found[1], text)
