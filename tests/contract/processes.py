"""Real `llm-mux` processes on loopback, started the way a user starts them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.conftest import ROOT

_START_S = 30
_ENVIRONMENT = ("PATH", "HOME", "LANG", "VIRTUAL_ENV", "SYSTEMROOT", "COVERAGE_PROCESS_START")


def free_port() -> int:
    """A port nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def llm_mux(*arguments: str, config: str = "") -> Iterator[str]:
    """The base URL of a running `llm-mux`. `config` is the text of its configuration file."""
    port = free_port()
    with tempfile.TemporaryDirectory() as home:
        environment = {key: os.environ[key] for key in _ENVIRONMENT if key in os.environ}
        environment["XDG_CONFIG_HOME"] = home
        command = [sys.executable, "-m", "mux", *arguments, "--port", str(port)]
        if config:
            path = Path(home) / "config.yaml"
            path.write_text(config, encoding="utf-8")
            path.chmod(0o600)
            command += ["--config", str(path)]
        log = (Path(home) / "log").open("wb")
        process = subprocess.Popen(
            command, env=environment, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT
        )
        url = f"http://127.0.0.1:{port}"
        try:
            _wait(url, process, Path(home) / "log")
            yield url
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            log.close()


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            httpx.get(f"{url}/healthz", timeout=1)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"llm-mux did not start:\n{log.read_text(errors='replace')}")
