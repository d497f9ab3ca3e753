"""``llm-mux check-stream``: is this recorded stream what its dialect promises?"""

from __future__ import annotations

import sys
from typing import Final

import click

from mux.cli.translate import Dialect

_PIECE_BYTES: Final = 1 << 16


@click.command("check-stream")
@click.option("--dialect", type=Dialect(), required=True, help="The dialect of the stream.")
def check_stream(dialect: str) -> None:
    """Check anybody's recorded stream on stdin, strictly.

    Lists every violation of the dialect's grammar: where it is, the rule, and what to do. Exit
    code 1 if there is any.
    """
    from mux.codecs import CODECS, StreamCheck

    check = StreamCheck(CODECS[dialect].rules())
    violations = 0
    piece = b"-"
    while piece:
        piece = sys.stdin.buffer.readline(_PIECE_BYTES)  # as it comes, from a live stream too
        for found in check.feed(piece) if piece else check.eof():
            violations += 1
            click.echo(f"byte {found.offset}, event {found.event}: {found.rule}: {found.message}")
    if violations:
        raise click.ClickException(f"{_count(violations, 'violation')} in {dialect}")
    click.echo(f"ok: {_count(check.events, 'event')} of {dialect}")


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
