"""``llm-mux check-stream``: is this recorded stream what its dialect promises?"""

from __future__ import annotations

import sys

import click

from mux.cli.translate import Dialect


@click.command("check-stream")
@click.option("--dialect", type=Dialect(), required=True, help="The dialect of the stream.")
def check_stream(dialect: str) -> None:
    """Check a recorded stream on stdin.

    Exit code 1 if it breaks off or breaks the rules of its dialect.
    """
    from mux.codecs import CODECS
    from mux.ir import Checker, Failure, Finish, GrammarError

    decoder = CODECS[dialect].client.stream_decoder()
    checker = Checker()
    number, reason = 0, ""
    data = sys.stdin.buffer.read()
    for number, event in enumerate([*decoder.feed(data), *decoder.eof()], 1):
        try:
            checker(event)
        except GrammarError as error:
            raise click.ClickException(f"event {number}: {error}") from None
        if isinstance(event, Failure):
            raise click.ClickException(f"event {number}: {event.kind}: {event.message}")
        if isinstance(event, Finish):
            reason = event.reason
    if not checker.done:
        raise click.ClickException(f"event {number}: the stream ends without a finish")
    click.echo(f"ok: {number} events, finish {reason}")
