"""From a model name to the providers that can answer for it."""

from __future__ import annotations

from mux.routing.ref import ModelRef
from mux.routing.router import Candidate, Listed, Router

__all__ = ["Candidate", "Listed", "ModelRef", "Router"]
