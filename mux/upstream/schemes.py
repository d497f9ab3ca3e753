"""The transport that hands each request to another one by the scheme of its URL."""

from __future__ import annotations

from collections.abc import Mapping

from mux.providers.outgoing import Outgoing
from mux.upstream._base import Opening, Transport


class SchemeTransport:
    """`transports` by scheme; a request of another scheme is a bug and raises `KeyError`."""

    def __init__(self, transports: Mapping[str, Transport]) -> None:
        self._transports = transports

    def open(self, request: Outgoing, /) -> Opening:
        """See `Transport.open`."""
        scheme = request.url.partition("://")[0]
        return self._transports[scheme].open(request)
