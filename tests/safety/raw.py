"""Bytes to a server and what comes back, with nothing in between that tidies them."""

from __future__ import annotations

import re
import socket
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from mux.wire import json

PATIENCE_S = 10


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> object:
        """The error of the body, in whichever form."""
        return json.loads(self.body)


def address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    return parts.hostname, parts.port


def connect(url: str) -> socket.socket:
    return socket.create_connection(address(url), timeout=PATIENCE_S)


def exchange(url: str, data: bytes) -> bytes:
    """All that comes back on a connection on which `data` is sent."""
    with connect(url) as client:
        with suppress(OSError):  # refused before all was sent
            client.sendall(data)
        answer = b""
        while piece := _received(client):
            answer += piece
        return answer


def _received(client: socket.socket) -> bytes:
    try:
        return client.recv(65536)
    except ConnectionResetError:
        return b""


def parsed(answer: bytes) -> Answer:
    """The first answer in `answer`, whose body has a length."""
    head, _, rest = answer.partition(b"\r\n\r\n")
    found = re.match(rb"HTTP/1\.1 (\d{3})", head)
    assert found, answer[:200]
    lines = [line.partition(":") for line in head.decode("latin-1").split("\r\n")[1:]]
    headers = {name.lower(): value.strip() for name, _, value in lines}
    return Answer(int(found[1]), headers, rest[: int(headers.get("content-length", "0"))])


def head(method: str, target: str, *lines: str, host: str = "localhost") -> bytes:
    return "\r\n".join((f"{method} {target} HTTP/1.1", f"host: {host}", *lines, "", "")).encode(
        "latin-1"
    )


def post(target: str, body: bytes, *lines: str) -> bytes:
    return head("POST", target, *lines, f"content-length: {len(body)}") + body
