"""Sockets out."""

from __future__ import annotations

from mux.upstream._base import Reply, Transport

__all__ = ["Reply", "Transport"]
