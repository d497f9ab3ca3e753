"""LiteLLM's proxy from PyPI, one worker, without a database and with nothing logged."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bench.peers._installed import environments, installed
from bench.processes import free_port
from bench.targets import Pair, Target, listening, model_of

NAME: Final = "litellm"
_PACKAGE: Final = "litellm[proxy]"
_START_S: Final = 120.0
_CLIENTS: Final = ("openai_chat", "openai_responses", "anthropic")
_UPSTREAMS: Final = {
    "openai_chat": ("openai/bench-chat", "/v1"),
    "anthropic": ("anthropic/bench-anthropic", ""),
    "gemini": ("gemini/bench-gemini", ""),
    "ollama": ("ollama_chat/bench-ollama", ""),
}
"""What LiteLLM calls a model of each dialect, and where its API is below the mock's address."""

_MODEL: Final = """\
  - model_name: {name}
    litellm_params: {{model: {model}, api_base: "{url}", api_key: sk-bench}}
"""
_SETTINGS: Final = """\
litellm_settings: {telemetry: false, drop_params: true, num_retries: 0, request_timeout: 600}
"""


def _serves(pair: Pair) -> bool:
    return pair.client in _CLIENTS and pair.upstream in _UPSTREAMS


def version() -> str:
    """What pip installed; empty where there is nothing."""
    found = (environments() / NAME).glob("lib/python*/site-packages/litellm-*.dist-info")
    return next((path.name.removesuffix(".dist-info").rpartition("-")[2] for path in found), "")


@contextmanager
def start(mock_port: int, folder: Path) -> Generator[Target]:
    """The newest version pip can install, as its documentation says to run it in production."""
    pip = ["bin/python", "-m", "pip", "install", "--quiet", _PACKAGE]
    environment = installed(NAME, [sys.executable, "-m", "venv", "."], pip)
    home = folder / NAME
    home.mkdir()
    models = "".join(
        _MODEL.format(
            name=model_of(upstream), model=model, url=f"http://127.0.0.1:{mock_port}{below}"
        )
        for upstream, (model, below) in _UPSTREAMS.items()
    )
    config = home / "config.yaml"
    config.write_text(f"model_list:\n{models}{_SETTINGS}", encoding="utf-8")
    port = free_port()
    command = [str(environment / "bin" / "litellm"), "--config", str(config)]
    command += ["--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
    variables = {
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_MODE": "PRODUCTION",
        "LITELLM_LOG": "ERROR",
        "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
        "PATH": f"{environment / 'bin'}:/usr/bin:/bin",
    }
    with listening(
        command, NAME, port, home, _serves, environment=variables, patience_s=_START_S
    ) as target:
        yield target
