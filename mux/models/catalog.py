"""The shipped table of models, and lookups in it (translation spec section 21).

A model's abilities are those of its provider's type, changed by the row with the longest prefix of
its name. Unknown models therefore get what is safe for their kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache
from importlib import resources
from typing import Final

import msgspec

from mux.ir import Abilities, ReasoningMode
from mux.models.prices import Price, price_of

_VENDORS: Final = ("models/", "anthropic/", "openai/", "google/", "~")
"""What may stand before the vendor's own name of a model."""
_UNKNOWN_CONTEXT: Final = 131_072
_UNKNOWN_OUTPUT: Final = 16_384
_REMEMBERED: Final = 4096
"""Lookups kept: clients choose the names, so that there is no end of them."""
_EPOCH: Final = 1_735_689_600
"""Start of 2025: listings want a time, and few vendors publish one."""


class Row(msgspec.Struct, frozen=True, rename="kebab", forbid_unknown_fields=True):
    """One line of the table.

    `match` is the beginning of the names it is about and `listed` are those shown in listings.
    `abilities` are fields of `ir.Abilities`; `source` and `date` say where and when they were read.
    """

    type: str
    match: str
    name: str
    source: str
    date: str
    context: int | None = None
    max_output: int | None = None
    listed: tuple[str, ...] = ()
    abilities: Mapping[str, object] = {}


class _Table(msgspec.Struct, frozen=True):
    defaults: Mapping[str, Mapping[str, object]]
    models: tuple[Row, ...]


class ModelInfo(msgspec.Struct, frozen=True):
    """What a listing says of a model. `created` is in seconds since the epoch."""

    id: str
    display_name: str
    family: str
    context: int
    max_output: int
    capabilities: tuple[str, ...]
    """Ollama's words: ``completion tools vision thinking``"""
    created: int = _EPOCH


@cache
def _table() -> _Table:
    data = resources.files("mux.models").joinpath("data.json").read_bytes()
    return msgspec.json.decode(data, type=_Table)


class Catalog:
    """Lookups by provider type and the provider's own name of a model."""

    def abilities(self, provider_type: str, model: str) -> Abilities:
        """What `model` accepts at a provider of that type (``openai-compatible`` is one)."""
        return _abilities(provider_type, model)

    def describe(
        self, provider_type: str, model: str, abilities: Abilities | None = None
    ) -> ModelInfo:
        """`model` for listings; what nobody knows is a modest guess.

        `abilities` are those of the catalogue unless somebody knows better.
        """
        abilities = abilities or self.abilities(provider_type, model)
        row = _row(provider_type, model) or _row_of_any_vendor(model)
        thinks = abilities.reasoning not in (ReasoningMode.NONE, ReasoningMode.UNKNOWN)
        words = (("tools", abilities.tools), ("vision", abilities.vision), ("thinking", thinks))
        return ModelInfo(
            id=model,
            display_name=row.name if row is not None else model,
            family=row.match.partition("-")[0] if row is not None else "unknown",
            context=abilities.context or (row and row.context) or _UNKNOWN_CONTEXT,
            max_output=abilities.max_output or (row and row.max_output) or _UNKNOWN_OUTPUT,
            capabilities=("completion", *(word for word, has in words if has)),
        )

    def price(self, provider_type: str, model: str) -> Price | None:
        """What `model` costs at that provider, as far as is known."""
        return _price(provider_type, model)

    def known(self, provider_type: str) -> list[str]:
        """The names to list for a provider whose configuration names no models."""
        return [name for row in _table().models if row.type == provider_type for name in row.listed]


def _bare(model: str) -> str:
    for vendor in _VENDORS:
        model = model.removeprefix(vendor)
    return model


@lru_cache(_REMEMBERED)
def _price(provider_type: str, model: str) -> Price | None:
    return price_of(provider_type, _bare(model))


@lru_cache(_REMEMBERED)
def _abilities(provider_type: str, model: str) -> Abilities:
    fields = dict(_table().defaults.get(provider_type, {}))
    row = _row(provider_type, model)
    if row is not None:
        fields |= {"context": row.context, "max_output": row.max_output, **row.abilities}
    return msgspec.convert(fields, Abilities)


@lru_cache(_REMEMBERED)
def _row(provider_type: str, model: str) -> Row | None:
    """The row with the longest prefix of `model`, a name or tag of its vendor's aside."""
    name = _bare(model)
    rows = [
        row for row in _table().models if row.type == provider_type and name.startswith(row.match)
    ]
    return max(rows, key=lambda row: len(row.match), default=None)


def _row_of_any_vendor(model: str) -> Row | None:
    found = [_row(kind, model) for kind in _table().defaults]
    rows = [row for row in found if row is not None]
    return max(rows, key=lambda row: len(row.match), default=None)
