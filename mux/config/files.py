"""Files that only their owner may read, written whole or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from tempfile import NamedTemporaryFile

from mux.config.problems import Problem


def exposed(path: Path) -> tuple[Problem, bool] | None:
    """What other users may do to the file at `path`, and whether it must not be used for that.

    A folder they can write to lets them put another file in its place, unless it is sticky as
    ``/tmp`` is. Raises `OSError`.
    """
    mode, folder = path.stat().st_mode, path.parent.stat().st_mode
    if os.name != "posix" or not stat.S_ISREG(mode):
        return None
    if mode & stat.S_IWOTH:
        return Problem("", f"{path} can be changed by every user of this machine: chmod 600"), True
    if folder & stat.S_IWOTH and not folder & stat.S_ISVTX:
        words = "lets every user of this machine replace its files: chmod 700"
        return Problem("", f"{path.parent} {words}"), True
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        what = "read" if mode & (stat.S_IRGRP | stat.S_IROTH) else "changed"
        return Problem("", f"{path} can be {what} by other users of this machine: chmod 600"), False
    return None


def make_folder(path: Path) -> None:
    """A folder of mode 0700 at `path`, with what leads to it; one that is there is narrowed."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.chmod(0o700)


def write(path: Path, text: str) -> None:
    """Put `text` in the file at `path`, mode 0600 whatever the umask.

    Whoever reads it, at any moment and after any crash, finds the old content or the new.
    """
    try:
        _write(path, text)
    except OSError as error:
        error.filename = str(path)  # a write that fails does not say of what
        raise
    if os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _write(path: Path, text: str) -> None:
    with NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
    ) as file:
        try:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
