"""A PostgreSQL server of our own, where its programs are installed."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

_DEBIAN = Path("/usr/lib/postgresql")
_USER = "mux"
_OPTIONS = "-c listen_addresses='' -c max_connections=20 -c shared_buffers=16MB"


def programs() -> Path | None:
    """The folder of `initdb` and `pg_ctl`, the newest there is."""
    folders = sorted(_DEBIAN.glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    if found := shutil.which("initdb"):
        folders.append(Path(found).resolve().parent)
    return next((path for path in folders if (path / "pg_ctl").exists()), None)


def unprivileged() -> dict[str, int]:
    """Arguments for `subprocess`: the server refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam("nobody")
    return {"user": user.pw_uid, "group": user.pw_gid}


@contextmanager
def server() -> Iterator[str]:
    """The DSN of a running server, reached through a socket in a folder of its own."""
    folder = programs()
    assert folder is not None
    who = unprivileged()
    with tempfile.TemporaryDirectory(prefix="mux-pg-") as temporary:
        if who:
            os.chown(temporary, who["user"], who["group"])
        data = f"{temporary}/data"

        def run(program: str, *arguments: str) -> None:
            subprocess.run(
                [str(folder / program), "-D", data, *arguments],
                check=True,
                stdout=subprocess.DEVNULL,
                stdin=subprocess.DEVNULL,
                cwd=temporary,
                timeout=120,
                **who,
            )

        run("initdb", "-U", _USER, "-A", "trust", "-E", "UTF8", "--no-sync")
        run("pg_ctl", "-w", "-l", f"{temporary}/log", "-o", f"{_OPTIONS} -k {temporary}", "start")
        try:
            yield f"postgresql://{_USER}@/postgres?host={temporary}"
        finally:
            run("pg_ctl", "-w", "-m", "immediate", "stop")


def fresh_database(dsn: str, name: str) -> str:
    """The DSN of a new, empty database on the server of `dsn`."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    return dsn.replace("/postgres?", f"/{name}?")
