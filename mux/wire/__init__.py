"""Framing: bytes to records and back, knowing no field name of any provider."""

from __future__ import annotations

from mux.wire import json, ndjson, sse
from mux.wire.doc import Doc
from mux.wire.memo import remembered

__all__ = ["Doc", "json", "ndjson", "remembered", "sse"]
