"""The log files: the lines of the server's own log, and one file for each failed request."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

import trio

from mux.config.mask import Mask
from mux.ir import JSON, Object
from mux.server.management.asked import Asked, Office, unwritable
from mux.server.management.envelope import Raw, invalid, not_found
from mux.wire import json

_MAIN: Final = "main.log"
_ROTATED: Final = re.compile(r"main\.log\.\d+")
_FAILED: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,200}\.log")
_LINES: Final = 1000
_MOST_LINES: Final = 10_000
_TAIL_BYTES: Final = 16_000_000
"""How much of a file is read: its end."""


async def show(office: Office, asked: Asked) -> Object:
    """The last lines, or those after a moment."""
    limit = asked.number("limit", least=1, most=_MOST_LINES) or _LINES
    after = _moment(asked.query.get("after", "0"))
    mask = Mask(office.settings)  # should the writer have missed a secret
    return await trio.to_thread.run_sync(_last, office.logs, limit, after, mask)


async def clear(office: Office, _: Asked) -> Object:
    """Delete what was rotated away, and empty what is being written."""
    try:
        removed = await trio.to_thread.run_sync(_clear, office.logs)
    except OSError as error:
        raise unwritable(error) from None
    return {"success": True, "message": "The logs are empty", "removed": removed}


async def show_failed(office: Office, _: Asked) -> Object:
    """The files of failed requests, the newest first."""
    return {"files": await trio.to_thread.run_sync(lambda: [*_failed(office.logs / "errors")])}


async def download_failed(office: Office, asked: Asked) -> Raw:
    """The file of a failed request."""
    if not _FAILED.fullmatch(asked.name):
        raise not_found("There is no such file")
    try:
        path = office.logs / "errors" / asked.name
        content = Mask(office.settings).data(await trio.to_thread.run_sync(path.read_bytes))
    except (FileNotFoundError, IsADirectoryError):
        raise not_found("There is no such file") from None
    return Raw("application/octet-stream", content, filename=asked.name)


def _moment(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise invalid("after must be in seconds since 1970") from None


def _last(folder: Path, limit: int, after: float, mask: Mask) -> Object:
    lines: list[JSON] = []
    latest = after
    for path in _files(folder):  # the newest first
        found = [(line, time) for line, time in _timed(path) if time > after]
        lines[:0] = [mask.text(line) for line, _ in found[-(limit - len(lines)) :]]
        latest = max([latest, *(time for _, time in found)])
        if len(lines) >= limit:
            break
    return {"lines": lines, "line_count": len(lines), "latest_timestamp": latest}


def _files(folder: Path) -> Iterable[Path]:
    if not folder.is_dir():
        return []
    old = [path for path in folder.iterdir() if _ROTATED.fullmatch(path.name)]
    old.sort(key=lambda path: int(path.suffix[1:]))
    return [path for path in (folder / _MAIN, *old) if path.is_file()]


def _timed(path: Path) -> Iterator[tuple[str, float]]:
    """The lines of a file with their times; a line without one has that of the line before."""
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - _TAIL_BYTES, 0))
        content = file.read()
    time = 0.0
    for line in content.decode(errors="replace").split("\n"):
        if line:
            said = json.load_object(line) or {}
            moment = said.get("time")
            time = float(moment) if isinstance(moment, int | float) else time
            yield _readable(said, time) if said else line, time


def _readable(said: Object, time: float) -> str:
    """A line for people, as web clients look for its time and level."""
    moment = datetime.fromtimestamp(time).strftime("%Y-%m-%d %H:%M:%S")
    level, message = str(said.get("level", "info")).upper(), str(said.get("message", ""))
    known_as = f" {said['request_id']}" if "request_id" in said else ""
    return f"[{moment}] [{level}] {message}{known_as}".replace("\n", "\\n")


def _clear(folder: Path) -> int:
    removed = 0
    for path in _files(folder):
        if path.name == _MAIN:
            with path.open("r+b") as file:  # the writer has it open
                file.truncate()
        else:
            path.unlink(missing_ok=True)
            removed += 1
    return removed


def _failed(folder: Path) -> Iterator[JSON]:
    found: list[tuple[int, str, int]] = []
    if folder.is_dir():
        for path in folder.iterdir():
            if _FAILED.fullmatch(path.name) and path.is_file():
                state = path.stat()
                found.append((int(state.st_mtime), path.name, state.st_size))
    for modified, name, size in sorted(found, reverse=True):
        yield {"name": name, "size": size, "modified": modified}
