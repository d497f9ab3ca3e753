"""The log file of one request: a text for people, without secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from mux.config.mask import Mask
from mux.ir import Object
from mux.server.asgi import Inbound
from mux.server.tape import SLACK_BYTES, Answer, Body, Tape
from mux.wire import json

NAMES: Final = re.compile(r"(error|request)-[0-9TZ.]+-[0-9a-f]+\.(log|part)")
"""What the files are called; those that are being written end in ``part``."""

_HIDDEN: Final = "…"
_VALUE_CHARS: Final = 1000
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_MARK: Final = re.compile(r"^(?====)", re.MULTILINE)
"""Where a body has what looks like a heading of ours."""

_SHOWN: Final = frozenset(
    {
        "accept",
        "accept-encoding",
        "accept-language",
        "allow",
        "anthropic-beta",
        "anthropic-version",
        "cache-control",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "date",
        "host",
        "origin",
        "originator",
        "retry-after",
        "retry-after-ms",
        "request-id",
        "server",
        "traceparent",
        "transfer-encoding",
        "user-agent",
        "via",
        "x-app",
        "x-request-id",
        "x-client-request-id",
        "x-should-retry",
    }
)
_SHOWN_PREFIXES: Final = (
    "x-mux-",
    "x-stainless-",
    "x-ratelimit-",
    "anthropic-ratelimit-",
    "openai-",
)
"""Headers whose values are told. Of all others only the name is: any of them may hold a secret."""

_SHOWN_QUERY: Final = frozenset({"alt", "api-version", "beta", "stream"})


@dataclass(frozen=True, slots=True)
class Page:
    """What is told of a request that has ended: `fields` are those of its line in the log."""

    time_s: float
    request_id: str
    failed: bool
    inbound: Inbound
    fields: Object
    tape: Tape

    @property
    def name(self) -> str:
        """The file's name. In the order of names is that of time."""
        at = datetime.fromtimestamp(self.time_s, UTC)
        kind = "error" if self.failed else "request"
        return f"{kind}-{at:%Y%m%dT%H%M%S}.{at.microsecond // 1000:03}Z-{self.request_id}.log"

    def content(self) -> bytes:
        """The file's text. Takes some milliseconds for each megabyte."""
        mask = Mask(self.tape.settings)
        text = "\n".join(self._lines(mask))
        return mask.data(text.encode(errors="backslashreplace"))

    def _lines(self, mask: Mask) -> Iterator[str]:
        tape, inbound = self.tape, self.inbound
        yield "=== request ==="
        for name, value in self.fields.items():
            yield f"{name}: {json.dumps(value).decode()}"
        yield "\n=== from the client ==="
        yield f"{inbound.method} {_plain(inbound.path)}{_query(inbound.query)}"
        yield from _headers(inbound.headers)
        yield from _body(tape.body, mask)
        for number, asked in enumerate(tape.upstream, 1):
            yield f"\n=== to the upstream, {number} ==="
            yield f"{asked.method} {_address(asked.url)}"
            yield from _headers(asked.headers)
            yield from _body(asked.body, mask)
            yield f"\n=== from the upstream, {number} ==="
            yield from _answer(asked.answer, mask)
        yield "\n=== to the client ==="
        yield from _answer(tape.answer, mask)
        yield ""


def _answer(answer: Answer, mask: Mask) -> Iterator[str]:
    yield str(answer.status or "nothing")
    yield from _headers(answer.headers)
    yield from _body(answer.body, mask)
    if answer.error:
        yield f"--- failed: {_plain(answer.error)}"


def _headers(headers: Mapping[str, str]) -> Iterator[str]:
    for name, value in headers.items():
        shown = name.lower() in _SHOWN or name.lower().startswith(_SHOWN_PREFIXES)
        yield f"{_plain(name)}: {_plain(value) if shown else _HIDDEN}"


def _body(body: Body, mask: Mask) -> Iterator[str]:
    if not body.size:
        return
    text = mask.data(body.kept)
    if body.size > len(body.kept):  # cut after it was masked: half a key is a secret, too
        text = text[:-SLACK_BYTES]
    told = _CONTROL.sub(_escaped, text.decode(errors="backslashreplace"))
    yield ""
    yield _MARK.sub(" ", told)
    if body.size > len(body.kept):
        yield f"--- and more, {body.size} bytes in all"


def _address(url: str) -> str:
    """`url` without what may be a key in it."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    host = parts.netloc.rpartition("@")[2]
    return _plain(f"{parts.scheme}://{host}{parts.path}") + _query(query)


def _query(query: Mapping[str, str]) -> str:
    if not query:
        return ""
    told = (f"{name}={value if name in _SHOWN_QUERY else _HIDDEN}" for name, value in query.items())
    return "?" + _plain("&".join(told))


def _plain(text: str) -> str:
    """`text` as one line of a file."""
    return _CONTROL.sub(_escaped, text[:_VALUE_CHARS]).replace("\n", r"\u000a")


def _escaped(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"
