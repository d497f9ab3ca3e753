"""``llm-mux top``: a running server, live."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from mux.cli.configured import config_option, load_or_exit

if TYPE_CHECKING:
    from mux.cli.load import Load, Reading
    from mux.cli.running import Running
    from mux.config import Settings

_KEY: Final = "LLM_MUX_CLIENT_KEY"


@click.command()
@click.option("--url", default="", help="The server. Default: the configured one, on this machine")
@click.option("--key", default="", envvar=_KEY, help=f"A client's key; {_KEY} is another way.")
@click.option("--interval", type=click.FloatRange(0.1, 3600), default=1.0, show_default=True)
@click.option("--once", is_flag=True, help="Show one interval, and end.")
@click.option("--json", "as_json", is_flag=True, help="The same for programs.")
@config_option
def top(
    url: str, key: str, interval: float, once: bool, as_json: bool, config: Path | None
) -> None:
    """Watch a running server: streams, requests, tokens, keys at rest.

    It reads /metrics, for which a key of the configuration is sent where clients need one. With
    several workers it shows the one that its connection has led to.
    """
    settings = load_or_exit(config).settings
    if not key and not url and not settings.disable_auth and settings.api_keys:
        key = settings.api_keys[0].key.reveal()
    import trio

    from mux.cli.tables import show_load
    from mux.errors import MuxError
    from mux.wire import json

    def print_json(load: Load) -> None:
        click.echo(json.pretty(load.json()))

    show = print_json if as_json else show_load
    try:
        if once or as_json:
            trio.run(_once, settings, url, key, interval, show)
        else:
            trio.run(_live, settings, url, key, interval)
    except MuxError as error:
        raise click.ClickException(error.message) from None
    except KeyboardInterrupt:
        return


async def _once(
    settings: Settings, url: str, key: str, interval_s: float, show: Callable[[Load], None]
) -> None:
    import trio

    from mux.cli.load import between
    from mux.cli.running import Running

    async with Running(settings, url) as running:
        before = await _read(running, key)
        await trio.sleep(interval_s)
        show(between(before, await _read(running, key)))


async def _live(settings: Settings, url: str, key: str, interval_s: float) -> None:
    import trio
    from rich.live import Live

    from mux.cli.load import between
    from mux.cli.running import Running
    from mux.cli.tables import load_tables

    async with Running(settings, url) as running:
        before = await _read(running, key)
        first = load_tables(between(before, before))
        with Live(first, screen=True, auto_refresh=False) as live:
            while True:
                await trio.sleep(interval_s)
                now = await _read(running, key)
                live.update(load_tables(between(before, now)), refresh=True)
                before = now


async def _read(running: Running, key: str) -> Reading:
    import trio

    from mux.cli.load import Reading

    headers = {"authorization": f"Bearer {key}"} if key else {}
    status, body = await running.get("/metrics", headers)
    if status == 401:
        raise click.ClickException("the server wants a client's key; give one with --key")
    if status != 200:
        text = f"{running.url}/metrics answered {status}; is it llm-mux that listens there?"
        raise click.ClickException(text)
    return Reading.of(body.decode(errors="replace"), trio.current_time())
