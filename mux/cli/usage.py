"""``llm-mux usage``: what was asked, of whom, and what it cost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mux.cli.configured import config_option, load_or_exit

if TYPE_CHECKING:
    from mux.config import Settings
    from mux.usage import Store


@click.command()
@click.option("--days", help="How many days back. Default: 30")
@click.option("--from", "start", help="From when: a date, a time, or seconds since the epoch.")
@click.option("--to", "end", help="Until when; a date means its end.")
@click.option("--json", "as_json", is_flag=True, help="As the management API answers.")
@config_option
def usage(
    days: str | None, start: str | None, end: str | None, as_json: bool, config: Path | None
) -> None:
    """Show requests, tokens and costs. Times are UTC."""
    settings = load_or_exit(config).settings
    import time

    from mux.errors import InvalidRequest
    from mux.usage import Period, StoreError, summary
    from mux.wire import json

    now_s = time.time()  # noqa: TID251 (a command has no other clock)
    try:
        period = Period.of(now_s, days=days or "", start=start or "", end=end or "")
        store = opened(settings)
        try:
            totals = store.totals(period)
        finally:
            store.close()
    except InvalidRequest as error:
        raise click.UsageError(f"--{error.param}: {error.message}") from None
    except StoreError as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        click.echo(json.pretty(summary(totals, period, settings.usage.retention_days)))
        return
    from mux.cli.tables import show_usage

    labels = {client.id: client.label for client in settings.api_keys}
    show_usage(totals, period, labels)


def opened(settings: Settings) -> Store:
    """The store of the server with these settings. Ends the program if it keeps none."""
    from mux.usage import open_store

    dsn = settings.usage.dsn
    if not dsn:
        raise click.ClickException("usage.dsn is empty, so nothing is recorded")
    return open_store(dsn.reveal())
