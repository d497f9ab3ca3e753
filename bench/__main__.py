"""The command: `python -m bench`, `make bench` or `llm-mux bench`."""

from __future__ import annotations

import shutil
from pathlib import Path
from subprocess import CalledProcessError
from typing import Final

import click
import msgspec

from bench import compare, plots, report, results
from bench.peers import PEERS
from bench.plan import full, quick
from bench.processes import ROOT, end_on_sigterm, rig
from bench.results import Results
from bench.run import Run, Wanted, soaked

BASELINE: Final = ROOT / "bench" / "baseline.json"
PAGE: Final = ROOT / "docs" / "performance.md"
_OUT: Final = ROOT / "bench" / "out"
BEGIN: Final = "<!-- figures: written by `python -m bench publish` -->"


def _say(line: str) -> None:
    click.echo(line, err=True)


@click.group(invoke_without_command=True)
@click.option("--quick", "brief", is_flag=True, help="About two minutes, for orientation.")
@click.option(
    "--target",
    "others",
    multiple=True,
    metavar="NAME=URL",
    help="Also measure a gateway that runs already. Its models via-openai_chat, via-anthropic, … "
    "must lead to the mock upstream, see --mock-port.",
)
@click.option("--mock-port", type=int, default=0, help="Where the mock upstream listens.")
@click.option("--without", multiple=True, type=click.Choice(list(PEERS)), help="Leave a peer out.")
@click.option("--no-memory", is_flag=True, help="Leave out memory by connection.")
@click.option("--soak", "minutes", type=float, default=0, help="Then so many minutes of load.")
@click.option("--out", type=click.Path(path_type=Path), default=_OUT, show_default=True)
@click.pass_context
def main(
    context: click.Context,
    brief: bool,
    others: tuple[str, ...],
    mock_port: int,
    without: tuple[str, ...],
    no_memory: bool,
    minutes: float,
    out: Path,
) -> None:
    """Measure llm-mux beside its peers, before a mock upstream on this machine.

    Without a command everything is measured; a table, JSON and plots are written to --out, after
    each step what there is of them.
    """
    end_on_sigterm()
    if context.invoked_subcommand:
        return
    wanted = Wanted(
        quick() if brief else full(),
        brief,
        tuple(name for name in PEERS if name not in without),
        others,
        mock_port,
        memory=not no_memory,
        soak_minutes=minutes,
    )
    found = Run(wanted, lambda so_far: write(so_far, out), _say).all()
    write(found, out)
    click.echo(report.markdown(found))
    if BASELINE.exists():
        click.echo("### Against the baseline\n")
        click.echo(compare.text(compare.drift(found, results.load(BASELINE))))
    _say(f"Written to {out}")


def write(found: Results, out: Path) -> None:
    """The table, the JSON and the plots."""
    out.mkdir(parents=True, exist_ok=True)
    results.save(found, out / "results.json")
    (out / "report.md").write_text(report.markdown(found), encoding="utf-8")
    for name, text in plots.plots(found).items():
        (out / name).write_text(text, encoding="utf-8")


@main.command()
@click.option("--against", default="HEAD~1", show_default=True, help="The commit to measure, too.")
@click.option("--rounds", default=5, show_default=True)
@click.option("--seconds", default=1.5, show_default=True)
def regressions(against: str, rounds: int, seconds: float) -> None:
    """Measure another commit in turns with this checkout; exit with 1 if something got worse."""
    try:
        changes = compare.against(against, rounds, seconds, _say)
    except CalledProcessError as error:
        raise click.ClickException((error.stderr or b"").decode(errors="replace")) from None
    click.echo(compare.text(changes))
    if any(change.regressed for change in changes):
        raise click.exceptions.Exit(1)


@main.command("soak")
@click.option("--minutes", default=30.0, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=_OUT, show_default=True)
def soak_alone(minutes: float, out: Path) -> None:
    """Put llm-mux under load for a long time, and add its memory to the results in --out."""
    file = out / "results.json"
    found = results.load(file) if file.exists() else None
    with rig() as running:
        added = soaked(running, minutes, _say)
    click.echo(f"{added.growth:+.1%} in {minutes:g} minutes, {added.errors} errors")
    if found is not None:
        write(msgspec.structs.replace(found, soak=added), out)


@main.command("show")
@click.argument("file", type=click.Path(path_type=Path, exists=True), default=BASELINE)
def show(file: Path) -> None:
    """Print the report of a FILE of results, the baseline by default."""
    click.echo(report.markdown(results.load(file)))


@main.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True), default=_OUT / "results.json")
def publish(file: Path) -> None:
    """Make a FILE of results the baseline and the figures of docs/performance.md."""
    found = results.load(file)
    if found.pending:
        _say(report.missing(found))
    results.save(found, BASELINE)
    folder = PAGE.with_suffix("")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    drawn = plots.plots(found)
    for name, text in drawn.items():
        (folder / name).write_text(text, encoding="utf-8")
    images = "\n".join(f"![{name[:-4]}](performance/{name})" for name in drawn)
    text = PAGE.read_text(encoding="utf-8").partition(BEGIN)[0]
    PAGE.write_text(f"{text}{BEGIN}\n\n{report.markdown(found)}\n{images}\n", encoding="utf-8")


if __name__ == "__main__":
    main(prog_name="bench")
