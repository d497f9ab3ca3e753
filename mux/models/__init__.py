"""What models can do: the shipped catalogue and its lookups."""

from __future__ import annotations

from mux.models.catalog import Catalog, ModelInfo
from mux.models.prices import Price

__all__ = ["Catalog", "ModelInfo", "Price"]
