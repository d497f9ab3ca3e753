"""The management API: the configuration, keys, credentials, logs and figures, over HTTP."""

from __future__ import annotations

from mux.server.management.app import Management
from mux.server.management.asked import Usage

__all__ = ["Management", "Usage"]
