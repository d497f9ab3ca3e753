"""One call of the management API: what was asked, and what it may work with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import trio

from mux.config import ConfigError, Settings
from mux.config.source import Source
from mux.errors import RequestTooLarge
from mux.ir import JSON, Object
from mux.server.asgi import Inbound, Receive, read_body
from mux.server.live import RESTART, Live, differences
from mux.server.management import conform
from mux.server.management.envelope import Code, Partly, Raw, Refused, invalid
from mux.usage import Period
from mux.wire import json

if TYPE_CHECKING:
    from ruamel.yaml.comments import CommentedMap

BODY_BYTES: Final = 1_000_000

Usage: TypeAlias = Callable[[Period], Awaitable[Object]]
"""The figures of a time. Raises `StoreError`."""


@dataclass(frozen=True, slots=True)
class Office:
    """What all calls share. `clock` gives seconds since the epoch."""

    live: Live
    source: Source
    clock: Callable[[], float]
    usage: Usage | None = None

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self.live.settings

    @property
    def logs(self) -> Path:
        """The folder of the log files."""
        return self.source.path.parent / "logs"

    async def edit(self, change: Callable[[CommentedMap], None]) -> Object:
        """Let `change` alter the configuration and put it in force; returns what to tell of it.

        Raises `Refused`.
        """
        before = self.settings
        try:
            await trio.to_thread.run_sync(self.source.edit, change)
        except ConfigError as error:
            raise refused(error, Code.VALIDATION_ERROR) from None
        except OSError as error:
            raise unwritable(error) from None
        return await self.reloaded(before)

    async def reloaded(self, before: Settings) -> Object:
        """Put in force what was written; returns what a restart is needed for, if anything."""
        try:
            await self.live.reload()
        except ConfigError as error:
            raise refused(error, Code.RELOAD_FAILED, 500) from None
        changed = differences(before, self.settings)
        waiting: list[JSON] = [key for key in changed if key in RESTART]
        return {"restart": waiting} if waiting else {}


@dataclass(frozen=True, slots=True)
class Asked:
    """One call. `name` is what the path names, `schema` the shape of a JSON body."""

    inbound: Inbound
    receive: Receive
    name: str = ""
    schema: Object | None = None

    @property
    def query(self) -> Mapping[str, str]:
        """The query's parameters."""
        return self.inbound.query

    async def body(self, limit_bytes: int = BODY_BYTES) -> bytes:
        """The whole body. Raises `Refused` if it is too large."""
        try:
            return await read_body(self.receive, self.inbound.headers, limit_bytes)
        except RequestTooLarge:
            text = f"The body is over {limit_bytes} bytes"
            raise Refused(413, Code.INVALID_REQUEST, text) from None

    async def value(self) -> JSON:
        """The body as JSON of the right shape. Raises `Refused`."""
        try:
            value = json.loads(await self.body())
        except json.JsonError as error:
            raise invalid(f"The body is not JSON: {error}") from None
        if self.schema is not None and (wrong := [*conform.problems(self.schema, value)]):
            told = "; ".join(str(problem) for problem in wrong)
            raise Refused(400, Code.INVALID_REQUEST, told, problems=wrong)
        return value

    async def fields(self) -> Object:
        """The body as a JSON object of the right shape. Raises `Refused`."""
        value = await self.value()
        return value if isinstance(value, dict) else {}

    def number(self, name: str, *, least: int = 0, most: int = 2**53) -> int | None:
        """A parameter of the query as a whole number; None if it is not given."""
        text = self.query.get(name)
        if text is None:
            return None
        if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
            raise invalid(f"{name} must be a whole number from {least} to {most}")
        return int(text)


Answer: TypeAlias = "JSON | Raw | Partly"
Action: TypeAlias = Callable[["Office", "Asked"], Awaitable["Answer"]]


def refused(error: ConfigError, code: Code, status: int = 422) -> Refused:
    """A configuration that cannot be used, as a refusal that names every problem."""
    told = "; ".join(str(problem) for problem in error.problems)
    return Refused(status, code, told, problems=error.problems)


def unwritable(error: OSError) -> Refused:
    """A file that cannot be written."""
    return Refused(500, Code.WRITE_FAILED, f"The file cannot be written: {error.strerror}")


def texts(value: JSON) -> list[JSON]:
    """The texts in `value`, a list of them."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def items(value: JSON) -> list[JSON]:
    """The list that a body is, or holds as ``items``."""
    listed = value.get("items") if isinstance(value, dict) else value
    return listed if isinstance(listed, list) else []
