"""``llm-mux init``: the files a configured server has."""

from __future__ import annotations

import os

import click

from mux.cli.configured import refuse


@click.command()
@click.option("--force", is_flag=True, help="Make a new management key in place of the old one.")
def init(force: bool) -> None:
    """Write config.yaml and the management key.

    What is there already is left as it is; run it again to see the key. The same as --init.
    """
    from datetime import UTC, datetime

    from mux.cli.template import CONFIG
    from mux.config import ConfigError, config_folder, files, management_key
    from mux.config.load import FILE_NAME

    folder = config_folder(os.environ)
    file = folder / FILE_NAME
    try:
        files.make_folder(folder)
        files.make_folder(folder / "auth")
        fresh = not file.exists()
        if fresh:
            files.write(file, CONFIG)
        key = None if force else management_key.find(folder, {})
        made = key is None
        if key is None:
            key = management_key.make(folder, datetime.now(UTC))
    except ConfigError as error:
        refuse(error)
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}") from None
    click.echo(f"Configuration:  {file}{' (written)' if fresh else ''}")
    click.echo(f"Management key: {key.reveal()}{' (new)' if made else ''}")
    if os.environ.get(management_key.VARIABLE):
        click.echo(f"{management_key.VARIABLE} is set and goes before this key.")
    if fresh:
        click.echo("Next: add a provider to the configuration, then run `llm-mux`.")
