"""Heads of HTTP/1.1: that of a request written, that of an answer read.

h11 does the same at six times the cost, which was a tenth of what a short request costs (`python -m
bench.gateway --only whole`). What it refuses is refused here; a test holds the two together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

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

# None of these steps back, so that no head takes more time than it has bytes.
_TOKEN: Final = rb"[-!#$%&'*+.^_`|~0-9a-zA-Z]++"
_REQUEST: Final = re.compile(
    rb"%b [!-~]++ HTTP/1\.1\r\n(?:%b: [^\x00-\x08\x0a-\x1f\x7f]*+\r\n)*+\r\n" % (_TOKEN, _TOKEN)
)
_STATUS: Final = re.compile(rb"HTTP/([0-9]\.[0-9]) ([0-9]{3})(?: [^\x00\n\r\f\v]*+)?")
_FIELD: Final = re.compile(rb"(%b):([^\x00\n\r\f\v]*+)" % _TOKEN)
_LINE_END: Final = re.compile(rb"\r?\n")
_END: Final = re.compile(rb"\n\r?\n")
_NUMBER: Final = re.compile(rb"[0-9]{1,20}")
_SPACE: Final = b" \t"


class Malformed(ValueError):
    """Not a head of HTTP."""


class Answer(NamedTuple):
    """The head of an answer, names of fields in lower case. `length` is the body's, where it is
    said; `chunked` says that the body tells its end itself."""

    version: bytes
    status: int
    fields: list[tuple[bytes, bytes]]
    length: int | None
    chunked: bool


def request_headers(request: Outgoing, origin: Origin) -> list[tuple[str, str]]:
    """The fields `request` is sent with. Compression is asked not to be used: it would hold back
    events."""
    headers = [("host", origin.authority)]
    headers += [item for item in request.headers.items() if item[0].lower() not in _OURS]
    headers.append(("accept-encoding", "identity"))
    if request.body or request.method in _WITH_BODY:
        headers.append(("content-length", str(len(request.body))))
    return headers


def write(request: Outgoing, origin: Origin, target: str) -> bytes:
    """The head of `request`. Raises `Malformed` for characters that HTTP forbids."""
    headers = request_headers(request, origin)
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers])
    try:
        head = f"{request.method} {target} HTTP/1.1\r\n{lines}\r\n".encode("ascii")
    except UnicodeEncodeError:
        raise Malformed from None
    if not _REQUEST.fullmatch(head) or head.count(b"\n") != len(headers) + 2:
        raise Malformed
    return head


def end_of(data: bytes | bytearray, start: int) -> int:
    """Where the head at the beginning of `data` ends, looked for from `start` on; -1 if it does not
    yet."""
    found = _END.search(data, max(0, start - 2))
    return -1 if found is None else found.end()


def read(head: bytes) -> Answer:
    """The answer in `head`, its empty line included. Raises `Malformed`."""
    first, *lines = _LINE_END.split(head)[:-2]
    status = _STATUS.fullmatch(first)
    if status is None or status[2] == b"101":  # nobody asked for another protocol
        raise Malformed
    fields = [_field(line) for line in _unfolded(lines)]
    length, chunked = _body(fields)
    return Answer(status[1], int(status[2]), fields, length, chunked)


def _unfolded(lines: list[bytes]) -> list[bytes]:
    """The fields' lines; one that begins with a space goes on with the one before it."""
    if not any(line[:1] in (b" ", b"\t") for line in lines):
        return lines
    whole: list[list[bytes]] = []
    for line in lines:
        if line[:1] not in (b" ", b"\t"):
            whole.append([line])
        elif whole:
            whole[-1].append(line.lstrip(_SPACE))
        else:
            raise Malformed
    return [b" ".join(pieces) for pieces in whole]


def _field(line: bytes) -> tuple[bytes, bytes]:
    found = _FIELD.fullmatch(line)
    if found is None:
        raise Malformed
    return found[1].lower(), found[2].strip(_SPACE)


def _body(fields: list[tuple[bytes, bytes]]) -> tuple[int | None, bool]:
    """The length a head tells, and whether the body comes in chunks."""
    length: bytes | None = None
    chunked = False
    for name, value in fields:
        if name == b"content-length":
            for said in map(_trimmed, value.split(b",")):
                if not _NUMBER.fullmatch(said) or length not in (None, said):
                    raise Malformed
                length = said
        elif name == b"transfer-encoding":
            if chunked or value.lower() != b"chunked":
                raise Malformed
            chunked = True
    return (None if length is None else int(length)), chunked


def _trimmed(value: bytes) -> bytes:
    return value.strip(_SPACE)


def reply_headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Names in lower case; values of a repeated name joined by a comma."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in raw:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers
