"""What is told of every request when it has ended: record, figures, log line, file."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from mux.config import Settings
from mux.config.mask import Mask
from mux.gateway.call import Call, Try
from mux.models import Catalog
from mux.routing import Health, Router
from mux.server.access_line import AccessLine
from mux.server.endpoints import Action
from mux.server.metrics import Figures
from mux.server.page import Page
from mux.server.request_log import RequestLog
from mux.server.tape import Tape
from mux.server.visit import Entry
from mux.tokens import estimate
from mux.usage import RequestRecord, Tokens, TryRecord, cost_nano
from mux.usage.recorder import Recorder

if TYPE_CHECKING:
    from mux.server.traces import Traces

_CHARS_PER_TOKEN: Final = 4
_ASKING: Final = frozenset({Action.GENERATE, Action.COUNT})
"""What may reach an upstream."""

_log: Final = logging.getLogger("mux.access")


class Journal:
    """Where every request ends up. One per process.

    `request_log` takes files of requests and `traces` their spans, where there are any.
    """

    def __init__(
        self,
        recorder: Recorder,
        catalog: Catalog,
        request_log: RequestLog | None = None,
        traces: Traces | None = None,
    ) -> None:
        self.recorder = recorder
        self.figures = Figures()
        self._catalog = catalog
        self._request_log = request_log
        self._traces = traces

    def apply(self, settings: Settings, router: Router) -> None:
        """Go on with what `settings` call a secret, and with the models that `router` knows."""
        self.figures.listed = {listed.model for listed in router.models()}
        if self._traces is not None:
            self._traces.mask = Mask(settings)

    def metrics(self, health: Health) -> str:
        """What ``GET /metrics`` shows."""
        files = self._request_log.lost if self._request_log is not None else 0
        return self.figures.text(health, {"usage": self.recorder.dropped, "request_files": files})

    def tape(self, settings: Settings) -> Tape | None:
        """What to record the next request on, if that is wanted."""
        wanted = settings.request_log and self._request_log is not None
        return Tape(settings) if wanted else None

    def called(self, call: Call) -> None:
        """`call` is about to be answered; `ended` will follow."""
        self.figures.streams += call.request.stream

    def ended(self, entry: Entry, now_s: float, *, recorded: bool) -> None:
        """Tell of `entry`, which has ended at `now_s` on trio's clock; `recorded`: for good."""
        duration_s = now_s - entry.started_s
        line = AccessLine.of(entry, duration_s)
        _log.info(line)
        action = entry.endpoint.action if entry.endpoint is not None else None
        if entry.tape is not None and self._request_log is not None and action in _ASKING:
            failed = not entry.cancelled and bool(entry.outcome.error)
            page = Page(entry.time_s, entry.id, failed, entry.inbound, line.fields, entry.tape)
            self._request_log.add(page)
        if action is not Action.GENERATE:
            return
        if entry.call is not None:
            self.figures.streams -= entry.call.request.stream
        record = self._record(entry, duration_s)
        tries = entry.outcome.tries
        self.figures.add(record, tries[-1].between_s if tries else None)
        if recorded:
            self.recorder.add(record)
        else:
            self.recorder.budgets.spend(record)
        if self._traces is not None:
            self._traces.add(entry, record)

    def _record(self, entry: Entry, duration_s: float) -> RequestRecord:
        outcome, call = entry.outcome, entry.call
        return RequestRecord(
            entry.id,
            entry.time_s,
            client=entry.client,
            dialect=entry.dialect,
            model=call.request.model if call is not None else "",
            stream=call is not None and call.request.stream,
            status=entry.sink.status,
            duration_s=duration_s,
            error=outcome.error,
            first_content_s=entry.first_content_s,
            cancelled=entry.cancelled,
            losses=outcome.losses,
            tries=tuple([self._try(attempt, entry) for attempt in outcome.tries]),
        )

    def _try(self, attempt: Try, entry: Entry) -> TryRecord:
        tokens, estimated = _tokens(attempt, entry)
        content_s = attempt.content_s
        return TryRecord(
            attempt.provider,
            attempt.account,
            attempt.model,
            status=attempt.status,
            error=attempt.error,
            duration_s=attempt.ended_s - attempt.started_s,
            first_content_s=None if content_s is None else content_s - attempt.started_s,
            tokens=tokens,
            cost_nano=cost_nano(self._catalog.price(attempt.catalogue, attempt.model), tokens),
            estimated=estimated,
        )


def _tokens(attempt: Try, entry: Entry) -> tuple[Tokens, bool]:
    """What `attempt` used, and whether that is an estimate.

    An upstream that took the request has read it, and an answer that broke off was written that
    far, whoever left: what was not told of them counts as estimated, or leaving early were free.
    """
    said = Tokens.of(attempt.usage)
    taken = 0 < attempt.status < 400
    usage = attempt.usage
    told = usage is not None and usage.input_total is not None and usage.output_total is not None
    if not taken or (told and attempt.complete) or entry.call is None:
        return said, False
    read, written = said.input, -(-attempt.written // _CHARS_PER_TOKEN)
    if usage is None or usage.input_total is None:
        read = estimate(entry.call.request)
    tokens = Tokens(read, max(said.output, written), said.cached, said.cache_write, said.reasoning)
    return tokens, tokens != said
