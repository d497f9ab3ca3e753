"""Results as text: Markdown tables, read as well on a terminal as on a page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from bench import scale
from bench.goals import GOALS, added_ms
from bench.plan import COMPARED
from bench.results import Results
from bench.scenarios import Measure, Scenario
from bench.targets import DIRECT, MUX
from mux.codecs import CODECS

_NAMED: Final = 5


def markdown(results: Results) -> str:
    """Everything."""
    sections = [
        _about(results),
        used_cores(results),
        _goals(results),
        _requests(results),
        _streams(results),
        _first(results),
        _paced(results),
        _scale(results),
        _memory(results),
        _pairs(results),
        _codec(results),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table with columns of even width."""
    lines = [list(heading), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heading))]

    def row(cells: Sequence[str]) -> str:
        first, *others = zip(cells, widths, strict=True)
        padded = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]
        return f"| {' | '.join(padded)} |"

    rule = ["-" * widths[0], *(f"{'-' * (width - 1)}:" for width in widths[1:])]
    return "\n".join([row(lines[0]), row(rule), *map(row, lines[1:])])


def number(value: float | None, digits: int = 0) -> str:
    """A cell; a dash where nothing was measured."""
    return "-" if value is None else f"{value:,.{digits}f}"


def times(value: float | None) -> str:
    """A cell that says how many times as much."""
    if value is None:
        return "-"
    return f"{value:,.0f}x" if value >= 10 else f"{value:,.2f}x"


def _about(results: Results) -> str:
    machine = results.machine
    kind = "quick run: few samples, for orientation only" if results.quick else "full run"
    versions = ", ".join(f"{name} {version}" for name, version in results.versions.items())
    lines = [
        f"{machine.processor}, {machine.cores} cores, {machine.system}, Python {machine.python}; "
        f"load average before the run {machine.load_before}; {results.at}, commit "
        f"{results.commit}; {kind}.",
        f"Versions: {versions}.",
        *(f"Left out: {name}: {why}" for name, why in results.skipped.items()),
        *([missing(results)] if results.pending else ()),
    ]
    return "\n".join(lines)


def missing(results: Results) -> str:
    """What a run that was stopped has not measured."""
    pending = results.pending
    more = f" and {len(pending) - _NAMED} more" if len(pending) > _NAMED else ""
    return f"Stopped before its end, not measured: {'; '.join(pending[:_NAMED])}{more}."


def _goals(results: Results) -> str:
    rows: list[list[str]] = []
    for goal in GOALS:
        value = goal.reached(results)
        sign = "≥" if goal.at_least else "≤"
        verdict = "not measured" if value is None else "yes" if goal.met(value) else "no"
        limit = f"{sign} {goal.limit:g} {goal.unit}"
        digits = 3 if goal.limit < 1 else 1
        rows.append([goal.text, limit, number(value, digits), verdict])
    return "### Goals\n\n" + table(["Goal", "Wanted", "Reached", "Met"], rows)


def _scenarios(results: Results, *measures: Measure) -> list[Scenario]:
    return [
        what
        for what in results.scenarios
        if what.measure in measures and str(what.pair) in COMPARED
    ]


def _against(results: Results, what: Scenario, metric: str) -> list[list[str]]:
    """A row for each target: the figure, and llm-mux's as a multiple of it."""
    own = results.value(what, MUX, metric)
    rows: list[list[str]] = []
    for target in results.targets:
        value = results.value(what, target, metric)
        if value is None:
            continue
        multiple = times(own / value) if own and value and target != MUX else ""
        rows.append([target, number(value, 1 if value < 1000 else 0), multiple])
    return rows


def _requests(results: Results) -> str:
    rows: list[list[str]] = []
    for what in _scenarios(results, Measure.WHOLE, Measure.AGENT):
        name = f"{what.pair}, {'130 KB, ' if what.measure is Measure.AGENT else ''}{what.load}"
        for target, rate, multiple in _against(results, what, "requests_per_s"):
            cpu = results.value(what, target, "cpu_us_per_request")
            latencies = [results.value(what, target, key) for key in ("p50_us", "p90_us", "p99_us")]
            cells = [number(value / 1000 if value else None, 1) for value in latencies]
            rows.append([name, target, rate, multiple, number(cpu or None), *cells])
    if not rows:
        return ""
    heading = ["Client>upstream, concurrency", "Target", "Requests/s", "llm-mux is", "CPU µs"]
    heading += ["p50 ms", "p90 ms", "p99 ms"]
    return "### Whole answers\n\n" + table(heading, rows)


def _streams(results: Results) -> str:
    rows: list[list[str]] = []
    for what in _scenarios(results, Measure.BURST):
        for target, rate, multiple in _against(results, what, "events_per_s"):
            cpu = results.value(what, target, "cpu_us_per_event")
            own = results.value(what, MUX, "cpu_us_per_event")
            share = times(own / cpu) if own and cpu and target != MUX else ""
            rows.append([str(what.pair), target, rate, multiple, number(cpu or None, 1), share])
    if not rows:
        return ""
    heading = ["Client>upstream", "Target", "Events/s", "llm-mux is", "CPU µs an event"]
    return "### Streams at full speed, 16 at once\n\n" + table([*heading, "llm-mux takes"], rows)


def _first(results: Results) -> str:
    rows: list[list[str]] = []
    for what in _scenarios(results, Measure.FIRST):
        for target in results.targets:
            p50, p99 = (results.value(what, target, key) for key in ("p50_us", "p99_us"))
            if p50 is None or p99 is None:
                continue
            added = number(added_ms(results, what, "p50_us"), 2) if target == MUX else ""
            name = f"{what.pair}, {what.load}"
            rows.append([name, target, number(p50 / 1000, 2), number(p99 / 1000, 2), added])
    if not rows:
        return ""
    heading = ["Client>upstream, concurrency", "Target", "p50 ms", "p99 ms", "added p50 ms"]
    return "### Time to first content\n\n" + table(heading, rows)


