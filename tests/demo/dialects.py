"""The dialects that the demo can be asked in here."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from mux.codecs._base import Codec
from mux.providers.demo import DIALECTS

CODECS: dict[str, Codec] = {
    name: import_module(f"mux.codecs.{name}").CODEC
    for name in sorted(set(DIALECTS.values()))
    if find_spec(f"mux.codecs.{name}") and hasattr(import_module(f"mux.codecs.{name}"), "CODEC")
}
