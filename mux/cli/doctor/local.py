"""What can be found out without a network: configuration, files, store, and the machine."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Final

from mux.cli.doctor.finding import Finding, Grade, told
from mux.config import ConfigError, Problem, Settings, files, management_key
from mux.config.source import Source

_BUILT: Final = datetime(2026, 11, 1, tzinfo=UTC)
"""A clock that shows an earlier time than this is wrong."""
_DISTRIBUTION: Final = "llm-mux"
_FOR_DEVELOPMENT: Final = frozenset({"test", "lint", "fuzz"})
"""Extras that only work on the project itself needs."""
_NAME: Final = re.compile(r"[A-Za-z0-9._-]+")


def configuration(source: Source) -> tuple[Settings | None, list[Finding]]:
    """The settings, unless they cannot be used, and all that is wrong or odd about them."""
    try:
        loaded = source.load()
    except ConfigError as error:
        odd = [_mended(source, Grade.WARNING, problem) for problem in error.warnings]
        return None, [_mended(source, Grade.FAILURE, problem) for problem in error.problems] + odd
    findings = [_mended(source, Grade.WARNING, problem) for problem in loaded.warnings]
    if loaded.path is None:
        text = "there is none, the defaults are in force"
        advice = "`llm-mux init` writes one"
        return loaded.settings, [
            Finding("configuration", str(source.path), Grade.NOTE, text, advice),
            *findings,
        ]
    good = Finding("configuration", str(loaded.path), Grade.GOOD, "it can be used")
    return loaded.settings, [good, *findings]


def _mended(source: Source, grade: Grade, problem: Problem) -> Finding:
    where = " ".join(filter(None, (problem.path, problem.place and f"({problem.place})")))
    if not where and ": chmod" in problem.message:  # about the file itself
        message, _, advice = problem.message.rpartition(": ")
        return Finding("configuration", str(source.path), grade, message, advice)
    advice = f"mend it in {source.path}; `llm-mux check` looks again"
    return Finding("configuration", where or str(source.path), grade, problem.message, advice)


def kept(settings: Settings, source: Source) -> list[Finding]:
    """The files beside the configuration: who else may read them, and may we write them?"""
    return [*_exposed(settings, source), _management(source), *_folder(source.path.parent)]


def store(settings: Settings) -> Finding:
    """Whether usage can be recorded."""
    from mux.usage import StoreError, open_store

    dsn = settings.usage.dsn
    if not dsn:
        return Finding("usage", "", Grade.NOTE, "nothing is recorded", "usage.dsn says where to")
    database = _database(settings)
    about = str(database or "PostgreSQL")
    if database is not None and not database.exists():
        return Finding("usage", about, Grade.GOOD, "the first start makes it")
    try:
        store = open_store(dsn.reveal())
        try:
            store.spent((), 0)
        finally:
            store.close()
    except StoreError as error:
        return told("usage", about, Grade.FAILURE, str(error), "check usage.dsn")
    return Finding("usage", about, Grade.GOOD, "it can be read")


def machine() -> list[Finding]:
    """The clock, the limit on open files, and the extras that are installed."""
    return [_clock(), _open_files(), *_extras()]


def _exposed(settings: Settings, source: Source) -> Iterator[Finding]:
    for path in _secret_files(settings, source):
        try:
            exposed = files.exposed(path)
        except OSError:  # not there, and what needs it says so
            continue
        if exposed is None:
            yield Finding("files", str(path), Grade.GOOD, "only its owner can read it")
        else:
            message, _, advice = exposed[0].message.rpartition(": ")
            grade = Grade.FAILURE if exposed[1] else Grade.WARNING
            yield Finding("files", str(path), grade, message, f"{advice} {path}")


def _secret_files(settings: Settings, source: Source) -> Iterator[Path]:
    yield source.home / management_key.FILE_NAME
    if settings.auth_dir is not None and settings.auth_dir.is_dir():
        yield from sorted(settings.auth_dir.iterdir())
    if (database := _database(settings)) is not None:
        yield database
    if settings.tls.enable and settings.tls.key is not None:
        yield settings.tls.key


def _management(source: Source) -> Finding:
    try:
        key = management_key.find(source.home, source.environ)
    except ConfigError as error:
        return told("management", "key", Grade.FAILURE, str(error), "`llm-mux init --force`")
    if key is None:
        text = "there is none, so the management API is off"
        return Finding("management", "key", Grade.NOTE, text, "`llm-mux init` makes one")
    return Finding("management", "key", Grade.GOOD, f"{key} is in force")


def _folder(folder: Path) -> Iterator[Finding]:
    if folder.is_dir() and not os.access(folder, os.W_OK):
        text = "nothing can be written there: no figures, no logs, no changes by the API"
        yield Finding("files", str(folder), Grade.WARNING, text, f"chown it, or chmod 700 {folder}")


def _database(settings: Settings) -> Path | None:
    dsn = settings.usage.dsn.reveal() if settings.usage.dsn else ""
    path = Path(dsn.removeprefix("sqlite://")).expanduser()
    return path if dsn.startswith("sqlite://") else None


def _clock() -> Finding:
    now = datetime.now(UTC)
    shown = f"{now:%Y-%m-%d %H:%M:%S} UTC"
    if now < _BUILT:
        text = f"it says {shown}, which is before this program was made: TLS will fail"
        return Finding("machine", "clock", Grade.FAILURE, text, "set it, best by NTP")
    return Finding("machine", "clock", Grade.GOOD, f"it says {shown}")


def _open_files() -> Finding:
    from mux.server.descriptors import MOST_CONNECTIONS, connection_limit
    from mux.server.listen import BindError

    try:
        limit = connection_limit()
    except BindError as error:
        return told("machine", "open files", Grade.FAILURE, str(error))
    text = f"enough for {limit:,} connections"
    if limit < MOST_CONNECTIONS:
        return Finding("machine", "open files", Grade.NOTE, text, "more with `ulimit -n 8256`")
    return Finding("machine", "open files", Grade.GOOD, text)


def _extras() -> Iterator[Finding]:
    try:
        about = metadata.metadata(_DISTRIBUTION)
        needs = metadata.requires(_DISTRIBUTION) or []
    except metadata.PackageNotFoundError:  # run from a checkout that was never installed
        return
    for extra in about.get_all("Provides-Extra") or []:
        if extra in _FOR_DEVELOPMENT:
            continue
        names = [_NAME.match(need) for need in needs if f"extra == '{extra}'" in need]
        missing = [name[0] for name in names if name and not _installed(name[0])]
        if missing:
            text = f"not installed: {', '.join(missing)} missing"
            advice = f"if you need it: pip install 'llm-mux[{extra}]'"
            yield Finding("machine", f"extra {extra}", Grade.NOTE, text, advice)
        else:
            yield Finding("machine", f"extra {extra}", Grade.GOOD, "installed")


def _installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True
