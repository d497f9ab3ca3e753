"""Sockets out."""

from __future__ import annotations

from mux.upstream._base import Opening, Reply, Transport, opening

__all__ = ["Opening", "Reply", "Transport", "opening"]
