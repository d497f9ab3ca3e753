"""Reading the configuration for a command, and telling what is wrong with it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import click

if TYPE_CHECKING:
    from mux.config import ConfigError, Loaded, Problem, Settings

EX_CONFIG: Final = 78
"""The exit code of a configuration that cannot be used, as in sysexits.h."""

config_option: Final[Callable[[Callable[..., None]], Callable[..., None]]] = click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The configuration file. Default: ~/.config/llm-mux/config.yaml",
)


def load_or_exit(path: Path | None, overrides: Mapping[str, object] | None = None) -> Loaded:
    """The configuration in force, its warnings told; ends the program if it cannot be used."""
    from mux.config import ConfigError, load

    try:
        loaded = load(path, os.environ, overrides or {})
    except ConfigError as error:
        refuse(error)
    tell("warning", loaded.warnings)
    return loaded


def refuse(error: ConfigError) -> NoReturn:
    """End the program because of `error`."""
    tell("warning", error.warnings)
    tell("error", error.problems)
    click.echo("The configuration cannot be used; nothing was started.", err=True)
    raise SystemExit(EX_CONFIG)


def tell(word: str, problems: Iterable[Problem]) -> None:
    """One line for each of `problems`."""
    for problem in problems:
        click.echo(f"{word}: {problem}", err=True)


def server_url(settings: Settings) -> str:
    """Where a program of this machine finds the server with these settings."""
    scheme = "https" if settings.tls.enable else "http"
    host = settings.host if settings.host not in ("0.0.0.0", "::", "127.0.0.1") else "localhost"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{settings.port}"
