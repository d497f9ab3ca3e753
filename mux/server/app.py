"""The ASGI application: one nursery for each request, every failure in the client's dialect."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from random import getrandbits
from typing import Final

import trio

from mux.codecs import CODECS, CountServer, ollama
from mux.config import Settings
from mux.errors import (
    BudgetSpent,
    InvalidRequest,
    MethodNotAllowed,
    MuxError,
    RequestTooLarge,
    UpgradeRequired,
    UpstreamFailed,
)
from mux.gateway import headers as gateway_headers
from mux.gateway.call import Call
from mux.gateway.count import count
from mux.gateway.exchange import Gateway
from mux.ir import Request
from mux.server import auth, endpoints, limits, listings
from mux.server._departures import Departure
from mux.server.asgi import (
    DEPARTURE,
    AsgiSink,
    ClientGone,
    Inbound,
    Message,
    Receive,
    Send,
    check_head,
    read_body,
)
from mux.server.attended import attended
from mux.server.endpoints import Action
from mux.server.journal import Journal
from mux.server.metrics import CONTENT_TYPE
from mux.server.origin import Doorkeeper
from mux.server.responses import KeptResponses
from mux.server.visit import JSON_TYPE, Entry, Visit
from mux.wire import json

_NO_SOCKET: Final = "Responses are served over HTTP: POST /v1/responses"
_TEXT: Final = "text/plain; charset=utf-8"
_OPEN: Final = frozenset({Action.ROOT, Action.HELLO, Action.HEALTH, Action.READY})
"""What answers without a key."""

_log: Final = logging.getLogger("mux.access")


class App:
    """Serves one configuration. Safe for any number of requests at once."""

    def __init__(self, settings: Settings, gateway: Gateway, journal: Journal) -> None:
        self._settings = settings
        self._gateway = gateway
        self._journal = journal
        self._turns = gateway.memory.turns
        self._door = Doorkeeper(settings)
        self._keys = tuple(client.key.reveal() for client in settings.api_keys)
        kept = KeptResponses(gateway.memory.conversations)
        self._actions: dict[Action, Callable[[Visit], Awaitable[None]]] = {
            Action.GENERATE: self._generate,
            Action.COUNT: self._count,
            Action.LIST_MODELS: self._list_models,
            Action.SHOW_MODEL: self._show_model,
            Action.RESPONSES_SOCKET: self._responses_socket,
            Action.SHOW_RESPONSE: kept.show,
            Action.DELETE_RESPONSE: kept.delete,
            Action.RESPONSE_ITEMS: kept.input_items,
            Action.CANCEL_RESPONSE: kept.cancel,
            Action.ROOT: self._root,
            Action.HELLO: self._root,
            Action.HEALTH: self._health,
            Action.READY: self._ready,
            Action.METRICS: self._metrics,
            Action.OLLAMA_TAGS: self._ollama_tags,
            Action.OLLAMA_SHOW: self._ollama_show,
            Action.OLLAMA_VERSION: self._ollama_version,
            Action.OLLAMA_PS: self._ollama_ps,
        }

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await _beside_http(scope, receive, send)
            return
        started_s = trio.current_time()
        tape = self._journal.tape(self._settings)
        if tape is not None:
            receive, send = tape.receiving(receive), tape.sending(send)
        inbound = Inbound.of(scope)
        departure: Departure | None = scope.get("extensions", {}).get(DEPARTURE)
        dialect = endpoints.dialect_of(inbound.path, inbound.headers)
        now_s = self._gateway.clock()
        request_id = _new_id(now_s)
        sink = AsgiSink(
            send,
            head_only=inbound.method == "HEAD",
            extra=[_request_id_header(dialect, request_id), *self._door.headers(inbound)],
        )
        entry = Entry(request_id, now_s, started_s, inbound, dialect, sink, tape=tape)
        outcome = entry.outcome
        self._turns.requests += 1
        try:
            await self._action(entry, receive, departure)
            await self._turns.take()  # what is told of it is a step, too
        except ClientGone:
            outcome.error, entry.cancelled = "client gone", True
        except MuxError as error:
            outcome.error = error.kind
            error.request_id = request_id
            await _send_error(sink, error, dialect)
            error.__traceback__ = None  # frames that hold it would hold the request with it
        except Exception:  # a bug of ours: logged with its trace, told to the client as a 503
            outcome.error = "bug"
            _log.exception("request %s failed on a bug", request_id)
            bug = UpstreamFailed(f"llm-mux failed on a bug; its log has request {request_id}")
            bug.request_id = request_id
            await _send_error(sink, bug, dialect)
        except BaseException:  # cancelled, by a nursery's word for it in some cases
            if not sink.ended:  # else the client has all of it, and nothing to wait for
                left = departure is not None and departure.known
                outcome.error, entry.cancelled = "client gone" if left else "cut off", True
            raise
        finally:
            self._turns.requests -= 1
            recorded = self._settings.usage_statistics_enabled
            self._journal.ended(entry, trio.current_time(), recorded=recorded)

    def _action(
        self, entry: Entry, receive: Receive, departure: Departure | None
    ) -> Awaitable[None]:
        """What answers the request. Raises what it is refused for."""
        inbound, sink = entry.inbound, entry.sink
        endpoints.check_method(inbound.method)
        self._door.check(inbound)
        check_head(inbound)
        if (allowed := self._door.preflight(inbound)) is not None:
            return sink.bare(204, allowed)
        endpoint, name = endpoints.find(inbound.method, inbound.path)
        if self._settings.disable_auth:
            entry.client = auth.client_of(inbound.headers, inbound.query)
        elif endpoint.action not in _OPEN:
            entry.client = auth.check(self._keys, inbound.headers, inbound.query)
        entry.endpoint = endpoint
        visit = Visit(entry, endpoint, name, receive, departure)
        return self._actions[endpoint.action](visit)

    # -- generating and counting ------------------------------------------------------------

    async def _generate(self, visit: Visit) -> None:
        body = await self._body(visit)
        decode = partial(_decode, visit, body)
        request = await self._turns.aside(decode, len(body), first=True)
        await self._turns.take()
        if request.origin == "ollama" and ollama.is_load(request):
            self._gateway.router.candidates(request.model)  # an unknown model cannot be loaded
            loaded = ollama.encode_load(request, int(self._gateway.clock()))
            await visit.sink.whole(200, JSON_TYPE, loaded)
            return
        call = visit.entry.call = self._call(visit, request, body)
        self._journal.called(call)
        self._journal.recorder.budgets.admit(visit.client, self._gateway.clock())

        gateway = self._gateway_of(visit)
        await attended(gateway.generate(call, visit.sink, visit.entry.outcome), visit)

    async def _count(self, visit: Visit) -> None:
        body = await self._body(visit)
        counter = CODECS[visit.endpoint.dialect].count_server
        if counter is None:
            raise MethodNotAllowed("This dialect counts no tokens", allow=())
        decode = partial(counter.decode_count, body, model=visit.name)
        request = await self._turns.aside(decode, len(body))
        call = self._call(visit, request, body)
        await attended(self._counted(visit, call, counter), visit)

    async def _counted(self, visit: Visit, call: Call, counter: CountServer) -> None:
        tokens, estimated = await count(self._gateway_of(visit), call)
        marks = [("x-mux-estimated", "1")] if estimated else []
        await visit.sink.whole(200, JSON_TYPE, counter.encode_count(tokens), marks)

    def _gateway_of(self, visit: Visit) -> Gateway:
        tape, gateway = visit.entry.tape, self._gateway
        if tape is None:
            return gateway
        return replace(gateway, transport=tape.through(gateway.transport))

    def _call(self, visit: Visit, request: Request, body: bytes) -> Call:
        headers = visit.inbound.headers
        asked = headers.get("x-mux-strict", "").lower()
        return Call(
            visit.endpoint.dialect,
            request,
            body,
            headers,
            client=visit.client,
            strict=asked in ("1", "true") if asked else self._settings.strict,
        )

    def _body(self, visit: Visit) -> Awaitable[bytes]:
        return read_body(
            visit.receive,
            visit.inbound.headers,
            self._settings.max_request_size,
            self._gateway.memory.pressure.check,
        )

    # -- models -----------------------------------------------------------------------------

    async def _list_models(self, visit: Visit) -> None:
        shape = listings.shape_of(
            visit.endpoint.dialect, visit.inbound.headers, visit.inbound.query
        )
        body = listings.all_models(self._gateway.router, shape, visit.inbound.query)
        await visit.sink.whole(200, JSON_TYPE, json.dumps(body))

    async def _show_model(self, visit: Visit) -> None:
        shape = listings.shape_of(
            visit.endpoint.dialect, visit.inbound.headers, visit.inbound.query
        )
        body = listings.one_model(self._gateway.router, visit.name or "", shape)
        await visit.sink.whole(200, JSON_TYPE, json.dumps(body))

    async def _ollama_tags(self, visit: Visit) -> None:
        body = listings.all_models(self._gateway.router, "ollama", {})
        await visit.sink.whole(200, JSON_TYPE, json.dumps(body))

    async def _ollama_show(self, visit: Visit) -> None:
        fields = json.load_object(await self._body(visit)) or {}
        name = fields.get("model") or fields.get("name")
        if not isinstance(name, str):
            raise InvalidRequest("model is required", param="model")
        body = listings.ollama_show(self._gateway.router, name)
        await visit.sink.whole(200, JSON_TYPE, json.dumps(body))

    async def _ollama_version(self, visit: Visit) -> None:
        await visit.sink.whole(200, JSON_TYPE, json.dumps({"version": listings.OLLAMA_VERSION}))

    async def _ollama_ps(self, visit: Visit) -> None:
        await visit.sink.whole(200, JSON_TYPE, json.dumps({"models": []}))

    # -- the server itself ------------------------------------------------------------------

    async def _responses_socket(self, visit: Visit) -> None:
        raise UpgradeRequired(_NO_SOCKET)

    async def _root(self, visit: Visit) -> None:
        await visit.sink.whole(200, _TEXT, b"Ollama is running")

    async def _health(self, visit: Visit) -> None:
        await visit.sink.whole(200, JSON_TYPE, json.dumps({"status": "ok"}))

    async def _metrics(self, visit: Visit) -> None:
        text = self._journal.metrics(self._gateway.memory.health)
        await visit.sink.whole(200, CONTENT_TYPE, self._gateway.hide(text.encode()))

    async def _ready(self, visit: Visit) -> None:
        usable = bool(self._gateway.router.providers)
        status, word = (200, "ready") if usable else (503, "no provider configured")
        await visit.sink.whole(status, JSON_TYPE, json.dumps({"status": word}))


def _new_id(now_s: float) -> str:
    """A name for a request. It begins with the time, so that a store puts the record behind the
    others and not somewhere between them."""
    return (int(now_s * 1000) << 80 | getrandbits(80)).to_bytes(16).hex()


def _decode(visit: Visit, body: bytes) -> Request:
    endpoint, variant = visit.endpoint, visit.endpoint.variant
    if endpoint.dialect == "gemini" and endpoint.stream and visit.inbound.query.get("alt") != "sse":
        variant = "array"
    return CODECS[endpoint.dialect].server.decode_request(
        body, model=visit.name, stream=endpoint.stream, variant=variant
    )


async def _send_error(sink: AsgiSink, error: MuxError, dialect: str) -> None:
    if sink.status:
        return  # the stream has begun and told of the failure in its own form
    extra = gateway_headers.of_error(error, dialect)
    if isinstance(error, BudgetSpent):
        extra += limits.headers(error, dialect)
    if isinstance(error, MethodNotAllowed):
        extra.append(("allow", ", ".join(error.allow)))
    if isinstance(error, UpgradeRequired):
        extra.append(("upgrade", "HTTP/1.1"))
    if isinstance(error, RequestTooLarge):  # the rest of it is in the way of another request
        extra.append(("connection", "close"))
    if error.native is not None:
        native = error.native
        await sink.whole(native.status, native.content_type, native.body, extra)
        return
    body = CODECS[dialect].server.encode_error(error)
    await sink.whole(error.status, JSON_TYPE, body, extra)


def _request_id_header(dialect: str, request_id: str) -> tuple[str, str]:
    if dialect == "anthropic":
        return "request-id", f"req_{request_id}"
    return "x-request-id", request_id


async def _beside_http(scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
    else:
        await _refuse_socket(scope, send)


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def _refuse_socket(scope: Message, send: Send) -> None:
    """Answer a WebSocket handshake with 426, on which Codex falls back to HTTP at once."""
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close"})
        return
    body = CODECS["openai_responses"].server.encode_error(UpgradeRequired(_NO_SOCKET))
    await send(
        {
            "type": "websocket.http.response.start",
            "status": UpgradeRequired.status,
            "headers": [
                (b"content-type", JSON_TYPE.encode()),
                (b"content-length", str(len(body)).encode()),
            ],
        }
    )
    await send({"type": "websocket.http.response.body", "body": body, "more_body": False})
