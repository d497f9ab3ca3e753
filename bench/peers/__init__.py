"""What llm-mux is held against: each runs before the same mock upstream, on the same core.

What has to be installed goes into a folder of its own below the user's cache; what cannot be had
raises `NotToBeHad`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final, TypeAlias

from bench.peers import claude_code_router, hypercorn, litellm, nginx
from bench.targets import Target

Start: TypeAlias = Callable[[int, Path], AbstractContextManager[Target]]
"""Starts a peer before the mock on a port, with its files in a folder."""

PEERS: Final[dict[str, Start]] = {
    hypercorn.NAME: hypercorn.start,
    nginx.NAME: nginx.start,
    litellm.NAME: litellm.start,
    claude_code_router.NAME: claude_code_router.start,
}
"""By name, cheapest first."""


def versions(names: Iterable[str]) -> dict[str, str]:
    """What is installed of those that are installed here."""
    known = {
        nginx.NAME: nginx.version(),
        litellm.NAME: litellm.version(),
        claude_code_router.NAME: claude_code_router.VERSION,
    }
    return {name: known[name] for name in names if known.get(name)}
