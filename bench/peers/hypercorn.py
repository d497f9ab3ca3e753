"""A bare hypercorn-on-trio app that gives the mock's answers itself: what the server alone costs.

It calls no upstream and translates nothing: a gateway on hypercorn and trio cannot be cheaper.
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bench.processes import ROOT, free_port
from bench.targets import Target, listening, same_only

NAME: Final = "hypercorn"


@contextmanager
def start(mock_port: int, folder: Path) -> Generator[Target]:
    """The app in `bench.bare`; it is told itself which answers to give."""
    del mock_port
    home = folder / NAME
    home.mkdir()
    port = free_port()
    command = [sys.executable, "-m", "bench.bare", str(port)]
    with listening(
        command, NAME, port, home, same_only, folder=ROOT, answers_itself=True
    ) as target:
        yield target