def _paced(results: Results) -> str:
    rows: list[list[str]] = []
    for what in _scenarios(results, Measure.PACED):
        for target in results.targets:
            figures = [
                results.value(what, target, key)
                for key in ("events_per_s", "cpu_us_per_event", "p50_us", "p99_us")
            ]
            if figures[0] is None:
                continue
            delays = [number(value / 1000 if value else None, 2) for value in figures[2:]]
            added = [
                number(added_ms(results, what, key), 2) if target == MUX else ""
                for key in ("p50_us", "p99_us")
            ]
            name = f"{what.pair}, {what.load:,} x {what.rate:g}/s"
            cells = [number(figures[0]), number(figures[1] or None, 1), *delays, *added]
            rows.append([name, target, *cells])
    if not rows:
        return ""
    heading = ["Client>upstream, streams", "Target", "Events/s", "CPU µs an event", "p50 ms"]
    heading += ["p99 ms", "added p50 ms", "added p99 ms"]
    return "### Delay of an event in paced streams\n\n" + table(heading, rows)


def _scale(results: Results) -> str:
    rows = [
        [
            str(row.scenario),
            *(number(rate) for rate in (row.one, row.two)),
            times(row.gain),
            times(row.room),
            *(number(busy, 2) for busy in (row.busy_one, row.busy_two)),
        ]
        for row in scale.rows(results.scale)
    ]
    if not rows:
        return ""
    heading = ["Load, both cores", f"{scale.ONE}, per s", f"{scale.TWO}, per s", "times as much"]
    heading += ["room for", f"{scale.ONE}, cores busy", f"{scale.TWO}, cores busy"]
    return "### Workers\n\n" + table(heading, rows)


def _memory(results: Results) -> str:
    rows = [
        [
            f"{entry.pair}, {entry.connections:,}",
            entry.target,
            number(entry.empty_bytes / 1e6, 1),
            number(entry.idle_connection_bytes / 1000, 1),
            number(entry.idle_stream_bytes / 1000, 1),
            number(entry.active_stream_bytes / 1000, 1),
        ]
        for entry in results.memory
    ]
    if not rows:
        return ""
    heading = ["Client>upstream, held", "Target", "Empty MB", "KB an idle connection"]
    heading += ["KB an idle stream", "KB an active stream"]
    text = "### Resident memory\n\n" + table(heading, rows)
    if results.soak:
        soak = results.soak
        text += (
            f"\n\nOver {soak.minutes:.0f} minutes of load, {soak.requests:,} requests: "
            f"{soak.growth:+.1%} ({soak.errors} errors)."
        )
    return text


def _pairs(results: Results) -> str:
    """Every pair at llm-mux, rows = client, columns = upstream."""
    kinds = (
        (Measure.WHOLE, 64, "requests_per_s", "Requests/s at concurrency 64"),
        (Measure.WHOLE, 64, "cpu_us_per_request", "CPU µs a request at concurrency 64"),
        (Measure.BURST, 16, "cpu_us_per_event", "CPU µs a streamed event at full speed"),
        (Measure.FIRST, 16, "p50_us", "µs to first content, p50, at concurrency 16"),
    )
    parts: list[str] = []
    for measure, load, metric, title in kinds:
        found = {
            str(figure.scenario.pair): figure.value(metric)
            for figure in results.of(measure)
            if figure.target == MUX and figure.scenario.load == load
        }
        if len(found) > len(COMPARED):
            parts.append(f"#### {title}\n\n{_matrix(found, 1 if measure is Measure.BURST else 0)}")
    return "\n\n".join(["### All pairs", *parts]) if parts else ""


def _matrix(found: dict[str, float | None], digits: int = 0, sign: str = ">") -> str:
    rows = [
        [client, *(number(found.get(f"{client}{sign}{upstream}"), digits) for upstream in CODECS)]
        for client in CODECS
    ]
    return table(["client \\ upstream", *CODECS], rows)


def _codec(results: Results) -> str:
    events = results.codec.get("events")
    if not events:
        return ""
    parts = ["### Codecs alone"]
    reads = list(next(iter(events.values())))
    for read in reads:
        found: dict[str, float | None] = {pair: row.get(read) for pair, row in events.items()}
        parts.append(f"#### ns an event, read: {read}\n\n{_matrix(found, sign='<')}")
    requests = results.codec["requests"]
    encode: dict[str, float | None] = dict(requests["encode"])
    rows = [
        [client, number(requests["decode"].get(client)), *cells[1:]]
        for client, cells in (
            (c, [c, *(number(encode.get(f"{c}>{u}")) for u in CODECS)]) for c in CODECS
        )
    ]
    title = "#### µs a request of 130 KB: decoding, then encoding for each upstream"
    parts.append(f"{title}\n\n{table(['client', 'decode', *CODECS], rows)}")
    return "\n\n".join(parts)


def used_cores(results: Results) -> str:
    """What share of their core the mock and the load generator took, at the most."""
    worst = 0.0
    name = ""
    for figure in results.figures:
        share = (figure.value("mock_share") or 0) + (figure.value("load_share") or 0)
        if figure.target not in (DIRECT, "nginx") and share > worst:
            worst, name = share, f"{figure.target}, {figure.scenario}"
    return f"The mock and the load generator took at most {worst:.0%} of their core ({name})."
