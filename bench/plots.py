"""Plots as SVG, drawn by hand: grouped bars and lines, both on logarithmic scales."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from bench.plan import MAIN, PACES
from bench.results import Results
from bench.scenarios import Measure, Scenario, scenario

_WIDTH: Final = 760
_HEIGHT: Final = 380
_LEFT: Final = 70
_RIGHT: Final = 190
_TOP: Final = 44
_BOTTOM: Final = 46
_COLOURS: Final = ("#2563eb", "#9ca3af", "#16a34a", "#f59e0b", "#dc2626", "#7c3aed", "#0891b2")

Points = Sequence[tuple[float, float]]


def plots(results: Results) -> dict[str, str]:
    """SVG texts by file name; those without figures are left out."""
    found: dict[str, str] = {}
    for name, pair in zip(("passed", "translated"), MAIN, strict=True):
        found[f"requests-{name}"] = _over_load(
            results, Measure.WHOLE, pair, "requests_per_s", f"Requests/s, {pair}", "connections"
        )
        found[f"delay-{name}"] = _over_load(
            results, Measure.PACED, pair, "p99_us", f"Delay of an event, p99 µs, {pair}", "streams"
        )
    found["cpu-event"] = _bars(
        results, Measure.BURST, 16, "cpu_us_per_event", "CPU µs a streamed event, full speed"
    )
    found["cpu-request"] = _bars(
        results, Measure.WHOLE, 64, "cpu_us_per_request", "CPU µs a request, concurrency 64"
    )
    if results.soak:
        resident = [(seconds / 60, size / 1e6) for seconds, size in results.soak.resident]
        title = "Resident memory under load, MB over minutes"
        found["memory"] = lines(title, "minutes", {results.soak.target: resident}, log=False)
    return {f"{name}.svg": text for name, text in found.items() if text}


def _over_load(
    results: Results, measure: Measure, pair: str, metric: str, title: str, axis: str
) -> str:
    rates = dict(PACES) if measure is Measure.PACED else {}
    series: dict[str, Points] = {}
    for target in results.targets:
        points: list[tuple[float, float]] = []
        for what in results.scenarios:
            if what == _at(measure, pair, what.load, rates):
                value = results.value(what, target, metric)
                points += [(what.load, value)] if value else []
        if points:
            series[target] = sorted(points)
    return lines(title, axis, series) if series else ""


def _at(measure: Measure, pair: str, load: int, rates: Mapping[int, float]) -> Scenario:
    return scenario(measure, pair, load, rates.get(load, 0.0))


def _bars(results: Results, measure: Measure, load: int, metric: str, title: str) -> str:
    groups: dict[str, dict[str, float]] = {}
    for pair in MAIN:
        values = {
            target: value
            for target in results.targets
            if (value := results.value(scenario(measure, pair, load), target, metric))
        }
        if values:
            groups[pair] = values
    return bars(title, groups) if groups else ""


@dataclass(frozen=True, slots=True)
class _Scale:
    """From values to pixels."""

    low: float
    high: float
    start: float
    end: float
    log: bool = True

    def __call__(self, value: float) -> float:
        turn: Callable[[float], float] = math.log10 if self.log else float
        share = (turn(value) - turn(self.low)) / ((turn(self.high) - turn(self.low)) or 1)
        return round(self.start + share * (self.end - self.start), 1)

    @property
    def ticks(self) -> list[float]:
        if not self.log:
            return [self.low + (self.high - self.low) * step / 4 for step in range(5)]
        first, last = math.ceil(math.log10(self.low)), math.floor(math.log10(self.high))
        return [10.0**power for power in range(first, last + 1)]


def _vertical(values: Sequence[float], *, log: bool) -> _Scale:
    bottom, top = _HEIGHT - _BOTTOM, _TOP
    if not log:
        return _Scale(0, max(values) * 1.1, bottom, top, log=False)
    low = 10 ** math.floor(math.log10(min(values)))
    high = 10 ** math.ceil(math.log10(max(values) * 1.01))
    return _Scale(low, high, bottom, top)


def lines(title: str, axis: str, series: Mapping[str, Points], *, log: bool = True) -> str:
    """A line for each of `series`."""
    xs = [x for points in series.values() for x, _ in points]
    ys = [y for points in series.values() for _, y in points]
    right = _WIDTH - _RIGHT
    across = _Scale(min(xs), max(xs), _LEFT, right, log=log)
    up = _vertical(ys, log=log)
    parts = _grid(title, up)
    for x in sorted(set(xs)) if log else across.ticks:
        parts.append(_text(across(x), _HEIGHT - _BOTTOM + 18, f"{x:g}", "middle"))
    parts.append(_text((_LEFT + right) / 2, _HEIGHT - 8, axis, "middle"))
    for colour, (name, points) in zip(_cycle(len(series)), series.items(), strict=True):
        path = " ".join(f"{across(x)},{up(y)}" for x, y in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        if len(points) < 30:
            parts += [
                f'<circle cx="{across(x)}" cy="{up(y)}" r="3" fill="{colour}"/>' for x, y in points
            ]
        del name
    return _document(parts + _legend(list(series)))


def bars(title: str, groups: Mapping[str, Mapping[str, float]]) -> str:
    """A group of bars for each of `groups`, the value above each bar."""
    names = list(dict.fromkeys(name for values in groups.values() for name in values))
    colours = dict(zip(names, _cycle(len(names)), strict=True))
    up = _vertical([v for values in groups.values() for v in values.values()], log=True)
    parts = _grid(title, up)
    bottom = _HEIGHT - _BOTTOM
    room = (_WIDTH - _RIGHT - _LEFT) / len(groups)
    for place, (group, values) in enumerate(groups.items()):
        left = _LEFT + place * room
        width = room * 0.8 / max(1, len(values))
        for position, (name, value) in enumerate(values.items()):
            x, y = round(left + room * 0.1 + position * width, 1), up(value)
            size = f'width="{width * 0.9:.1f}" height="{bottom - y:.1f}"'
            parts.append(f'<rect x="{x}" y="{y}" {size} fill="{colours[name]}"/>')
            parts.append(_text(x + width * 0.45, y - 4, f"{value:,.3g}", "middle", 10))
        parts.append(_text(left + room / 2, bottom + 18, group, "middle"))
    return _document(parts + _legend(names))


def _cycle(count: int) -> list[str]:
    return [_COLOURS[number % len(_COLOURS)] for number in range(count)]


def _grid(title: str, up: _Scale) -> list[str]:
    parts = [_text(_LEFT, 22, title, "start", 15)]
    for tick in up.ticks:
        y = up(tick)
        parts.append(
            f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y}" y2="{y}" stroke="#e5e7eb"/>'
        )
        parts.append(_text(_LEFT - 8, y + 4, f"{tick:,.10g}" if up.log else f"{tick:,.1f}", "end"))
    return parts


def _legend(names: Sequence[str]) -> list[str]:
    parts: list[str] = []
    left = _WIDTH - _RIGHT + 24
    for place, (name, colour) in enumerate(zip(names, _cycle(len(names)), strict=True)):
        y = _TOP + 10 + place * 22
        parts.append(f'<rect x="{left}" y="{y}" width="12" height="12" fill="{colour}"/>')
        parts.append(_text(left + 18, y + 10, name, "start"))
    return parts


def _text(x: float, y: float, text: str, anchor: str, size: int = 12) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}"'
    return f'<text {place} fill="#374151">{escape(text)}</text>'


def _document(parts: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
    ground = f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>'
    body = "\n".join([ground, *parts])
    return f'{head}font-family="system-ui, sans-serif">\n{body}\n</svg>\n'
