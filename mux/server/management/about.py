"""The server itself: its newest version, what it makes of a request, what it does not offer."""

from __future__ import annotations

from functools import partial
from typing import Final

import trio
from msgspec.structs import replace

from mux.codecs import CODECS
from mux.errors import MuxError, NotFound
from mux.gateway.call import Call
from mux.gateway.explain import explain as explained
from mux.ir import JSON, Object
from mux.providers.outgoing import Outgoing
from mux.server.management.asked import Asked, Office
from mux.server.management.envelope import Code, Refused, invalid, not_found
from mux.upstream import Transport
from mux.wire import json

_INDEX: Final = "https://pypi.org/pypi/llm-mux/json"
_INDEX_BYTES: Final = 10_000_000
_INDEX_S: Final = 10.0
_FRESH_S: Final = 3600.0


class LatestVersion:
    """The newest version in the package index. One per process: it remembers for an hour."""

    def __init__(self) -> None:
        self._known = ""
        self._asked_s = 0.0

    async def show(self, office: Office, _: Asked) -> Object:
        """The newest version; an old answer is told as stale where the index cannot be reached."""
        now_s = office.clock()
        cached = bool(self._known) and now_s - self._asked_s < _FRESH_S
        stale = False
        if not cached:
            proxy_url = office.settings.proxy_url.reveal()
            found = await _newest(office.live.gateway.transport, proxy_url)
            if found:
                self._known, self._asked_s = found, now_s
            elif self._known:
                cached = stale = True
            else:
                text = "The package index cannot be reached"
                raise Refused(502, Code.INTERNAL_ERROR, text)
        return {"latest-version": self._known, "cached": cached, "stale": stale}


async def _newest(transport: Transport, proxy_url: str) -> str:
    request = Outgoing("GET", _INDEX, {"accept": "application/json"}, b"", proxy_url)
    body = b""
    try:
        with trio.fail_after(_INDEX_S):
            async with transport.open(request) as reply:
                while reply.status == 200 and (piece := await reply.receive_some()):
                    body += piece
                    if len(body) > _INDEX_BYTES:
                        return ""
    except (MuxError, trio.TooSlowError):
        return ""
    info = (json.load_object(body) or {}).get("info")
    version = info.get("version") if isinstance(info, dict) else None
    return version if isinstance(version, str) else ""


async def explain(office: Office, asked: Asked) -> Object:
    """Where a request would go, why, and exactly what would be sent."""
    fields = await asked.fields()
    dialect, model = str(fields["dialect"]), _text(fields.get("model"))
    if dialect not in CODECS:
        raise invalid(f"dialect must be one of {', '.join(CODECS)}")
    strict = bool(fields.get("strict", office.settings.strict))
    raw = json.dumps(fields["body"])
    decode = partial(CODECS[dialect].server.decode_request, raw, model=model)
    try:
        request = decode(stream=_stream(fields, dialect))
        exact = model in (None, request.model)
        if model is not None:
            request = replace(request, model=model)
        call = Call(dialect, request, raw, _headers(fields), strict=strict, exact=exact)
        return explained(office.live.gateway, call)
    except NotFound as error:
        raise not_found(error.message) from None
    except MuxError as error:
        raise invalid(error.message) from None


def _stream(fields: Object, dialect: str) -> bool | None:
    """Whether an answer is to stream, where the body does not say."""
    stream = fields.get("stream", False if dialect == "gemini" else None)
    return None if stream is None else bool(stream)


def _headers(fields: Object) -> dict[str, str]:
    headers = fields.get("headers")
    return {
        name.lower(): str(value)
        for name, value in (headers if isinstance(headers, dict) else {}).items()
    }


def _text(value: JSON) -> str | None:
    return None if value is None else str(value)


async def no_login(office: Office, _: Asked) -> Object:
    """Logins that pose as a vendor's own program are not offered."""
    raise not_found("Logins are not offered here; configure an API key of the provider")
