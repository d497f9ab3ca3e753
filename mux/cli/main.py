"""The command ``llm-mux`` and its verbs."""

from __future__ import annotations

from typing import Final

import click

from mux import __version__
from mux.cli.bench import bench
from mux.cli.check import check
from mux.cli.doctor import doctor
from mux.cli.explain import explain
from mux.cli.init import init
from mux.cli.keys import keys
from mux.cli.models import models
from mux.cli.serve import demo, serve
from mux.cli.stream import check_stream
from mux.cli.top import top
from mux.cli.translate import translate
from mux.cli.usage import usage
from mux.cli.use import use

NAME: Final = "llm-mux"
_OWN_OPTIONS: Final = ("-h", "--help", "--version")


class _Verbs(click.Group):
    """Without a verb, ``serve`` is meant; ``--init`` is the verb ``init``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not ctx.resilient_parsing:
            if args[:1] == ["--init"]:
                args = ["init", *args[1:]]
            elif not args or (args[0].startswith("-") and args[0] not in _OWN_OPTIONS):
                args = ["serve", *args]
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name=NAME, message="%(prog)s %(version)s")
def cli() -> None:
    """One local server that speaks every LLM API dialect and translates each to any provider.

    Without a command it serves: llm-mux --port 9000 is llm-mux serve --port 9000.
    """


@click.command()
def version() -> None:
    """Print the version."""
    click.echo(f"{NAME} {__version__}")


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print a completion script for SHELL.

    For bash: eval "$(llm-mux completion bash)"
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"no completion for {shell}")
    click.echo(kind(cli, {}, NAME, "_LLM_MUX_COMPLETE").source())


for _verb in (
    serve,
    demo,
    init,
    check,
    doctor,
    models,
    keys,
    usage,
    top,
    use,
    translate,
    explain,
    check_stream,
    bench,
    completion,
    version,
):
    cli.add_command(_verb)


def main() -> None:
    """Run the command line and exit: 0, 1 failure, 2 usage, 78 configuration."""
    cli(prog_name=NAME)
