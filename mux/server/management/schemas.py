"""The shapes of bodies and data, as JSON Schema: what the OpenAPI document says of them."""

from __future__ import annotations

from typing import Final

from mux.ir import JSON, Object

STRING: Final[Object] = {"type": "string"}
BOOLEAN: Final[Object] = {"type": "boolean"}
WHOLE: Final[Object] = {"type": "integer", "minimum": 0}
NUMBER: Final[Object] = {"type": "number"}
LIMITED: Final[Object] = {"type": "integer", "minimum": 0, "maximum": 2**31 - 1}
ANY_OBJECT: Final[Object] = {"type": "object"}


def struct(required: Object, optional: Object | None = None, *, closed: bool = False) -> Object:
    """An object with these members."""
    out: Object = {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": [*required],
    }
    return out | {"additionalProperties": False} if closed else out


def listed(items: Object) -> Object:
    """An array of `items`."""
    return {"type": "array", "items": items}


def mapped(values: Object) -> Object:
    """An object with any names and these values."""
    return {"type": "object", "additionalProperties": values}


def either(*schemas: Object) -> Object:
    """One of several shapes."""
    alternatives: list[JSON] = [*schemas]
    return {"anyOf": alternatives}


def items_or_list(items: Object) -> Object:
    """An array, or the same as the member ``items``."""
    return either(listed(items), struct({"items": listed(items)}))


RESTART: Final[Object] = {"restart": listed(STRING)}
"""The keys whose new values wait for a restart."""

OK: Final = struct({"status": STRING}, RESTART)
TEXTS: Final = mapped(listed(STRING))

CLIENT: Final = struct({"key": STRING}, {"name": STRING, "limits": ANY_OBJECT})
KEYS: Final = struct(
    {
        "api-keys": listed(STRING),
        "clients": listed(
            struct({"id": STRING, "name": STRING, "key": STRING, "limits": ANY_OBJECT})
        ),
    }
)

PROVIDER: Final = struct(
    {"type": STRING},
    {
        "name": STRING,
        "enabled": BOOLEAN,
        "api-key": STRING,
        "api-keys": listed(struct({"key": STRING}, {"proxy-url": STRING})),
        "base-url": STRING,
        "proxy-url": STRING,
        "headers": mapped(STRING),
        "models": listed(struct({"name": STRING}, {"alias": STRING})),
        "excluded-models": listed(STRING),
    },
)

AUTH_FILE: Final = struct(
    {
        "id": STRING,
        "name": STRING,
        "type": STRING,
        "provider": STRING,
        "email": STRING,
        "status": {"enum": ["active", "disabled", "error", "cooling", "unavailable"]},
        "status_message": STRING,
        "disabled": BOOLEAN,
        "unavailable": BOOLEAN,
        "source": {"enum": ["file", "memory"]},
        "size": WHOLE,
        "modtime": STRING,
        "updated_at": STRING,
    }
)

_TOKENS: Final = struct({"total": WHOLE, "input": WHOLE, "output": WHOLE}, {"reasoning": WHOLE})
_COUNTS: Final[Object] = {
    "requests": WHOLE,
    "success": WHOLE,
    "failure": WHOLE,
    "tokens": _TOKENS,
}
USAGE: Final = struct(
    {
        "summary": struct(
            {
                "total_requests": WHOLE,
                "success_count": WHOLE,
                "failure_count": WHOLE,
                "tokens": _TOKENS,
            }
        ),
        "by_provider": mapped(struct({**_COUNTS, "accounts": WHOLE, "models": listed(STRING)})),
        "by_account": mapped(struct({**_COUNTS, "provider": STRING, "auth_id": STRING})),
        "by_model": mapped(struct({**_COUNTS, "provider": STRING})),
        "timeline": struct(
            {
                "by_day": listed(struct({"day": STRING, "requests": WHOLE, "tokens": WHOLE})),
                "by_hour": listed(struct({"hour": WHOLE, "requests": WHOLE, "tokens": WHOLE})),
            }
        ),
        "period": struct({"from": STRING, "to": STRING, "retention_days": WHOLE}),
    }
)

EXPLAIN: Final = struct(
    {"dialect": STRING, "body": ANY_OBJECT},
    {"model": STRING, "stream": BOOLEAN, "strict": BOOLEAN, "headers": mapped(STRING)},
)
_UPLOAD: Final[Object] = {"type": "string", "contentMediaType": "application/json"}
UPLOAD: Final = either(struct({"file": _UPLOAD}), struct({"files": _UPLOAD}))
VERTEX: Final = struct({"file": _UPLOAD}, {"location": STRING})
