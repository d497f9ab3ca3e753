"""Tables for people, with rich."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from rich import box
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from mux.cli.load import Load
from mux.usage import Period, Totals
from mux.usage.cost import DOLLAR
from mux.usage.period import day_of
from mux.usage.totals import NOBODY, By, Sums, busiest

_WIDTH: Final = 120
"""Where nobody tells how wide the screen is, as in a pipe."""

_LOADS: Final = ("Requests", "Failed", "Req/s", "Tokens/s", "First content")
_COUNTS: Final = ("Requests", "Failed", "Input", "Cached", "Output", "Reasoning", "Cost")


def show_usage(totals: Totals, period: Period, labels: Mapping[str, str]) -> None:
    """Print the sums of `totals`; `labels` are names of clients by their ids."""
    whole = totals.by[By.ALL].get("", Sums())
    console = _console()
    console.print(f"Usage from {period.from_text} to {period.to_text}", style="bold")
    if not whole.requests:
        console.print("No requests.")
        return
    tables = [
        ("Model", busiest(totals.models)),
        ("Provider", busiest(totals.by[By.PROVIDER])),
        ("Account", busiest(totals.by[By.ACCOUNT])),
    ]
    clients = {labels.get(name, name): sums for name, sums in totals.by[By.CLIENT].items()}
    if clients.keys() != {NOBODY}:
        tables.append(("Client", busiest(clients)))
    tables.append(("Day", [(day_of(day), sums) for day, sums in sorted(totals.days.items())]))
    for title, rows in tables:
        table = _table(title, _COUNTS)
        for name, sums in rows:
            table.add_row(printable(name), *_cells(sums))
        if len(rows) > 1:
            table.add_section()
            table.add_row("All", *_cells(whole))
        console.print(table)


def show_load(load: Load) -> None:
    """Print what a server is doing."""
    _console().print(load_tables(load))


def load_tables(load: Load) -> Group:
    """What a server is doing, as something to print or to keep on a screen."""
    head = (
        f"{load.open_streams:,} streams   {load.requests_per_s:,.1f} requests/s   "
        f"{load.tokens_per_s:,.0f} tokens/s   {load.requests:,} requests in all   "
        f"lag {load.loop_lag_s * 1000:,.0f} ms   {load.memory_bytes / 1e6:,.0f} MB"
    )
    models = _table("Provider", ("Model", *_LOADS))
    models.columns[0].justify = models.columns[1].justify = "left"
    for row in load.models:
        first = "-" if row.first_content_s is None else f"{row.first_content_s:.2f} s"
        counts = (f"{row.requests:,}", f"{row.failed:,}", f"{row.requests_per_s:,.1f}")
        names = (printable(row.provider or "none"), printable(row.model or "none"))
        models.add_row(*names, *counts, f"{row.tokens_per_s:,.0f}", first)
    keys = _table("Provider", ("Key", "Cool-downs", "Breaker"))
    for key in load.keys:
        keys.add_row(
            printable(key.provider), printable(key.account or "-"), str(key.resting), key.breaker
        )
    return Group(Text(head, style="bold"), models, keys)


def show_table(columns: Sequence[str], rows: Iterable[Sequence[str]], words: int = 1) -> None:
    """Print `rows`, the first columns, of `words`, to the left and numbers to the right.

    A cell may have several lines.
    """
    table = Table(box=box.SIMPLE_HEAD)
    for place, column in enumerate(columns):
        table.add_column(column, justify="left" if place < words else "right", overflow="fold")
    for row in rows:
        table.add_row(*(Text("\n").join(map(printable, cell.split("\n"))) for cell in row))
    _console().print(table)


def printable(text: str) -> Text:
    """`text` without what a terminal would obey, and without rich's own marks."""
    return Text("".join(char if char.isprintable() else "\ufffd" for char in text))


def dollars(nano: int) -> str:
    """An amount of money as people read it."""
    amount = nano / DOLLAR
    return f"${amount:,.2f}" if amount >= 1 or not nano else f"${amount:.4f}"


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else _WIDTH)


def _table(title: str, columns: Iterable[str]) -> Table:
    table = Table(title, box=box.SIMPLE_HEAD)
    for column in columns:
        table.add_column(column, justify="right")
    return table


def _cells(sums: Sums) -> list[str]:
    counts = (sums.requests, sums.failures, sums.input, sums.cached, sums.output, sums.reasoning)
    return [*(f"{count:,}" for count in counts), dollars(sums.cost_nano)]
