"""claude-code-router from npm: Anthropic clients to an OpenAI-compatible or Anthropic upstream."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bench.peers._installed import installed
from bench.processes import free_port
from bench.targets import Pair, Target, listening
from mux.ir import JSON
from mux.wire import json

NAME: Final = "claude-code-router"
VERSION: Final = "2.0.0"
_MODELS: Final = {"openai_chat": "chat,bench-chat", "anthropic": "messages,bench-anthropic"}


def _serves(pair: Pair) -> bool:
    return pair.client == "anthropic" and pair.upstream in _MODELS


@contextmanager
def start(mock_port: int, folder: Path) -> Generator[Target]:
    """The router as `ccr start` runs it, with the log it keeps unless told otherwise."""
    package = f"@musistudio/claude-code-router@{VERSION}"
    install = ["npm", "install", "--no-audit", "--no-fund", "--prefix", ".", package]
    environment = installed(f"claude-code-router-{VERSION}", install)
    home = folder / NAME
    (home / ".claude-code-router").mkdir(parents=True)
    port = free_port()
    config = home / ".claude-code-router" / "config.json"
    config.write_bytes(json.dumps(_config(port, f"http://127.0.0.1:{mock_port}")))
    command = [str(environment / "node_modules" / ".bin" / "ccr"), "start"]
    with listening(command, NAME, port, home, _serves, models=_MODELS) as target:
        yield target


def _config(port: int, mock_url: str) -> JSON:
    return {
        "HOST": "127.0.0.1",
        "PORT": port,
        "NON_INTERACTIVE_MODE": True,
        "Providers": [
            {
                "name": "chat",
                "api_base_url": f"{mock_url}/v1/chat/completions",
                "api_key": "sk-bench",
                "models": ["bench-chat"],
            },
            {
                "name": "messages",
                "api_base_url": f"{mock_url}/v1/messages",
                "api_key": "sk-bench",
                "models": ["bench-anthropic"],
                "transformer": {"use": ["Anthropic"]},
            },
        ],
        "Router": {"default": "chat,bench-chat"},
    }
