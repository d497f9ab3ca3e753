"""Heads: of a request as it goes out, of an answer as its fields are looked up."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

import h11

from mux.providers.outgoing import Outgoing
from mux.upstream._address import Origin
from mux.wire.header_fields import by_name

_OURS: Final = frozenset(
    {
        "accept-encoding", "connection", "content-length", "expect", "host", "keep-alive",
        "proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
    }
)  # fmt: skip
"""Fields that belong to the connection, so that only the transport writes them."""
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})

_PLAIN: Final = re.compile(
    rb"HTTP/(1\.[01]) ([2-5][0-9][0-9])(?: [ -~]*+)?\r\n"
    rb"((?:[!#$%&'*+.^_`|~0-9A-Za-z-]++: ?+[!-~][ -~]*+\r\n)*+)\r\n"
)
_FIELD: Final = re.compile(r"([^:]++): ?+([^\r]*+)\r\n")
_LENGTH: Final = re.compile(r"[0-9]{1,18}")


class Head(NamedTuple):
    """The head of an answer. Names of fields are in lower case; values of a repeated name are
    joined by a comma."""

    status: int
    version: str
    headers: dict[str, str]


def plain_head(data: bytes) -> tuple[Head, bytes] | None:
    """The head at the beginning of `data` and what follows it, if it is complete and nothing about
    it is doubtful. What h11 makes of it is the same, at seven times the cost (bench/upstream.py).
    """
    if (found := _PLAIN.match(data)) is None:
        return None
    fields = _FIELD.findall(found[3].decode("ascii"))
    headers = {name.lower(): value.rstrip(" ") for name, value in fields}
    length = headers.get("content-length", "0")
    coding = headers.get("transfer-encoding", "chunked")
    if len(headers) < len(fields) or not _LENGTH.fullmatch(length) or coding != "chunked":
        return None
    head = Head(int(found[2]), found[1].decode("ascii"), headers)
    return head, data[found.end() :]


def head_of(response: h11.Response) -> Head:
    """The head that h11 has read."""
    version = response.http_version.decode("ascii")
    return Head(response.status_code, version, by_name(response.headers))


def request_headers(wanted: Iterable[tuple[str, str]], origin: Origin) -> list[tuple[str, str]]:
    """The fields of a request with those that are `wanted`, but for the length of its body.
    Compression is asked not to be used: it would hold back events."""
    headers = [("host", origin.authority)]
    headers += [item for item in wanted if item[0].lower() not in _OURS]
    headers.append(("accept-encoding", "identity"))
    return headers


def length_headers(request: Outgoing) -> list[tuple[str, str]]:
    """How long the body of `request` is, where one could be expected."""
    if request.body or request.method in _WITH_BODY:
        return [("content-length", str(len(request.body)))]
    return []
