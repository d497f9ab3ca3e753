"""What can be said of a provider in the configuration."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Final

import msgspec

from mux.config._section import FieldsOf, Overrides, Remark, Section
from mux.config.secret import Secret
from mux.config.values import HttpUrl, ProxyUrl
from mux.ir import Abilities


class ProviderType(StrEnum):
    """Which API a provider has."""

    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    GEMINI = "gemini"
    OLLAMA = "ollama"
    VERTEX = "vertex"
    AZURE = "azure"
    BEDROCK = "bedrock"
    VERTEX_COMPAT = "vertex-compat"
    DEMO = "demo"


SERVED: Final = frozenset(
    {
        ProviderType.OPENAI,
        ProviderType.ANTHROPIC,
        ProviderType.GEMINI,
        ProviderType.OLLAMA,
        ProviderType.DEMO,
    }
)
"""The types this version can call."""

SCHEMES: Final[Mapping[str, ProviderType]] = {
    **{kind.value: kind for kind in ProviderType},
    "claude": ProviderType.ANTHROPIC,
    "google": ProviderType.GEMINI,
}
"""What may stand before ``://`` in a model name, beside the names of configured providers."""

OWN_HOSTS: Final[Mapping[ProviderType, str]] = {
    ProviderType.OPENAI: "https://api.openai.com/v1",
    ProviderType.ANTHROPIC: "https://api.anthropic.com",
    ProviderType.GEMINI: "https://generativelanguage.googleapis.com",
    ProviderType.OLLAMA: "http://localhost:11434",
    ProviderType.DEMO: "demo:",
}
"""Where a provider is when no base-url says so."""


_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_TRANSPORT_HEADERS: Final = frozenset({"host", "content-length", "transfer-encoding", "connection"})


class UpstreamDialect(StrEnum):
    """What an OpenAI-compatible host may be told to speak."""

    CHAT = "openai_chat"
    COMPLETIONS = "openai_completions"
    RESPONSES = "openai_responses"


class KeySettings(Section, frozen=True):
    """One of several keys of a provider, with a proxy of its own if need be."""

    key: Secret
    proxy_url: ProxyUrl = ProxyUrl()


class ModelSettings(Section, frozen=True):
    """A model a provider offers: its name there, another name for it here, and what it can do.

    In the file the abilities stand beside the name.
    """

    name: str
    alias: str = ""
    abilities: Annotated[Mapping[str, object], FieldsOf(Abilities, beside=True)] = {}


class ProviderSettings(Section, frozen=True):
    """One upstream account, or one host."""

    type: ProviderType
    name: str = ""
    enabled: bool = True
    api_key: Secret | None = None
    api_keys: tuple[KeySettings, ...] = ()
    base_url: HttpUrl = HttpUrl()
    proxy_url: ProxyUrl = ProxyUrl()
    headers: Mapping[str, Secret] = {}
    models: tuple[ModelSettings, ...] = ()
    excluded_models: tuple[str, ...] = ()
    dialect: tuple[UpstreamDialect, ...] = ()
    """what the host speaks, the usual one first; empty = as its type says"""
    abilities: Overrides = msgspec.field(default_factory=dict[str, object])

    @property
    def own_host(self) -> bool:
        """Whether this is the vendor's own API and not a host compatible with it."""
        return not self.base_url or self.base_url.host == HttpUrl(OWN_HOSTS[self.type]).host

    def remarks(self) -> Iterator[Remark]:
        if self.type not in SERVED:
            text = f"{self.type} is not available in this version; the provider is left out"
            yield Remark("type", text, warning=True)
            return
        yield from self._about_name()
        yield from self._about_access()
        yield from self._about_headers()
        if self.dialect and self.type is not ProviderType.OPENAI:
            yield Remark("dialect", "can be chosen for type openai only")

    def _about_name(self) -> Iterator[Remark]:
        scheme = SCHEMES.get(self.name.lower())
        if scheme is not None and scheme is not self.type:
            yield Remark("name", f"{self.name} means providers of type {scheme}; choose another")
        if self.name and not self.name.replace("-", "").replace("_", "").replace(".", "").isalnum():
            yield Remark("name", "may hold letters, digits and . _ - only")

    def _about_access(self) -> Iterator[Remark]:
        has_key = bool(self.api_key) or bool(self.api_keys)
        needs_key = self.type not in (ProviderType.OLLAMA, ProviderType.DEMO) and self.own_host
        if self.enabled and needs_key and not has_key and not self.headers:
            yield Remark("api-key", f"is required for {self.type}'s own host")
        if self.base_url.startswith("http://") and has_key and not self.base_url.loopback:
            yield Remark("base-url", "http sends the key unencrypted; use https", warning=True)

    def _about_headers(self) -> Iterator[Remark]:
        for name in self.headers:
            if not _HEADER_NAME.fullmatch(name):
                yield Remark("headers", f"{name[:40]!r} is no header name")
            elif name.lower() in _TRANSPORT_HEADERS:
                yield Remark("headers", f"{name} belongs to the connection and cannot be set")
