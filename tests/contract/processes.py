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

UPSTREAMS = ("chat", "responses", "anthropic", "gemini", "ollama")
"""Kinds of upstream; the model that leads to one of them is ``via-<kind>``."""

_UPSTREAMS_CONFIG = """
providers:
  - {{type: openai, name: chat, base-url: "{url}/v1", dialect: [openai_chat],
     models: [{{name: demo-chat, alias: via-chat}}]}}
  - {{type: openai, name: responses, base-url: "{url}/v1", dialect: [openai_responses],
     models: [{{name: demo-responses, alias: via-responses}}]}}
  - {{type: anthropic, name: messages, base-url: "{url}",
     models: [{{name: demo-anthropic, alias: via-anthropic}}]}}
  - {{type: gemini, name: generate, base-url: "{url}",
     models: [{{name: demo-gemini, alias: via-gemini}}]}}
  - {{type: ollama, name: native, base-url: "{url}",
     models: [{{name: demo-ollama, alias: via-ollama}}]}}
"""


def config_of_upstreams(url: str) -> str:
    """The configuration of a server whose upstreams are the demo at `url`, in every dialect."""
    return _UPSTREAMS_CONFIG.format(url=url)


def free_port() -> int:
    """A port nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def llm_mux(
    *arguments: str, config: str = "", log_to: Path | None = None, **variables: str
) -> Iterator[str]:
    """The base URL of a running `llm-mux`. `config` is the text of its configuration file, and
    `variables` are in its environment."""
    port = free_port()
    with tempfile.TemporaryDirectory() as home:
        environment = {key: os.environ[key] for key in _ENVIRONMENT if key in os.environ}
        environment |= {"XDG_CONFIG_HOME": home, **variables}
        command = [sys.executable, "-m", "mux", *arguments, "--port", str(port)]
        if config:
            path = Path(home) / "config.yaml"
            path.write_text(config, encoding="utf-8")
            path.chmod(0o600)
            command += ["--config", str(path)]
        log_path = log_to or Path(home) / "log"
        log = log_path.open("wb")
        process = subprocess.Popen(
            command, env=environment, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT
        )
        url = f"http://127.0.0.1:{port}"
        try:
            _wait(url, process, log_path)
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
