"""The settings in force: every request is served by the app of the moment it began.

A reload builds a new app and swaps one name. Running requests keep theirs to the end; what is
invalid is refused, with everything that is wrong with it, and the old settings stay.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import trio
from msgspec.structs import fields
from watchfiles import awatch

from mux.config import ConfigError, Settings
from mux.config.source import Source
from mux.gateway.exchange import Gateway
from mux.server.asgi import AsgiApp

RESTART: Final = frozenset(
    {"host", "port", "workers", "tls", "connect-timeout", "max-response-size", "usage", "tracing"}
)
"""What only a restart changes: it is part of what lives as long as the process."""

_STEP_MS: Final = 200
"""How often the watcher looks up; each time it takes the interpreter from everybody else."""
_LOOK_AGAIN_MS: Final = 2000
"""Some file systems tell of no changes, so the file is looked at now and then as well."""

_log: Final = logging.getLogger("mux.config")


class Serving(NamedTuple):
    """One edition of the settings, put to work."""

    gateway: Gateway
    app: AsgiApp


class Live:
    """What `build` made of the settings in force. One per process.

    Management writes and file changes take the same way in, one at a time.
    """

    def __init__(
        self, settings: Settings, source: Source, build: Callable[[Settings], Serving]
    ) -> None:
        self._source = source
        self._build = build
        self._serving = build(settings)
        self._started_with = settings
        self._lock = trio.Lock()
        self._seen: tuple[int, ...] | None = None
        self.settings = settings

    @property
    def app(self) -> AsgiApp:
        """What answers new requests."""
        return self._serving.app

    @property
    def gateway(self) -> Gateway:
        """What new requests go through."""
        return self._serving.gateway

    async def reload(self) -> tuple[str, ...]:
        """Read the configuration and put it in force; returns the keys that changed.

        Raises `ConfigError`, with the old settings still in force.
        """
        async with self._lock:
            loaded = await trio.to_thread.run_sync(self._source.load)
            changed = differences(self.settings, loaded.settings)
            if changed:
                self._serving = self._build(loaded.settings)
                self.settings = loaded.settings
                for warning in loaded.warnings:
                    _log.warning("%s", warning)
                _log.info("configuration reloaded: %s", ", ".join(changed))
                if waiting := self.waiting:
                    _log.warning("takes effect after a restart: %s", ", ".join(waiting))
            return changed

    @property
    def waiting(self) -> tuple[str, ...]:
        """The keys whose new values wait for a restart."""
        changed = differences(self._started_with, self.settings)
        return tuple(key for key in changed if key in RESTART)

    async def watch(self) -> None:
        """Reload whenever the file changes, until cancelled."""
        while True:
            try:
                await self._follow()
            except (OSError, RuntimeError) as error:  # no such file yet, or no watches are left
                _log.debug("the configuration cannot be watched: %s", error)
                await trio.sleep(_LOOK_AGAIN_MS / 1000)
            await self._look()

    async def _follow(self) -> None:
        """Watch the file until something happens to it: it may be another one by then.

        Not its folder, where every record of usage is written and would wake us.
        """
        async for changes in awatch(
            self._source.path,
            watch_filter=None,
            debounce=_STEP_MS,
            step=_STEP_MS,
            rust_timeout=_LOOK_AGAIN_MS,
            yield_on_timeout=True,
            recursive=False,
        ):
            if changes:
                return
            await self._look()

    async def _look(self) -> None:
        """Reload if the file is not the one seen last."""
        mark = _mark(self._source.path)
        if mark == self._seen:
            return
        self._seen = mark
        try:
            await self.reload()
        except ConfigError as error:
            for problem in error.problems:
                _log.error("%s", problem)
            _log.error("%s cannot be used; the old settings stay", self._source.path)
        except Exception:  # a bug of ours: logged, and the server goes on with what it has
            _log.exception("%s could not be put in force", self._source.path)


def differences(old: Settings, new: Settings) -> tuple[str, ...]:
    """The top-level keys in which two settings differ."""
    return tuple(
        field.encode_name
        for field in fields(Settings)
        if getattr(old, field.name) != getattr(new, field.name)
    )


def _mark(path: Path) -> tuple[int, ...]:
    """What changes whenever the file at `path` does."""
    try:
        state = path.stat()
    except OSError:
        return ()
    return state.st_mtime_ns, state.st_size, state.st_ino
