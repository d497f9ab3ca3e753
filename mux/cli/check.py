"""``llm-mux check``: is the configuration all right?"""

from __future__ import annotations

from pathlib import Path

import click

from mux.cli.configured import config_option, load_or_exit


@click.command()
@config_option
def check(config: Path | None) -> None:
    """Validate the configuration."""
    loaded = load_or_exit(config)
    from mux.cli.summary import provider_lines

    click.echo(f"{loaded.path or 'no configuration file, defaults'}: ok")
    for line in provider_lines(loaded.settings):
        click.echo(line)
