"""The quirks in force: how each model departs from one of which nothing is known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, cast

from msgspec.structs import fields

from mux.config import Settings
from mux.ir import JSON, Abilities, Object
from mux.models import Catalog
from mux.providers import from_settings
from mux.routing import Router

_PLAIN: Final = Abilities()
_NAMES_SHOWN: Final = 4


def departures(settings: Settings, *, every: bool = True) -> Iterator[Object]:
    """Each model that can be listed, with the abilities that are not those of an unknown host.

    Without `every` only those of which the configuration itself says something.
    """
    router = Router(from_settings(settings), settings, Catalog())
    for row in router.models():
        first = router.candidates(row.id)[0]
        if every or first.provider.models or first.provider.overrides:
            yield {
                "id": row.id,
                "provider": first.provider.name,
                "model": first.model,
                "dialects": [*first.provider.codecs],
                "abilities": _different(first.abilities),
            }


def grouped(settings: Settings, *, every: bool) -> list[tuple[str, str, str]]:
    """The same for people: the models of a provider that are alike in one row."""
    rows: dict[tuple[str, str], list[str]] = {}
    for told in departures(settings, every=every):
        words = ", ".join(_words(told["abilities"])) or "none, everything is passed on"
        rows.setdefault((str(told["provider"]), words), []).append(str(told["id"]))
    return [(provider, _few(names), words) for (provider, words), names in rows.items()]


def _different(abilities: Abilities) -> Object:
    told: Object = {}
    for field in fields(Abilities):
        value: object = getattr(abilities, field.name)
        if value != getattr(_PLAIN, field.name):
            told[field.encode_name] = _plain(value)
    return told


def _plain(value: object) -> JSON:
    if isinstance(value, tuple):
        return [_plain(item) for item in cast("tuple[object, ...]", value)]
    return value if isinstance(value, bool | int) else str(value)


def _words(abilities: JSON) -> Iterator[str]:
    for field, value in (abilities if isinstance(abilities, dict) else {}).items():
        name = field.replace("_", "-")
        if isinstance(value, bool):
            yield name if value else f"no {name}"
        elif isinstance(value, list):
            yield f"{name} {'/'.join(map(str, value))}"
        else:
            yield f"{name} {value}"


def _few(names: list[str]) -> str:
    more = len(names) - _NAMES_SHOWN
    shown = ", ".join(names[:_NAMES_SHOWN])
    return f"{shown} and {more} more" if more > 0 else shown
