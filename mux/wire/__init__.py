"""Framing: bytes to records and back, knowing no field name of any provider."""

from __future__ import annotations

from mux.wire import json, ndjson, sse
from mux.wire.doc import Doc
from mux.wire.memo import Memo, each, remembered
from mux.wire.shared import Shared, stand_in

__all__ = ["Doc", "Memo", "Shared", "each", "json", "ndjson", "remembered", "sse", "stand_in"]
