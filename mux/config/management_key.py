"""The key of the management API: an environment variable, else a file beside the configuration."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from mux.config import files
from mux.config.problems import ConfigError, Problem
from mux.config.secret import Secret
from mux.wire import json

FILE_NAME: Final = "credentials.json"
VARIABLE: Final = "LLM_MUX_MANAGEMENT_KEY"


def find(folder: Path, environ: Mapping[str, str]) -> Secret | None:
    """The key in force, None if there is none. Raises `ConfigError` for a file that is no such."""
    if value := environ.get(VARIABLE, ""):
        return Secret(value)
    path = folder / FILE_NAME
    try:
        fields = json.load_object(path.read_bytes())
        exposed = files.exposed(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError([Problem("", f"{path}: {error.strerror}")]) from None
    if exposed is not None and exposed[1]:
        raise ConfigError([exposed[0]])
    key = (fields or {}).get("management-key")
    if not isinstance(key, str) or not key:
        message = f"{path} holds no management-key; `llm-mux init --force` makes a new one"
        raise ConfigError([Problem("", message)])
    return Secret(key)


def make(folder: Path, now: datetime) -> Secret:
    """A new key of 256 random bits, written in place of any old one."""
    key = secrets.token_urlsafe(32)
    created = now.isoformat(timespec="seconds")
    text = json.text({"management-key": key, "created-at": created, "version": 1})
    files.write(folder / FILE_NAME, f"{text}\n")
    return Secret(key)
