"""Header fields: those of a request as they go out, those of an answer as they are looked up."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from mux.providers.outgoing import Outgoing
from mux.upstream._address import Origin

_OURS: Final = frozenset(
    {
        "accept-encoding", "connection", "content-length", "expect", "host", "keep-alive",
        "proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
    }
)  # fmt: skip
"""Fields that belong to the connection, so that only the transport writes them."""
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})


def request_headers(request: Outgoing, origin: Origin) -> list[tuple[str, str]]:
    """The fields `request` is sent with, but for the length of its body. Compression is asked not
    to be used: it would hold back events."""
    headers = [("host", origin.authority)]
    headers += [item for item in request.headers.items() if item[0].lower() not in _OURS]
    headers.append(("accept-encoding", "identity"))
    return headers


def length_headers(request: Outgoing) -> list[tuple[str, str]]:
    """How long the body of `request` is, where one could be expected."""
    if request.body or request.method in _WITH_BODY:
        return [("content-length", str(len(request.body)))]
    return []


def reply_headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Names in lower case; values of a repeated name joined by a comma."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in raw:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers
