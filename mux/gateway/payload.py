"""Fields of upstream requests that the configuration fills in or sets (its `payload`)."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import cast

from mux.config.settings import Payload, PayloadRule
from mux.ir import JSON, Object
from mux.wire import json


def apply(payload: Payload, body: bytes, *, model: str, dialect: str) -> bytes:
    """`body`, a request in `dialect` for the provider's `model`, after all rules that are for it.

    Defaults fill in what is not there, overrides set their fields whatever is; `null` takes a field
    away. Untouched, `body` comes back as it is, byte by byte.
    """
    defaults = [rule for rule in payload.default if _is_for(rule, model, dialect)]
    overrides = [rule for rule in payload.override if _is_for(rule, model, dialect)]
    if not defaults and not overrides:
        return body
    fields = json.load_object(body)
    if fields is None:
        return body
    for path, value in _params(defaults):
        _put(fields, path, value, anyway=False)
    for path, value in _params(overrides):
        _put(fields, path, value, anyway=True)
    return json.dumps(fields)


def _is_for(rule: PayloadRule, model: str, dialect: str) -> bool:
    return any(
        fnmatchcase(model, wanted.name) and wanted.protocol.replace("-", "_") in ("", dialect)
        for wanted in rule.models
    )


def _params(rules: Iterable[PayloadRule]) -> Iterable[tuple[list[str], JSON]]:
    for rule in rules:
        for path, value in rule.params.items():
            yield path.split("."), cast("JSON", value)  # YAML holds nothing else


def _put(fields: Object, path: list[str], value: JSON, *, anyway: bool) -> None:
    """Set the field at `path`, making the objects on the way; what is no object ends the way."""
    *parents, last = path
    for name in parents:
        inner = fields.setdefault(name, {})
        if not isinstance(inner, dict):
            return
        fields = inner
    if value is None and anyway:
        fields.pop(last, None)
    elif anyway or last not in fields:
        fields[last] = value
