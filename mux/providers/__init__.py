"""Who we call."""

from __future__ import annotations

from mux.providers._base import Key, Provider
from mux.providers._configured import from_settings

__all__ = ["Key", "Provider", "from_settings"]
