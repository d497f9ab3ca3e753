"""A provider: who is called, in which dialects, with which keys. Data and no sockets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final

from msgspec.structs import replace

from mux import __version__
from mux.config import ProviderType, Secret
from mux.config.provider import ModelSettings
from mux.ir import Abilities
from mux.providers.outgoing import Outgoing

USER_AGENT: Final = f"llm-mux/{__version__}"
ANTHROPIC_VERSION: Final = "2023-06-01"


@dataclass(frozen=True, slots=True)
class Key:
    """One credential of a provider; an empty secret means none is needed."""

    key: Secret
    proxy_url: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Provider:
    """One configured upstream.

    `codecs` are the dialects it speaks, the usual one first. `base_url` is what a codec's path is
    appended to. `keys` is never empty. `catalogue` is what the model catalogue calls its type.
    `own_host` tells the vendor's own API from a host compatible with it. `dialects` names models
    that have a dialect of their own. `overrides` are fields of `ir.Abilities` that hold for all of
    its models.
    """

    name: str
    type: ProviderType
    codecs: tuple[str, ...]
    base_url: str
    keys: tuple[Key, ...]
    catalogue: str
    own_host: bool = True
    dialects: Mapping[str, str] = field(default_factory=dict[str, str])
    headers: Mapping[str, Secret] = field(default_factory=dict[str, Secret])
    models: tuple[ModelSettings, ...] = ()
    excluded_models: tuple[str, ...] = ()
    priority: int = 0
    overrides: Mapping[str, object] = field(default_factory=dict[str, object])

    def excludes(self, model: str) -> bool:
        """Whether the configuration hides `model`."""
        return any(fnmatchcase(model, glob) for glob in self.excluded_models)

    def dialect_for(self, client_dialect: str, model: str, abilities: Abilities) -> str:
        """The dialect in which to ask for `model` (translation spec section 21, last paragraph).

        The client's own where the provider speaks it and the model allows, else the usual one.
        """
        if (own := self.dialects.get(model)) is not None:
            return own
        if abilities.needs_responses and "openai_responses" in self.codecs:
            return "openai_responses"
        return client_dialect if client_dialect in self.codecs else self.codecs[0]

    def build(
        self,
        dialect: str,
        path: str,
        body: bytes,
        key: Key,
        *,
        stream: bool,
        extra_headers: Mapping[str, str],
    ) -> Outgoing:
        """The request to send. Configured headers win over credentials, these over
        `extra_headers`, these over our own; all names are in lower case."""
        headers = {
            "content-type": "application/json",
            "accept": _accept(dialect, stream=stream),
            "user-agent": USER_AGENT,
        }
        if dialect == "anthropic":
            headers["anthropic-version"] = ANTHROPIC_VERSION
        headers |= {name.lower(): value for name, value in extra_headers.items()}
        if key.key:
            headers |= _AUTH[dialect](key.key.reveal())
        headers |= {name.lower(): value.reveal() for name, value in self.headers.items()}
        base_url = f"demo://{dialect}" if self.type is ProviderType.DEMO else self.base_url
        return Outgoing("POST", base_url + path, headers, body, key.proxy_url)

    def listing(self, key: Key) -> Outgoing:
        """The request for the models it has: free of charge, and refused without a good `key`."""
        dialect = self.codecs[0]
        path = _LISTINGS[dialect]
        asking = self.build(dialect, path, b"", key, stream=False, extra_headers={})
        return replace(asking, method="GET")


def _accept(dialect: str, *, stream: bool) -> str:
    if not stream:
        return "application/json"
    return "application/x-ndjson" if dialect == "ollama" else "text/event-stream"


def _bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


_AUTH: Final[Mapping[str, Callable[[str], dict[str, str]]]] = {
    "openai_chat": _bearer,
    "openai_completions": _bearer,
    "openai_responses": _bearer,
    "ollama": _bearer,
    "anthropic": lambda key: {"x-api-key": key},
    "gemini": lambda key: {"x-goog-api-key": key},
}
"""How each dialect carries a key."""

_LISTINGS: Final[Mapping[str, str]] = {
    "openai_chat": "/models",
    "openai_completions": "/models",
    "openai_responses": "/models",
    "anthropic": "/v1/models?limit=1000",
    "gemini": "/v1beta/models?pageSize=1000",
    "ollama": "/api/tags",
}
"""Where each dialect lists models."""
