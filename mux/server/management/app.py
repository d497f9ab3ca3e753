"""The ASGI app of the management API, in front of the app that serves everything else."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final

from mux.config.source import Source
from mux.server.asgi import AsgiSink, ClientGone, Inbound, Message, Receive, Send
from mux.server.endpoints import clean
from mux.server.live import Live
from mux.server.management import endpoints, envelope, openapi
from mux.server.management.access import Access, page_headers
from mux.server.management.asked import Asked, Office, Usage
from mux.server.management.envelope import Code, Partly, Raw, Refused
from mux.wire import json

_JSON: Final = "application/json; charset=utf-8"
_log: Final = logging.getLogger("mux.management")


class Management:
    """Answers what is below ``/v1/management`` and leaves the rest to `live`. One per process."""

    def __init__(
        self, live: Live, source: Source, clock: Callable[[], float], usage: Usage | None = None
    ) -> None:
        self._live = live
        self._office = Office(live, source, clock, usage)
        self._access = Access(source)

    def __call__(self, scope: Message, receive: Receive, send: Send) -> Awaitable[None]:
        ours = scope["type"] == "http" and _is_below(clean(scope["path"]))
        serve = self._serve if ours else self._live.app
        return serve(scope, receive, send)

    async def _serve(self, scope: Message, receive: Receive, send: Send) -> None:
        inbound = Inbound.of(scope)
        extra = [("cache-control", "no-store"), *page_headers(inbound, self._live.settings)]
        sink = AsgiSink(send, head_only=False, extra=extra)
        peer: str = (scope.get("client") or ("",))[0]
        try:
            await self._answer(inbound, peer, receive, sink)
        except ClientGone:
            return
        except Refused as refused:
            await _refuse(sink, refused)
        except Exception:  # a bug of ours: logged with its trace, told as such
            _log.exception("%s %s failed on a bug", inbound.method, inbound.path)
            text = "llm-mux failed on a bug; its log has more"
            await _refuse(sink, Refused(500, Code.INTERNAL_ERROR, text))
        _log.info("%s %s %d", inbound.method, inbound.path, sink.status)

    async def _answer(self, inbound: Inbound, peer: str, receive: Receive, sink: AsgiSink) -> None:
        allowed = self._access.preflight(inbound, peer, self._live.settings)
        if allowed is not None:
            await sink.bare(204, allowed)
            return
        self._access.check(inbound, peer, self._live.settings)
        path = inbound.path.removeprefix(endpoints.PREFIX)
        if path == openapi.PATH and inbound.method == "GET":
            await sink.whole(200, _JSON, json.dumps(openapi.document()))
            return
        endpoint, name = endpoints.find(inbound.method, path)
        schema = endpoint.bodies.get(endpoints.JSON_TYPE)
        answer = await endpoint.action(self._office, Asked(inbound, receive, name, schema))
        if isinstance(answer, Raw):
            await sink.whole(200, answer.content_type, answer.body, _disposition(answer))
            return
        status, data = (207, answer.data) if isinstance(answer, Partly) else (200, answer)
        await sink.whole(status, _JSON, envelope.success(data, self._office.clock()))


def _is_below(path: str) -> bool:
    return path.startswith(endpoints.PREFIX) and path[len(endpoints.PREFIX) :][:1] in ("", "/")


def _disposition(answer: Raw) -> list[tuple[str, str]]:
    if not answer.filename:
        return []
    return [("content-disposition", f'attachment; filename="{answer.filename}"')]


async def _refuse(sink: AsgiSink, refused: Refused) -> None:
    if not sink.status:
        await sink.whole(refused.status, _JSON, envelope.failure(refused), refused.headers)
