"""Settings: what the user configured, read from file, environment and command line."""

from __future__ import annotations

from mux.config.client import ClientKey, Limits, client_id
from mux.config.edit import edit
from mux.config.load import Loaded, config_folder, load
from mux.config.problems import ConfigError, Problem
from mux.config.provider import ModelSettings, ProviderSettings, ProviderType
from mux.config.secret import Secret
from mux.config.settings import Settings

__all__ = [
    "ClientKey",
    "ConfigError",
    "Limits",
    "Loaded",
    "ModelSettings",
    "Problem",
    "ProviderSettings",
    "ProviderType",
    "Secret",
    "Settings",
    "client_id",
    "config_folder",
    "edit",
    "load",
]
