"""``llm-mux keys``: the keys clients send, and what each may spend."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import click

from mux.cli.configured import config_option, load_or_exit, refuse

if TYPE_CHECKING:
    from ruamel.yaml.comments import CommentedMap

    from mux.config import ClientKey, Settings
    from mux.usage.store import ClientDay, Spent

_PREFIX: Final = "sk-mux-"
"""Some clients take only keys that begin like OpenAI's."""

_LIST: Final = "api-keys"
_ENVIRONMENT: Final = "LLM_MUX_API_KEYS"


@click.group()
def keys() -> None:
    """Make, list and revoke the keys of clients."""


@keys.command()
@click.argument("name", default="")
@click.option("--requests-per-minute", type=click.IntRange(1), help="The most in any 60 seconds.")
@click.option("--tokens-per-day", type=click.IntRange(1), help="Input and output together.")
@click.option("--cost-per-month", type=click.FloatRange(0, min_open=True), help="In US dollars.")
@config_option
def new(
    name: str,
    requests_per_minute: int | None,
    tokens_per_day: int | None,
    cost_per_month: float | None,
    config: Path | None,
) -> None:
    """Make a key, put it into the configuration, and print it.

    NAME is what lists and figures call it; days and months are those of UTC.
    """
    import secrets

    key = _PREFIX + secrets.token_urlsafe(32)
    limits = {
        "requests-per-minute": requests_per_minute,
        "tokens-per-day": tokens_per_day,
        "cost-per-month": cost_per_month,
    }
    given = {word: limit for word, limit in limits.items() if limit is not None}
    entry: dict[str, object] = {"key": key}
    if name:
        entry["name"] = name
    if given:
        entry["limits"] = given

    def add(root: CommentedMap) -> None:
        _entries(root).append(entry if len(entry) > 1 else key)

    settings = _edited(config, add)
    click.echo(key)
    if os.environ.get(_ENVIRONMENT):
        click.echo(f"{_ENVIRONMENT} is set and goes before the keys of the file.", err=True)
    if settings.disable_auth:
        click.echo("No key is asked for yet: that takes `disable-auth: false`.", err=True)


@keys.command("list")
@config_option
def list_keys(config: Path | None) -> None:
    """List the keys with their limits and what they have used."""
    settings = load_or_exit(config).settings
    if not settings.api_keys:
        click.echo("No keys; `llm-mux keys new` makes one.")
        return
    import time

    from mux.cli.tables import dollars, show_table
    from mux.usage.budgets import month_start
    from mux.usage.period import day_index
    from mux.usage.store import ClientDay, Spent

    now_s = time.time()  # noqa: TID251 (a command has no other clock)
    today, month = day_index(now_s), month_start(now_s)
    spent = _spent(settings, month)
    rows: list[tuple[str, ...]] = []
    for client in settings.api_keys:
        days = [spent.get(ClientDay(client.id, day), Spent()) for day in range(month, today + 1)]
        used = (f"{days[-1].tokens:,}", dollars(sum(day.cost_nano for day in days)))
        rows.append((client.name or "-", str(client.key), client.id, *_limits(client), *used))
    limits = ("Requests/min", "Tokens/day", "Cost/month")
    show_table(("Name", "Key", "Id", *limits, "Tokens today", "Cost this month"), rows)


@keys.command()
@click.argument("which", metavar="NAME|KEY|ID")
@config_option
def revoke(which: str, config: Path | None) -> None:
    """Take a key out of the configuration, by its name, itself, or as `keys list` shows it."""
    from mux.config import Secret, client_id

    def remove(root: CommentedMap) -> None:
        entries = _entries(root)
        found: list[int] = []
        for place, entry in enumerate(entries):
            fields = cast("dict[str, object]", entry) if isinstance(entry, dict) else {"key": entry}
            key = str(fields.get("key", ""))
            if which in (fields.get("name"), key, client_id(key), str(Secret(key))):
                found.append(place)
        if not found:
            raise click.ClickException(f"no key of the configuration file is {_shown(which)}")
        if len(found) > 1:
            raise click.ClickException(f"{len(found)} keys are {_shown(which)}; give the id")
        del entries[found[0]]

    settings = _edited(config, remove)
    click.echo("Revoked.")
    if not settings.api_keys and not settings.disable_auth:
        click.echo("No key is left: every client will be refused.", err=True)


def _entries(root: CommentedMap) -> list[object]:
    """The list of keys in the file, made if need be: one key alone is a list of one."""
    value = cast("object", root.get(_LIST))  # pyright: ignore[reportUnknownMemberType]
    if isinstance(value, list):
        return cast("list[object]", value)
    entries: list[object] = [] if value is None else [value]
    root[_LIST] = entries
    return entries


def _edited(config: Path | None, change: Callable[[CommentedMap], None]) -> Settings:
    """The settings after `change`; ends the program if there is anything wrong with them."""
    from mux.config import ConfigError, config_folder
    from mux.config.edit import edit
    from mux.config.load import FILE_NAME

    path = config or config_folder(os.environ) / FILE_NAME
    try:
        return edit(path, change)
    except ConfigError as error:
        refuse(error)
    except OSError as error:
        raise click.ClickException(f"{path}: {error.strerror}") from None


def _spent(settings: Settings, since_day: int) -> Mapping[ClientDay, Spent]:
    from mux.usage import StoreError, open_store

    dsn = settings.usage.dsn
    if not dsn:
        return {}
    try:
        store = open_store(dsn.reveal())
        try:
            return store.spent([client.id for client in settings.api_keys], since_day)
        finally:
            store.close()
    except StoreError as error:
        click.echo(f"warning: {error}", err=True)
        return {}


def _limits(client: ClientKey) -> tuple[str, str, str]:
    limits = client.limits
    return (
        f"{limits.requests_per_minute:,}" if limits.requests_per_minute else "-",
        f"{limits.tokens_per_day:,}" if limits.tokens_per_day else "-",
        f"${limits.cost_per_month:,.2f}" if limits.cost_per_month else "-",
    )


def _shown(which: str) -> str:
    """What was asked for, unless it may be a key."""
    return repr(which) if len(which) <= 20 else "that"
