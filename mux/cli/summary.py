"""What a person wants to see of a configuration."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from mux.config import Settings
from mux.providers import from_settings
from mux.routing.router import NO_PROVIDER


def provider_lines(settings: Settings) -> Iterator[str]:
    """The providers, one a line; if there are none, what to do about it."""
    providers = from_settings(settings)
    if not providers:
        yield NO_PROVIDER + "."
        return
    width = max(len(provider.name) for provider in providers)
    for provider in providers:
        where = urlsplit(provider.base_url).netloc or "built in"
        keys = [str(key.key) for key in provider.keys if key.key]
        yield f"  {provider.name:{width}}  {where}  {', '.join(keys) or 'no key'}"
