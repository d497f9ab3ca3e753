"""The public surface as one table: routing, documentation and tests all read it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import lru_cache
from typing import Final

from mux.errors import MethodNotAllowed, NotFound


class Action(Enum):
    """What an endpoint does."""

    GENERATE = auto()
    COUNT = auto()
    LIST_MODELS = auto()
    SHOW_MODEL = auto()
    RESPONSES_SOCKET = auto()
    SHOW_RESPONSE = auto()
    DELETE_RESPONSE = auto()
    RESPONSE_ITEMS = auto()
    CANCEL_RESPONSE = auto()
    ROOT = auto()
    HELLO = auto()
    HEALTH = auto()
    READY = auto()
    METRICS = auto()
    OLLAMA_TAGS = auto()
    OLLAMA_SHOW = auto()
    OLLAMA_VERSION = auto()
    OLLAMA_PS = auto()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One row: `path` may hold ``{model}``, which matches anything, slashes and colons included,
    and ``{id}``, which is one segment."""

    methods: tuple[str, ...]
    path: str
    dialect: str
    action: Action
    variant: str = ""
    stream: bool | None = None
    pattern: re.Pattern[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        source = re.escape(self.path).replace(r"\{model\}", "(.+)")
        source = source.replace(r"\{id\}", "([^/]+)")
        source = source.replace(r"\{version\}", "(?:v1|v1beta|v1alpha)")
        object.__setattr__(self, "pattern", re.compile(source + r"\Z"))


_GET: Final = ("GET", "HEAD")
_POST: Final = ("POST",)

ENDPOINTS: Final = (
    Endpoint(_POST, "/v1/chat/completions", "openai_chat", Action.GENERATE),
    Endpoint(_POST, "/v1/completions", "openai_completions", Action.GENERATE),
    Endpoint(_POST, "/v1/responses", "openai_responses", Action.GENERATE),
    Endpoint(("GET",), "/v1/responses", "openai_responses", Action.RESPONSES_SOCKET),
    Endpoint(_POST, "/v1/responses/input_tokens", "openai_responses", Action.COUNT),
    Endpoint(
        _POST,
        "/v1/responses/compact",
        "openai_responses",
        Action.GENERATE,
        variant="compact",
        stream=False,
    ),
    Endpoint(("GET",), "/v1/responses/{id}", "openai_responses", Action.SHOW_RESPONSE),
    Endpoint(("DELETE",), "/v1/responses/{id}", "openai_responses", Action.DELETE_RESPONSE),
    Endpoint(("GET",), "/v1/responses/{id}/input_items", "openai_responses", Action.RESPONSE_ITEMS),
    Endpoint(_POST, "/v1/responses/{id}/cancel", "openai_responses", Action.CANCEL_RESPONSE),
    Endpoint(_POST, "/v1/messages", "anthropic", Action.GENERATE),
    Endpoint(_POST, "/v1/messages/count_tokens", "anthropic", Action.COUNT),
    Endpoint(_GET, "/api/hello", "anthropic", Action.HELLO),
    Endpoint(
        _POST, "/{version}/models/{model}:generateContent", "gemini", Action.GENERATE, stream=False
    ),
    Endpoint(
        _POST,
        "/{version}/models/{model}:streamGenerateContent",
        "gemini",
        Action.GENERATE,
        stream=True,
    ),
    Endpoint(_POST, "/{version}/models/{model}:countTokens", "gemini", Action.COUNT),
    Endpoint(_GET, "/v1/models", "openai_chat", Action.LIST_MODELS),
    Endpoint(_GET, "/v1/models/{model}", "openai_chat", Action.SHOW_MODEL),
    Endpoint(_GET, "/v1beta/models", "gemini", Action.LIST_MODELS),
    Endpoint(_GET, "/v1beta/models/{model}", "gemini", Action.SHOW_MODEL),
    Endpoint(_POST, "/api/chat", "ollama", Action.GENERATE, variant="chat"),
    Endpoint(_POST, "/api/generate", "ollama", Action.GENERATE, variant="generate"),
    Endpoint(_GET, "/api/tags", "ollama", Action.OLLAMA_TAGS),
    Endpoint(_POST, "/api/show", "ollama", Action.OLLAMA_SHOW),
    Endpoint(_GET, "/api/version", "ollama", Action.OLLAMA_VERSION),
    Endpoint(_GET, "/api/ps", "ollama", Action.OLLAMA_PS),
    Endpoint(_GET, "/", "ollama", Action.ROOT),
    Endpoint(_GET, "/healthz", "openai_chat", Action.HEALTH),
    Endpoint(_GET, "/readyz", "openai_chat", Action.READY),
    Endpoint(_GET, "/metrics", "openai_chat", Action.METRICS),
)

_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_SLASHES: Final = re.compile(r"/{2,}")
_SCHEME: Final = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*):/(?!/)")
"""A forced provider in a path whose slashes were tidied."""
_BY_PREFIX: Final = (
    ("/v1/messages", "anthropic"),
    ("/v1/responses", "openai_responses"),
    ("/v1/completions", "openai_completions"),
    ("/v1beta", "gemini"),
    ("/v1alpha", "gemini"),
    ("/api", "ollama"),
)


def check_method(method: str) -> None:
    """Raise `MethodNotAllowed` for one that no path has, and that proxies and diagnoses use."""
    if method not in _METHODS:
        raise MethodNotAllowed(f"{method[:20]} is not served here", allow=_METHODS)


@lru_cache(maxsize=256)
def clean(path: str) -> str:
    """`path` as the table spells it: single slashes, one ``/v1``, no slash at the end."""
    path = _SLASHES.sub("/", path)
    while path.startswith("/v1/v1"):
        path = path[len("/v1") :]
    return path.rstrip("/") or "/"


@lru_cache(maxsize=256)
def find(method: str, path: str) -> tuple[Endpoint, str | None]:
    """The endpoint of a cleaned path and the name in it. Raises `NotFound`, `MethodNotAllowed`."""
    allowed: list[str] = []
    for endpoint in ENDPOINTS:
        match = endpoint.pattern.match(path)
        if match is None:
            continue
        if method in endpoint.methods:
            name = match[1] if match.groups() else None
            return endpoint, _SCHEME.sub(r"\1://", name) if name else None
        allowed += endpoint.methods
    if allowed:
        allow = tuple(dict.fromkeys(allowed))
        raise MethodNotAllowed(
            f"{method} is not served here, use {' or '.join(allow)}", allow=allow
        )
    raise NotFound(f"No such path: {path[:200]}", code="unknown_url")


def dialect_of(path: str, headers: Mapping[str, str]) -> str:
    """The dialect in which to speak about `path`, whether it is served or not."""
    default = "anthropic" if "anthropic-version" in headers else "openai_chat"
    return _dialect_of(path) or default


@lru_cache(maxsize=256)
def _dialect_of(path: str) -> str | None:
    for prefix, dialect in _BY_PREFIX:
        if path.startswith(prefix):
            return dialect
    return "gemini" if ":" in path and path.startswith("/v1/models/") else None
