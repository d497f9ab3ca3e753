"""Tables for people, with rich."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mux.usage import Period, Totals
from mux.usage.cost import DOLLAR
from mux.usage.period import day_of
from mux.usage.totals import NOBODY, By, Sums

_WIDTH: Final = 120
"""Where nobody tells how wide the screen is, as in a pipe."""

_TABLES: Final = (("Model", By.MODEL), ("Provider", By.PROVIDER), ("Account", By.ACCOUNT))
_COUNTS: Final = ("Requests", "Failed", "Input", "Cached", "Output", "Reasoning", "Cost")


def show_usage(totals: Totals, period: Period, labels: Mapping[str, str]) -> None:
    """Print the sums of `totals`; `labels` are names of clients by their ids."""
    whole = totals.by[By.ALL].get("", Sums())
    console = _console()
    console.print(f"Usage from {period.from_text} to {period.to_text}", style="bold")
    if not whole.requests:
        console.print("No requests.")
        return
    tables = [(title, _busiest(totals.by[kind])) for title, kind in _TABLES]
    clients = {labels.get(name, name): sums for name, sums in totals.by[By.CLIENT].items()}
    if clients.keys() != {NOBODY}:
        tables.append(("Client", _busiest(clients)))
    tables.append(("Day", [(day_of(day), sums) for day, sums in sorted(totals.days.items())]))
    for title, rows in tables:
        table = _table(title, _COUNTS)
        for name, sums in rows:
            table.add_row(printable(name), *_cells(sums))
        if len(rows) > 1:
            table.add_section()
            table.add_row("All", *_cells(whole))
        console.print(table)


def show_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print `rows`, the first column to the left and numbers to the right."""
    table = _table(columns[0], columns[1:])
    for row in rows:
        table.add_row(*map(printable, row))
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


def _busiest(rows: Mapping[str, Sums]) -> list[tuple[str, Sums]]:
    return sorted(rows.items(), key=lambda row: (-row[1].requests, row[0]))


def _cells(sums: Sums) -> list[str]:
    counts = (sums.requests, sums.failures, sums.input, sums.cached, sums.output, sums.reasoning)
    return [*(f"{count:,}" for count in counts), dollars(sums.cost_nano)]
