"""``llm-mux explain``: where a request would go, and what would be sent, without a network."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from mux.cli.configured import config_option, load_or_exit
from mux.cli.translate import Dialect


@click.command()
@click.option("--from", "source", type=Dialect(), required=True, help="The dialect on stdin.")
@click.option("--model", help="The model to ask for, in place of the request's own.")
@click.option("--strict", is_flag=True, help="Refuse what a translation would lose.")
@config_option
def explain(source: str, model: str | None, strict: bool, config: Path | None) -> None:
    """Show which providers a request would go to, why, and exactly what would be sent.

    The request is read from stdin; the answer is JSON, with secrets masked.
    """
    loaded = load_or_exit(config)
    from msgspec.structs import replace

    from mux.codecs import CODECS
    from mux.errors import MuxError
    from mux.gateway.call import Call
    from mux.gateway.exchange import Gateway
    from mux.gateway.explain import explain as explained
    from mux.gateway.memory import Memory
    from mux.models import Catalog
    from mux.providers import from_settings
    from mux.routing import Router
    from mux.upstream.schemes import SchemeTransport
    from mux.wire import json

    body = sys.stdin.buffer.read()
    try:
        request = CODECS[source].server.decode_request(body, model=model)
        exact = model in (None, request.model)
        if model is not None:
            request = replace(request, model=model)
        settings = loaded.settings
        router = Router(from_settings(settings), settings, Catalog())
        nowhere = SchemeTransport({})
        gateway = Gateway(router, nowhere, _no_time, settings, Memory.empty(_no_time))
        strict = strict or settings.strict
        call = Call(source, request, body, {}, strict=strict, exact=exact)
        told = explained(gateway, call)
    except MuxError as error:
        raise click.ClickException(error.message) from None
    click.echo(json.pretty(told))


def _no_time() -> float:
    """Nothing is asked and nothing remembered, so no clock is needed."""
    return 0.0
