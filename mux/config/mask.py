"""Known secrets taken out of what others wrote: upstreams' errors, log lines, traces of crashes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final, cast
from urllib.parse import urlsplit

import msgspec

from mux.config.secret import Secret
from mux.config.values import ProxyUrl

_SHORTEST: Final = 6
"""Shorter texts are found everywhere, and no key is so short."""


class Mask:
    """Replaces the secrets held anywhere in `settings` by their ends."""

    def __init__(self, settings: msgspec.Struct) -> None:
        shown = {value: str(Secret(value)) for value in _values(settings)}
        self._secrets = tuple(shown)
        self._shown = {value.encode(): text.encode() for value, text in shown.items()}
        longest_first = sorted(self._shown, key=len, reverse=True)
        self._found = re.compile(b"|".join(map(re.escape, longest_first)) or rb"(?!)")

    def data(self, data: bytes) -> bytes:
        """`data` without secrets."""
        return self._found.sub(lambda match: self._shown[match[0]], data)

    def text(self, text: str) -> str:
        """`text` without secrets."""
        if not any([secret in text for secret in self._secrets]):  # hot: every line of the log
            return text
        encoded = text.encode(errors="surrogatepass")
        return self.data(encoded).decode(errors="surrogatepass")


def _values(settings: msgspec.Struct) -> Iterator[str]:
    for secret in _secrets(settings):
        value = secret.reveal()
        parts = {value}
        if isinstance(secret, ProxyUrl):
            parts = {urlsplit(value).password or ""}
        elif "://" in value:  # a database, of which the address is no secret
            parts = {value, urlsplit(value).password or ""}
        yield from (part for part in parts if len(part) >= _SHORTEST)


def _secrets(value: object) -> Iterator[Secret]:
    if isinstance(value, Secret):
        yield value
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from _secrets(getattr(value, name))
    elif isinstance(value, Mapping):
        for item in cast("Mapping[str, object]", value).values():
            yield from _secrets(item)
    elif isinstance(value, tuple):
        for item in cast("tuple[object, ...]", value):
            yield from _secrets(item)
