"""Environments of the peers below the user's cache, made when first needed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from bench.targets import NotToBeHad

_LAST_WORDS = 300


def environments() -> Path:
    """Where the peers are installed."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "llm-mux" / "bench"


def installed(name: str, *commands: list[str]) -> Path:
    """The folder of the environment `name`, made by `commands` if it is not there.

    Raises `NotToBeHad` if one of them fails; then all are tried again the next time.
    """
    folder = environments() / name
    done = folder / ".installed"
    if done.exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    for command in commands:
        try:
            ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        except OSError as error:
            raise NotToBeHad(f"{name}: {command[0]}: {error.strerror}") from None
        if ran.returncode:
            words = (ran.stderr or ran.stdout).strip()[-_LAST_WORDS:]
            raise NotToBeHad(f"{name}: {' '.join(command)}: {words}")
    done.touch()
    return folder
