"""``llm-mux translate``: a request in another dialect, without a server."""

from __future__ import annotations

import sys

import click

_DIALECTS = (
    "openai_chat",
    "openai_completions",
    "openai_responses",
    "anthropic",
    "gemini",
    "ollama",
)
"""Written down here, so that ``--help`` need not import the codecs; a test compares."""


class Dialect(click.Choice[str]):
    """A dialect; hyphens and underscores are the same."""

    def __init__(self) -> None:
        super().__init__([name.replace("_", "-") for name in _DIALECTS])

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return super().convert(value.replace("_", "-"), param, ctx).replace("-", "_")


@click.command()
@click.option("--from", "source", type=Dialect(), required=True, help="The dialect on stdin.")
@click.option("--to", "target", type=Dialect(), required=True, help="The dialect to write.")
@click.option("--model", help="The model to ask for, in place of the request's own.")
def translate(source: str, target: str, model: str | None) -> None:
    """Translate a request, without a network.

    The request is read from stdin and written to stdout; what it loses is told on stderr.
    """
    from msgspec.structs import replace

    from mux.codecs import CODECS
    from mux.errors import MuxError
    from mux.models import Catalog

    body = sys.stdin.buffer.read()
    try:
        request = CODECS[source].server.decode_request(body, model=model)
        if model is not None:
            request = replace(request, model=model)
        provider_type = "openai" if target.startswith("openai") else target
        abilities = Catalog().abilities(provider_type, request.model)
        encoded = CODECS[target].client.encode_request(request, abilities)
    except MuxError as error:
        raise click.ClickException(error.message) from None
    sys.stdout.buffer.write(encoded.body + b"\n")
    for loss in encoded.losses:
        click.echo(f"{loss.code}{f' ({loss.detail})' if loss.detail else ''}", err=True)
