"""``llm-mux models``: what clients can ask for, and what is known of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mux.cli.configured import config_option, load_or_exit

if TYPE_CHECKING:
    from mux.ir import Object
    from mux.models import Price


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@config_option
def models(as_json: bool, config: Path | None) -> None:
    """List the models clients can ask for.

    With who answers first, the window in tokens, abilities, and prices in US dollars for a million
    tokens.
    """
    from mux.ir import JSON
    from mux.models import Catalog
    from mux.providers import from_settings
    from mux.routing import Router
    from mux.routing.router import NO_PROVIDER
    from mux.wire import json

    settings = load_or_exit(config).settings
    catalog = Catalog()
    router = Router(from_settings(settings), settings, catalog)
    if not router.providers:
        raise click.ClickException(NO_PROVIDER)
    told: list[JSON] = []
    rows: list[tuple[str, ...]] = []
    for listed in router.models():
        first = router.candidates(listed.id)[0]
        info = router.describe(listed)
        price = catalog.price(listed.provider_type, listed.model)
        abilities = info.capabilities[1:]  # all of them complete
        told.append(
            {
                "id": listed.id,
                "provider": first.provider.name,
                "model": first.model,
                "name": info.display_name,
                "context": info.context,
                "max_output": info.max_output,
                "abilities": [*abilities],
                "price": _price(price),
            }
        )
        window = (f"{info.context:,}", f"{info.max_output:,}")
        rows.append(
            (
                listed.id,
                first.provider.name,
                first.model,
                ", ".join(abilities) or "-",
                *window,
                *_prices(price),
            )
        )
    if as_json:
        click.echo(json.pretty(told))
        return
    from mux.cli.tables import show_table

    columns = ("Model", "Provider", "Asked as", "Abilities", "Window", "Output", "$ in", "$ out")
    show_table(columns, rows, words=4)


def _price(price: Price | None) -> Object | None:
    if price is None:
        return None
    return {
        "input": price.input,
        "output": price.output,
        "cache_read": price.cache_read,
        "cache_write": price.cache_write,
    }


def _prices(price: Price | None) -> tuple[str, str]:
    return ("-", "-") if price is None else (f"{price.input:g}", f"{price.output:g}")
