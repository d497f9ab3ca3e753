"""The memory of this process and of the machine, as far as the system tells."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Final

import trio

from mux.gateway.pressure import Pressure

_EVERY_S: Final = 0.25
_SHARE: Final = 0.75
"""Of what there is: beyond it the system begins to end processes."""

_LEAST_BYTES: Final = 200_000_000
"""Twice what it holds when little is going on."""

_STATM: Final = Path("/proc/self/statm")
_GROUP: Final = Path("/proc/self/cgroup")
_GROUPS: Final = Path("/sys/fs/cgroup")

_log: Final = logging.getLogger("mux.server")


def resident_bytes() -> int:
    """What this process holds; 0 where the system does not tell."""
    try:
        return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def default_limit(processes: int) -> int:
    """What one of so many may hold of three quarters of what the machine or the container has, and
    `_LEAST_BYTES` in any case; 0 where the system does not tell."""
    try:
        most = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # no POSIX
        return 0
    return max(int(min([most, *_group_limits()]) * _SHARE) // processes, _LEAST_BYTES)


def _group_limits() -> list[int]:
    """What control groups allow this process."""
    try:
        own = _GROUP.read_text().partition("::")[2].split("\n")[0].strip("/")
    except OSError:
        return []
    limits: list[int] = []
    for folder in {_GROUPS, _GROUPS / own}:
        try:
            limits.append(int((folder / "memory.max").read_text()))
        except (OSError, ValueError):  # there is none, or it says "max"
            continue
    return limits


async def watch(pressure: Pressure) -> None:
    """Keep `pressure` up to date, and tell when it is high, until cancelled."""
    told = False
    while True:
        pressure.held_bytes = resident_bytes()
        if pressure.high and not told:
            held, limit = pressure.held_bytes / 1e6, pressure.limit_bytes / 1e6
            text = "%.0f MB of memory are held, over memory-limit (%.0f MB): new requests get a 503"
            _log.warning(text, held, limit)
        elif told and not pressure.high:
            _log.info("memory is within memory-limit again")
        told = pressure.high
        await trio.sleep(_EVERY_S)
