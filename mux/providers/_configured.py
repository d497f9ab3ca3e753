"""Providers as the configuration describes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import urlsplit

from mux.config import ProviderSettings, ProviderType, Settings
from mux.config.provider import OWN_HOSTS, SERVED
from mux.config.secret import Secret
from mux.config.values import HttpUrl, ProxyUrl
from mux.providers._base import Key, Provider

_DIALECTS: Final[Mapping[ProviderType, tuple[str, ...]]] = {
    ProviderType.OPENAI: ("openai_chat", "openai_responses", "openai_completions"),
    ProviderType.ANTHROPIC: ("anthropic",),
    ProviderType.GEMINI: ("gemini",),
    ProviderType.OLLAMA: ("ollama",),
    ProviderType.DEMO: (
        "openai_chat",
        "openai_completions",
        "openai_responses",
        "anthropic",
        "gemini",
        "ollama",
    ),
}
_COMPATIBLE: Final = ("openai_chat", "openai_completions")
"""What nearly every OpenAI-compatible host speaks; `dialect` says if one speaks more."""

_VERSIONS: Final[Mapping[ProviderType, tuple[str, ...]]] = {
    ProviderType.ANTHROPIC: ("/v1",),
    ProviderType.GEMINI: ("/v1beta", "/v1"),
    ProviderType.OLLAMA: ("/api", "/v1"),
}
"""What people copy into a base URL although the codec's path begins with it."""


def from_settings(settings: Settings) -> tuple[Provider, ...]:
    """The enabled providers this version can call, in the order of the file.

    A provider without a name gets that of its type, a second one ``openai-2`` and so on.
    """
    configured = [p for p in settings.providers if p.enabled and p.type in SERVED]
    names = _names(configured)
    return tuple(_provider(item, next(names), settings) for item in configured)


def _names(configured: list[ProviderSettings]) -> Iterator[str]:
    taken = {item.name.lower() for item in configured}
    for item in configured:
        name, number = item.name or item.type.value, 1
        while not item.name and name in taken:
            number += 1
            name = f"{item.type}-{number}"
        taken.add(name)
        yield name


def _provider(item: ProviderSettings, name: str, settings: Settings) -> Provider:
    priorities = {key.lower(): n for key, n in settings.routing.provider_priority.items()}
    compatible = item.type is ProviderType.OPENAI and not item.own_host
    spoken = item.dialect or (_COMPATIBLE if compatible else _DIALECTS[item.type])
    return Provider(
        name=name,
        type=item.type,
        codecs=tuple(str(dialect) for dialect in spoken),
        base_url=_base_url(item),
        keys=_keys(item, settings),
        catalogue="openai-compatible" if compatible else item.type.value,
        own_host=item.own_host,
        dialects=_demo_dialects() if item.type is ProviderType.DEMO else {},
        headers=item.headers,
        models=item.models,
        excluded_models=(*item.excluded_models, *_excluded(item, name, settings)),
        priority=priorities.get(name.lower(), priorities.get(item.type.value, 0)),
        overrides=item.abilities,
    )


def _excluded(item: ProviderSettings, name: str, settings: Settings) -> Iterator[str]:
    for key, globs in settings.oauth_excluded_models.items():
        if key.lower() in (name.lower(), item.type.value):
            yield from globs


def _demo_dialects() -> Mapping[str, str]:
    from mux.providers.demo import DIALECTS  # only who configures the demo provider needs it

    return DIALECTS


def _base_url(item: ProviderSettings) -> str:
    base_url: str = item.base_url or OWN_HOSTS[item.type]
    for version in _VERSIONS.get(item.type, ()):
        base_url = base_url.removesuffix(version)
    if item.type is ProviderType.OPENAI and not urlsplit(base_url).path:
        return f"{base_url}/v1"
    return base_url


def _keys(item: ProviderSettings, settings: Settings) -> tuple[Key, ...]:
    def proxy(own: ProxyUrl) -> str:
        # The proxy for everything is the way out of the local network; what is on this machine
        # does not lie behind it.
        loopback = HttpUrl(item.base_url or OWN_HOSTS[item.type]).loopback
        everyone = ProxyUrl() if loopback else settings.proxy_url
        return (own or item.proxy_url or everyone).reveal()

    keys = [Key(entry.key, proxy(entry.proxy_url)) for entry in item.api_keys]
    if item.api_key:
        keys.insert(0, Key(item.api_key, proxy(ProxyUrl())))
    return tuple(keys) or (Key(Secret(), proxy(ProxyUrl())),)
