"""``llm-mux models``: what clients can ask for."""

from __future__ import annotations

from pathlib import Path

import click

from mux.cli.configured import config_option, load_or_exit


@click.command()
@config_option
def models(config: Path | None) -> None:
    """List the models clients can ask for."""
    from mux.models import Catalog
    from mux.providers import from_settings
    from mux.routing import Router
    from mux.routing.router import NO_PROVIDER

    settings = load_or_exit(config).settings
    router = Router(from_settings(settings), settings, Catalog())
    if not router.providers:
        raise click.ClickException(NO_PROVIDER)
    rows = router.models()
    width = max((len(row.id) for row in rows), default=0)
    for row in rows:
        click.echo(f"{row.id:{width}}  {row.owned_by}")
