"""``llm-mux serve`` and ``llm-mux demo``: run the server until it is told to stop."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from mux import __version__
from mux.cli.configured import config_option, load_or_exit

if TYPE_CHECKING:
    from collections.abc import Callable

    from mux.config import Settings
    from mux.config.source import Source

_DEMO_TRY: Final = """\
Try it from another shell:

  curl {url}/v1/chat/completions -H 'content-type: application/json' \\
    -d '{{"model": "demo", "messages": [{{"role": "user", "content": "Hello"}}]}}'

  curl {url}/v1/messages -H 'content-type: application/json' \\
    -d '{{"model": "demo", "max_tokens": 500,
         "messages": [{{"role": "user", "content": "Hello"}}]}}'

  curl {url}/v1beta/models/demo:generateContent -H 'content-type: application/json' \\
    -d '{{"contents": [{{"parts": [{{"text": "Hello"}}]}}]}}'
"""


@click.command()
@config_option
@click.option("--host", help="The address to listen on. Default: 127.0.0.1")
@click.option("--port", type=int, help="The port to listen on. Default: 8317")
@click.option("--debug", is_flag=True, default=None, help="Log what is translated, and how.")
def serve(config: Path | None, host: str | None, port: int | None, debug: bool | None) -> None:
    """Run the server."""
    options = {"host": host, "port": port, "debug": debug}
    loaded = load_or_exit(config, options)
    settings = loaded.settings
    from mux.config.source import Source

    def announce(addresses: list[str]) -> None:
        from mux.cli.summary import provider_lines

        click.echo(f"llm-mux {__version__} is listening on {' and '.join(addresses)}")
        click.echo(f"Configuration: {loaded.path or 'none; `llm-mux init` writes one'}")
        click.echo("Providers:" if settings.providers else "Providers: none")
        for line in provider_lines(settings):
            click.echo(line)
        click.echo("Point a client at it: `llm-mux use claude-code`, codex, gemini, …")

    _run(settings, Source(config, os.environ, options), announce)


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=8317, show_default=True)
@click.option("--debug", is_flag=True, help="Log what is translated, and how.")
def demo(port: int, debug: bool) -> None:
    """Serve the built-in demo model; needs no key.

    The configuration is not read, and nothing goes over the network.
    """
    from mux.config import ProviderSettings, ProviderType, Secret, Settings
    from mux.config.settings import UsageSettings

    settings = Settings(
        port=port,
        debug=debug,
        usage=UsageSettings(dsn=Secret()),
        providers=(ProviderSettings(ProviderType.DEMO),),
    )

    def announce(addresses: list[str]) -> None:
        click.echo(f"llm-mux {__version__} demo is listening on {' and '.join(addresses)}")
        click.echo(_DEMO_TRY.format(url=addresses[0].rstrip("/")))

    _run(settings, None, announce)


def _run(settings: Settings, source: Source | None, announce: Callable[[list[str]], None]) -> None:
    from mux.server.listen import BindError
    from mux.server.main import run

    try:
        run(settings, source=source, announce=announce)
    except BindError as error:
        raise click.ClickException(str(error)) from None
