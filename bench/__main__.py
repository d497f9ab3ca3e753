"""The command: `python -m bench`, `make bench` or `llm-mux bench`."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from subprocess import CalledProcessError
from typing import Final

import click
import msgspec

from bench import codec, compare, plots, report, results
from bench.memory import per_connection, soak
from bench.peers import PEERS, claude_code_router, hypercorn, litellm
from bench.peers import versions as peer_versions
from bench.plan import PASSED, TRANSLATED, Plan, figures, full, quick
from bench.processes import ROOT, Rig, end_on_sigterm, rig, scratch
from bench.results import Machine, Memory, Results, Soak
from bench.targets import MUX, NotToBeHad, Pair, Target, direct, llm_mux, named
from mux import __version__

BASELINE: Final = ROOT / "bench" / "baseline.json"
PAGE: Final = ROOT / "docs" / "performance.md"
_OUT: Final = ROOT / "bench" / "out"
BEGIN: Final = "<!-- figures: written by `python -m bench publish` -->"
_CODEC_ROUNDS: Final = 10
_LIBRARIES: Final = ("trio", "hypercorn", "msgspec", "orjson")
_MEMORY: Final = (
    (MUX, llm_mux, (PASSED, TRANSLATED)),
    (hypercorn.NAME, hypercorn.start, (PASSED,)),
    (litellm.NAME, litellm.start, (PASSED, TRANSLATED)),
    (claude_code_router.NAME, claude_code_router.start, (TRANSLATED,)),
)


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

    Without a command everything is measured; a table, JSON and plots are written to --out.
    """
    end_on_sigterm()
    if context.invoked_subcommand:
        return
    plan = quick() if brief else full()
    wanted = [name for name in PEERS if name not in without]
    found = _run(plan, wanted, others, mock_port, brief, memory=not no_memory, minutes=minutes)
    write(found, out)
    click.echo(report.markdown(found))
    if BASELINE.exists():
        click.echo("### Against the baseline\n")
        click.echo(compare.text(compare.drift(found, results.load(BASELINE))))
    _say(f"Written to {out}")


def _run(
    plan: Plan,
    peers: list[str],
    others: tuple[str, ...],
    mock_port: int,
    brief: bool,
    *,
    memory: bool,
    minutes: float,
) -> Results:
    machine = Machine.here()
    skipped: dict[str, str] = {}
    _say("codecs")
    codecs = codec.measure(2 if brief else _CODEC_ROUNDS).tables()
    with rig(mock_port) as running:
        with ExitStack() as stack:
            targets = _targets(stack, running, peers, skipped)
            pairs = list(dict.fromkeys(step.scenario.pair for step in plan.steps))
            targets += _others(others, pairs, skipped)
            measured = figures(plan, running, targets, _say)
        held = _memory(running, plan, peers, brief, skipped) if memory else []
        soaked = None
        if minutes:
            soaked = _soaked(running, minutes)
    versions = {MUX: __version__, **{name: version(name) for name in _LIBRARIES}}
    versions |= peer_versions(peers)
    return Results(
        machine,
        results.now(),
        results.commit(),
        brief,
        {name: text for name, text in versions.items() if name not in skipped},
        skipped,
        tuple(measured),
        tuple(held),
        codecs,
        soaked,
    )


def _soaked(running: Rig, minutes: float) -> Soak:
    with scratch() as folder, llm_mux(running.mock_port, folder) as target:
        return soak(running, target, minutes, _say)


def _targets(
    stack: ExitStack, running: Rig, peers: list[str], skipped: dict[str, str]
) -> list[Target]:
    folder = stack.enter_context(scratch())
    targets = [stack.enter_context(llm_mux(running.mock_port, folder)), direct(running.mock_port)]
    for name in peers:
        _say(f"starting {name}")
        try:
            targets.append(stack.enter_context(PEERS[name](running.mock_port, folder)))
        except NotToBeHad as error:
            skipped[name] = str(error)
            _say(f"left out: {error}")
    return targets


def _others(others: tuple[str, ...], pairs: list[Pair], skipped: dict[str, str]) -> list[Target]:
    targets: list[Target] = []
    for text in others:
        try:
            targets.append(named(text, pairs))
        except NotToBeHad as error:
            skipped[text] = str(error)
            _say(f"left out: {error}")
    return targets


def _memory(
    running: Rig, plan: Plan, peers: list[str], brief: bool, skipped: dict[str, str]
) -> list[Memory]:
    found: list[Memory] = []
    for name, start, pairs in _MEMORY:
        if name in skipped or (name != MUX and (brief or name not in peers)):
            continue
        for pair in pairs:
            found.append(per_connection(running, start, pair, plan.streams))
            _say(f"memory of {name}, {pair}: {found[-1].active_stream_bytes / 1000:.1f} KB")
    return found


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
        soaked = _soaked(running, minutes)
    click.echo(f"{soaked.growth:+.1%} in {minutes:g} minutes, {soaked.errors} errors")
    if found is not None:
        write(msgspec.structs.replace(found, soak=soaked), out)


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
