"""``llm-mux bench``: measure the gateway, as ``make bench`` does; for checkouts only."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import click

_ROOT: Final = Path(__file__).resolve().parents[2]


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def bench(arguments: tuple[str, ...]) -> None:
    """Measure this gateway beside others.

    Needs a checkout of the project and half an hour; llm-mux bench --quick takes some minutes, and
    llm-mux bench -- --help lists all options.
    """
    if not (_ROOT / "bench" / "__main__.py").is_file():
        raise click.ClickException("the benchmarks are in the project's checkout, not installed")
    command = [sys.executable, "-m", "bench", *arguments]
    raise click.exceptions.Exit(subprocess.run(command, cwd=_ROOT, check=False).returncode)
