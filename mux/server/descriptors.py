"""File descriptors: as many as the system lets us have, and what they are enough for."""

from __future__ import annotations

import logging
import sys
from typing import Final

from mux.server.listen import BindError

MOST_CONNECTIONS: Final = 8192
_OWN: Final = 64
"""What the server itself has open: listeners, libraries, databases."""
_LEAST: Final = 2 * _OWN
_WANTED: Final = _OWN + 2 * MOST_CONNECTIONS
"""A connection of a client has one to an upstream beside it."""

_log: Final = logging.getLogger("mux.server")


def connection_limit() -> int:
    """How many clients can be served at once. Raises `BindError` if hardly any."""
    available = _available()
    if available < _LEAST:
        raise BindError(
            f"only {available} files can be open at once; allow at least 1024, see `ulimit -n`"
        )
    if available < _WANTED:
        limit = (available - _OWN) // 2
        _log.warning(
            "only %d files can be open at once, enough for %d connections; see `ulimit -n`",
            available,
            limit,
        )
        return limit
    return MOST_CONNECTIONS


if sys.platform == "win32":

    def _available() -> int:
        return _WANTED

else:
    import resource

    def _available() -> int:
        """The limit on open files, raised as far as it may be and makes sense."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft == resource.RLIM_INFINITY:
            return _WANTED
        wanted = _WANTED if hard == resource.RLIM_INFINITY else min(hard, _WANTED)
        if soft < wanted:
            try:
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            except (OSError, ValueError):
                return soft
            soft = wanted
        return soft
