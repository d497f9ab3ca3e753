"""Counting tokens without asking anybody."""

from __future__ import annotations

from mux.tokens.estimate import estimate

__all__ = ["estimate"]
