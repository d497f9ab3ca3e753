"""The head of an HTTP/1.1 request, read strictly (RFC 9112).

Whatever h11 refuses is refused here; beyond that bare LF, folded lines, control characters, two
lengths of one body and HTTP versions that are not 1.0 or 1.1. A test compares the two.
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias

from msgspec import Struct

LIMIT_BYTES: Final = 64 * 1024
_LINES_LIMIT: Final = 100
_SHORT_BYTES: Final = 256
_MOST_KNOWN: Final = 512

_REQUEST_LINE: Final = re.compile(
    rb"([-!#$%&'*+.^_`|~0-9a-zA-Z]+) ([\x21-\x7e]+) HTTP/([0-9]\.[0-9])\r\n"
)
_HEADER: Final = re.compile(  # never steps back, or spaces by the thousand would take seconds
    rb"([-!#$%&'*+.^_`|~0-9a-zA-Z]++):[ \t]*+([^\x00-\x08\x0a-\x1f\x7f]*+)\r\n"
)
_DIGITS: Final = re.compile(rb"[0-9]{1,18}\Z")
_ABSOLUTE: Final = re.compile(rb"https?://([^/?#@\\]+)(/.*)?\Z", re.IGNORECASE)
_FRAMING: Final = frozenset(
    {b"connection", b"content-length", b"expect", b"host", b"transfer-encoding"}
)

Header: TypeAlias = tuple[bytes, bytes]
"""Its name in lower case, and its value."""

_known: Final[dict[bytes, Header]] = {}
"""Short lines and what they say: a client sends most of them again with every request."""


class Refused(Exception):
    """A request that gets `status` and the end of the connection before the app hears of it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Head(Struct, frozen=True):
    """`target` is a path with its query. `length` is the body's, None if it comes in chunks."""

    method: str
    target: bytes
    version: str
    headers: list[Header]
    length: int | None
    keep_alive: bool
    expects: bool


def parse(data: bytes) -> Head:
    """The head in `data`, which ends with its empty line. Raises `Refused`."""
    first, *lines, _ = data.splitlines(keepends=True)
    line = _REQUEST_LINE.fullmatch(first)
    if line is None:
        raise Refused(400, "The request line is not valid HTTP/1.1")
    method, target, version = line.groups()
    if version not in (b"1.0", b"1.1"):
        raise Refused(400, "Only HTTP/1.1 and HTTP/1.0 are served")
    if method == b"CONNECT":
        raise Refused(405, "CONNECT is not served: this is no proxy")
    if len(lines) > _LINES_LIMIT:
        raise Refused(431, f"More than {_LINES_LIMIT} header lines")
    headers = [_known.get(line) or _header(line) for line in lines]
    return _head(method, target, version, headers)


def _header(line: bytes) -> Header:
    field = _HEADER.fullmatch(line)
    if field is None:
        raise Refused(400, "A header line is not valid HTTP/1.1")
    header = field[1].lower(), field[2].rstrip(b" \t")
    if len(line) <= _SHORT_BYTES:
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        _known[line] = header
    return header


def _head(method: bytes, target: bytes, version: bytes, headers: list[Header]) -> Head:
    """What the headers say about the request's frame."""
    lengths: list[bytes] = []
    codings: list[bytes] = []
    hosts: list[bytes] = []
    tokens = expects = b""
    for name, value in headers:
        if name not in _FRAMING:
            continue
        if name == b"content-length":
            lengths.append(value)
        elif name == b"transfer-encoding":
            codings.append(value.lower())
        elif name == b"host":
            hosts.append(value)
        elif name == b"connection":
            tokens += b"," + value.lower()
        elif name == b"expect":
            expects = value.lower()
    if len(hosts) > 1 or (not hosts and version == b"1.1"):
        raise Refused(400, "A request has exactly one Host header")
    if expects not in (b"", b"100-continue"):
        raise Refused(417, "Only `Expect: 100-continue` can be met")
    closes = b"close" in (token.strip() for token in tokens.split(b",")) if tokens else False
    return Head(
        method.decode(),
        _path(target, hosts),
        version.decode(),
        headers,
        _length(lengths, codings, version),
        version == b"1.1" and not closes,
        bool(expects) and version == b"1.1",
    )


def _length(lengths: list[bytes], codings: list[bytes], version: bytes) -> int | None:
    if codings:
        if codings != [b"chunked"]:
            raise Refused(400, "Of transfer codings only chunked is served")
        if lengths or version == b"1.0":
            raise Refused(400, "The length of the body is given in two ways")
        return None
    if not lengths:
        return 0
    if len(lengths) > 1 or not _DIGITS.match(lengths[0]):
        raise Refused(400, "Content-Length is not one number")
    return int(lengths[0])


def _path(target: bytes, hosts: list[bytes]) -> bytes:
    """The path and query of any form of `target`; an absolute one must name the Host."""
    if target.startswith(b"/") or target == b"*":
        return target
    absolute = _ABSOLUTE.match(target)
    if absolute is None:
        raise Refused(400, "The request target is not a path")
    if hosts != [absolute[1]]:
        raise Refused(403, "The request target is a URL of another host")
    return absolute[2] or b"/"
