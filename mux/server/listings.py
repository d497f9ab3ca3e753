"""Model listings in the shape each client expects (translation spec section 25).

The OpenAI and Anthropic objects are supersets of one another, so that a client whose headers were
misread still finds its fields.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from mux.errors import InvalidRequest, NotFound
from mux.ir import Object
from mux.models import ModelInfo
from mux.routing import Listed, Router

OLLAMA_VERSION: Final = "0.13.0"
"""What ``/api/version`` says: clients refuse to talk to older servers."""

_GEMINI_METHODS: Final = ("generateContent", "streamGenerateContent", "countTokens")
_PAGE: Final = 1000


@dataclass(frozen=True, slots=True)
class _Row:
    """A model under the name clients use, with what the catalogue knows of it."""

    id: str
    owner: str
    info: ModelInfo

    @property
    def created_at(self) -> str:
        """RFC 3339."""
        moment = datetime.fromtimestamp(self.info.created, UTC)
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def shape_of(dialect: str, headers: Mapping[str, str], query: Mapping[str, str]) -> str:
    """Whose listing a client wants: ``openai anthropic gemini codex``."""
    if dialect == "gemini":
        return "gemini"
    if "anthropic-version" in headers or headers.get("user-agent", "").startswith("claude-cli"):
        return "anthropic"
    if "x-goog-api-key" in headers or "key" in query:
        return "gemini"
    return "codex" if "client_version" in query else "openai"


def all_models(router: Router, shape: str, query: Mapping[str, str]) -> Object:
    """The listing of everything the router knows."""
    rows = [_row(router, listed) for listed in router.models()]
    return _LISTS[shape](rows, query)


def one_model(router: Router, name: str, shape: str) -> Object:
    """One model in the shape of the listing. Raises `NotFound`."""
    row = _find(router, name)
    return _gemini_model(row) if shape == "gemini" else _model(row)


def ollama_show(router: Router, name: str) -> Object:
    """What ``/api/show`` says: capabilities and window are what clients look for."""
    row = _find(router, name)
    family = row.info.family
    return {
        "license": "",
        "modelfile": "",
        "parameters": "",
        "template": "",
        "details": _ollama_details(row),
        "model_info": {
            "general.architecture": family,
            f"{family}.context_length": row.info.context,
        },
        "capabilities": list(row.info.capabilities),
        "modified_at": row.created_at,
    }


def _row(router: Router, listed: Listed) -> _Row:
    return _Row(listed.id, listed.owned_by, router.describe(listed))


def _find(router: Router, name: str) -> _Row:
    name = name.removeprefix("models/")
    for wanted in (name, name.removesuffix(":latest")):
        for listed in router.models():
            if listed.id == wanted:
                return _row(router, listed)
    raise NotFound(f"model '{name[:200]}' not found", param="model", code="model_not_found")


def _model(row: _Row) -> Object:
    return {
        "id": row.id,
        "object": "model",
        "created": row.info.created,
        "owned_by": row.owner,
        "type": "model",
        "display_name": row.info.display_name,
        "created_at": row.created_at,
        "lifecycle": "active",
        "max_input_tokens": row.info.context,
        "max_tokens": row.info.max_output,
    }


def _openai(rows: list[_Row], query: Mapping[str, str]) -> Object:
    return {
        "object": "list",
        "data": [_model(row) for row in rows],
        "has_more": False,
        "first_id": rows[0].id if rows else None,
        "last_id": rows[-1].id if rows else None,
    }


def _anthropic(rows: list[_Row], query: Mapping[str, str]) -> Object:
    limit = _number(query, "limit", 20)
    ids = [row.id for row in rows]
    start = ids.index(query["after_id"]) + 1 if query.get("after_id") in ids else 0
    page = rows[start : start + limit]
    return {
        "object": "list",
        "data": [_model(row) for row in page],
        "has_more": start + limit < len(rows),
        "first_id": page[0].id if page else None,
        "last_id": page[-1].id if page else None,
    }


def _gemini(rows: list[_Row], query: Mapping[str, str]) -> Object:
    size = _number(query, "pageSize", 50)
    token = query.get("pageToken", "")
    start = int(token) if token.isdigit() and len(token) < 9 else 0
    body: Object = {"models": [_gemini_model(row) for row in rows[start : start + size]]}
    if start + size < len(rows):
        body["nextPageToken"] = str(start + size)
    return body


def _gemini_model(row: _Row) -> Object:
    return {
        "name": f"models/{row.id}",
        "baseModelId": row.id,
        "version": "001",
        "displayName": row.info.display_name,
        "description": row.info.display_name,
        "inputTokenLimit": row.info.context,
        "outputTokenLimit": row.info.max_output,
        "supportedGenerationMethods": list(_GEMINI_METHODS),
        "thinking": "thinking" in row.info.capabilities,
    }


def _codex(rows: list[_Row], query: Mapping[str, str]) -> Object:
    """Codex has a catalogue format of its own and takes an empty one as "use your defaults"."""
    return {"models": []}


def _ollama(rows: list[_Row], query: Mapping[str, str]) -> Object:
    return {"models": [_ollama_model(row) for row in rows]}


def _ollama_model(row: _Row) -> Object:
    return {
        "name": row.id,
        "model": row.id,
        "modified_at": row.created_at,
        "size": 1,
        "digest": hashlib.sha256(row.id.encode()).hexdigest(),
        "details": _ollama_details(row),
        "capabilities": list(row.info.capabilities),
    }


def _ollama_details(row: _Row) -> Object:
    return {
        "parent_model": "",
        "format": "api",
        "family": row.info.family,
        "families": [row.info.family],
        "parameter_size": "",
        "quantization_level": "",
        "context_length": row.info.context,
    }


def _number(query: Mapping[str, str], key: str, default: int) -> int:
    text = query.get(key, "")
    if not text:
        return default
    if not text.isdigit() or not 1 <= len(text) <= 6 or int(text) < 1:
        raise InvalidRequest(f"{key}: expected a number from 1 to {_PAGE}", param=key)
    return min(int(text), _PAGE)


_LISTS: Final[dict[str, Callable[[list[_Row], Mapping[str, str]], Object]]] = {
    "openai": _openai,
    "anthropic": _anthropic,
    "gemini": _gemini,
    "codex": _codex,
    "ollama": _ollama,
}
