"""``llm-mux doctor``: what keeps this machine from serving well, and what to do about it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mux.cli.configured import config_option

if TYPE_CHECKING:
    from mux.cli.doctor.finding import Finding
    from mux.config import Settings


@click.command()
@click.option("--call", is_flag=True, help="Try each key: list models, or ask for one token.")
@click.option(
    "--quirks", is_flag=True, help="Show the quirks of all models, not of configured ones."
)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@config_option
def doctor(call: bool, quirks: bool, as_json: bool, config: Path | None) -> None:
    """Examine configuration, port, providers and machine.

    Providers are connected to; nothing is asked of them without --call. Exit code 1 if something
    is found that does not work.
    """
    import trio

    from mux.cli.doctor import local, port, upstreams
    from mux.cli.doctor.finding import Grade
    from mux.config.source import Source

    source = Source(config, os.environ, {})
    settings, findings = local.configuration(source)
    findings += local.machine()
    if settings is not None:
        findings += local.kept(settings, source)
        findings.append(local.store(settings))
        findings += trio.run(port.examine, settings, source)
        findings += trio.run(upstreams.examine, settings, call)
    if as_json:
        click.echo(_as_json(findings, settings))
    else:
        _show(findings, settings, quirks)
    if any(finding.grade is Grade.FAILURE for finding in findings):
        raise click.exceptions.Exit(1)


def _as_json(findings: list[Finding], settings: Settings | None) -> str:
    from mux import __version__
    from mux.cli.doctor.abilities import departures
    from mux.cli.doctor.finding import Grade
    from mux.ir import JSON
    from mux.wire import json

    listed: list[JSON] = [
        {**finding._asdict(), "grade": finding.grade.value} for finding in findings
    ]
    models: list[JSON] = [*departures(settings)] if settings is not None else []
    good = all(finding.grade is not Grade.FAILURE for finding in findings)
    return json.pretty({"version": __version__, "ok": good, "findings": listed, "models": models})


def _show(findings: list[Finding], settings: Settings | None, quirks: bool) -> None:
    from mux.cli.doctor.abilities import grouped
    from mux.cli.tables import show_table

    marks = {"good": "ok", "note": "-", "warning": "WARN", "failure": "FAIL"}
    rows = [
        (
            marks[one.grade],
            f"{one.area} {one.about}".strip(),
            "\n→ ".join(filter(None, (one.message, one.advice))),
        )
        for one in findings
    ]
    show_table(("", "Examined", "Found"), rows, words=3)
    if settings is not None and (models := grouped(settings, every=quirks)):
        show_table(("Provider", "Models", "Quirks"), models, words=3)
