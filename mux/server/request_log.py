"""The log files of requests: written one after another, bounded in number and size.

The event loop never waits for the disk. What the disk cannot take is lost, counted and told of;
requests are served all the same.
"""

from __future__ import annotations

import logging
import os
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Final

import trio

from mux.server.complaint import Complaint
from mux.server.page import NAMES, Page

MOST_FILES: Final = 500
MOST_BYTES: Final = 200_000_000
"""In each of the two folders."""

_MOST_WAITING_BYTES: Final = 64_000_000

_PAGE_BYTES: Final = 10_000
"""What a page takes beside its bodies, about."""

_FAREWELL_S: Final = 5.0
_log: Final = logging.getLogger("mux.server")


class RequestLog:
    """Pages on their way to `folder`: those of failed requests to ``errors`` in it, the others to
    ``requests``. One per process; several processes may share the folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._complaint = Complaint(_log)
        self._waiting: deque[Page] = deque()
        self._waiting_bytes = 0
        self._wake = trio.Event()
        self._one = trio.CapacityLimiter(1)

    @property
    def lost(self) -> int:
        """Pages that were not written."""
        return self._complaint.lost

    def add(self, page: Page) -> None:
        """Take `page`. Never waits and never fails."""
        if self._waiting_bytes > _MOST_WAITING_BYTES:
            self._complaint.lose("the files of requests cannot be written so quickly")
            return
        self._waiting.append(page)
        self._waiting_bytes += _page_bytes(page)
        self._wake.set()

    async def run(self) -> None:
        """Write until cancelled, and then what still waits, within a few seconds."""
        try:
            while True:
                await self._wake.wait()
                self._wake = trio.Event()
                await self._write_all()
        finally:
            with trio.move_on_after(_FAREWELL_S, shield=True):
                await self._write_all()

    async def _write_all(self) -> None:
        while self._waiting:
            page = self._waiting[0]
            try:
                await trio.to_thread.run_sync(
                    write, self._folder, page, limiter=self._one, abandon_on_cancel=True
                )
            except OSError as error:
                self._complaint.lose(f"the file of a request cannot be written: {error.strerror}")
            except Exception:  # a bug of ours: told with its trace, and no reason to stop
                _log.exception("request %s: its file failed on a bug", page.request_id)
            self._waiting.popleft()
            self._waiting_bytes -= _page_bytes(page)


def write(folder: Path, page: Page) -> None:
    """Write the file of `page`, and delete the oldest ones over the bounds. Raises `OSError`."""
    place = folder / ("errors" if page.failed else "requests")
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = place / page.name
    part = path.with_suffix(".part")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    content = page.content()
    try:
        with os.fdopen(os.open(part, flags, 0o600), "wb") as file:
            file.write(content)
        part.rename(path)
    except OSError:
        with suppress(OSError):
            part.unlink()
        raise
    finally:  # room is made even if there was none
        _prune(place)


def _page_bytes(page: Page) -> int:
    return _PAGE_BYTES + page.tape.bytes_kept


def _prune(place: Path) -> None:
    with os.scandir(place) as entries:
        sizes = {entry.name: _file_bytes(entry) for entry in entries if NAMES.fullmatch(entry.name)}
    number, size = len(sizes), sum(sizes.values())
    for name in sorted(sizes):
        if number <= MOST_FILES and size <= MOST_BYTES:
            return
        number, size = number - 1, size - sizes[name]
        with suppress(FileNotFoundError):  # another process was quicker
            (place / name).unlink()


def _file_bytes(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat().st_size
    except FileNotFoundError:
        return 0
