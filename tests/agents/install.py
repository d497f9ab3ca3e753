"""Gets the agent programs from npm, each version once, into a folder of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.agents.programs import Program

_INSTALL_S = 600


class NotInstalled(Exception):
    """The program cannot be had; the message says why."""


def cache_folder() -> Path:
    """``$LLM_MUX_AGENTS``, else below the user's cache folder."""
    if chosen := os.environ.get("LLM_MUX_AGENTS"):
        return Path(chosen).absolute()
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "llm-mux" / "agents"


def installed(program: Program, cache: Path) -> Path:
    """The program's executable, installed if it is not yet. Raises `NotInstalled`."""
    folder = cache / f"{program.client}-{program.version}"
    binary = folder / "node_modules" / ".bin" / program.binary
    if not binary.exists():
        _install(program, folder)
    try:
        subprocess.run([binary, "--version"], capture_output=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        raise NotInstalled(f"{binary} does not run: {error}") from None
    return binary


def _install(program: Program, folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise NotInstalled("there is no npm on this machine")
    folder.mkdir(parents=True, exist_ok=True)
    wanted = f"{program.package}@{program.version}"
    command = [npm, "install", "--no-fund", "--no-audit", "--prefix", str(folder), wanted]
    try:
        done = subprocess.run(
            command, check=False, cwd=folder, capture_output=True, text=True, timeout=_INSTALL_S
        )
    except subprocess.TimeoutExpired:
        raise NotInstalled(f"npm took over {_INSTALL_S} s to install {wanted}") from None
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if "error" in line.lower()]
        raise NotInstalled(f"npm cannot install {wanted}: {(said or ['no reason given'])[0]}")
