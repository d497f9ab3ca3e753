"""From a model name to the providers that can answer for it."""

from __future__ import annotations

from mux.routing.health import Health
from mux.routing.ref import ModelRef
from mux.routing.router import Candidate, Listed, Router
from mux.routing.select import Sessions, select

__all__ = ["Candidate", "Health", "Listed", "ModelRef", "Router", "Sessions", "select"]
