"""Settings as JSON, keys as in the file, every secret masked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import msgspec
from msgspec.structs import fields

from mux.config import ClientKey, ModelSettings, ProviderSettings, Settings
from mux.config.provider import KeySettings
from mux.ir import JSON, Object


def settings(value: Settings) -> Object:
    """All of the settings in force."""
    return {field.encode_name: shown(getattr(value, field.name)) for field in fields(Settings)}


def provider(value: ProviderSettings) -> Object:
    """A provider, without what it leaves at its default."""
    told = {key: member for key, member in _members(value).items() if member is not None}
    return {"name": value.name, **told}


def client(value: ClientKey) -> JSON:
    """A client's key; alone if there is nothing else to say of it."""
    members = _members(value)
    return members["key"] if len(members) == 1 else members


def shown(value: object) -> JSON:
    """Any part of the settings."""
    if isinstance(value, msgspec.Struct):
        return _section(value)
    if isinstance(value, Mapping):
        mapping = cast("Mapping[str, object]", value)
        return {key: shown(member) for key, member in mapping.items()}
    if isinstance(value, tuple | list):
        return [shown(item) for item in cast("list[object]", value)]
    return _leaf(value)


def _leaf(value: object) -> JSON:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):  # sizes and durations too
        number = float(value)
        return int(number) if number.is_integer() else number
    return str(value)  # a secret shows its ends only


def _section(value: msgspec.Struct) -> JSON:
    if isinstance(value, ProviderSettings):
        return provider(value)
    if isinstance(value, ClientKey):
        return client(value)
    if isinstance(value, ModelSettings):
        return _model(value)
    if isinstance(value, KeySettings):
        return _members(value)
    return {field.encode_name: shown(getattr(value, field.name)) for field in fields(value)}


def _members(value: msgspec.Struct) -> Object:
    """The members of `value` that are not at their default."""
    told: Object = {}
    for field in fields(value):
        member: object = getattr(value, field.name)
        default: object = field.default
        if field.default_factory is not msgspec.NODEFAULT:
            default = field.default_factory()
        if field.required or member != default:
            told[field.encode_name] = shown(member)
    return told


def _model(value: ModelSettings) -> Object:
    told = _members(value)
    told.pop("abilities", None)
    beside = {key.replace("_", "-"): shown(member) for key, member in value.abilities.items()}
    return told | beside
