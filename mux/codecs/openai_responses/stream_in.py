"""A streamed answer to events.

Deltas find their item by its id, else by its place: ids may change from event to event, and places
may be wrong, but not both (F06). What a closing event tells beyond the deltas is passed on, and
nothing twice (F02).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Final

from msgspec.structs import replace

from mux.codecs._blocks import BlockSequencer
from mux.codecs._errors import CUT_SHORT
from mux.codecs._openai_logprobs import decode_logprobs
from mux.codecs.openai_responses import _wire
from mux.codecs.openai_responses._own import keep, own
from mux.codecs.openai_responses._wire import Frame
from mux.codecs.openai_responses.errors import decode_failure
from mux.codecs.openai_responses.head import decode_finish, decode_start
from mux.codecs.openai_responses.open_items import OpenItem, word
from mux.codecs.openai_responses.texts import decode_annotation, fill_bytes
from mux.codecs.openai_responses.usage import decode_usage
from mux.errors import ErrorKind, InvalidRequest, MuxError
from mux.ir import JSON, Event, Failure, Finish, Object, Part, Start, TokenLogprob, UsageUpdate
from mux.wire import Doc, json, sse
from mux.wire.frames import FrameReader

_DONE: Final = b"[DONE]"
_EMPTY_LIST: Final = len("[]")

_Handler = Callable[["ResponseStreamDecoder", Frame, bytes, list[Event]], None]


class ResponseStreamDecoder:
    """Bytes to events. One per response."""

    __slots__ = (
        "_blocks",
        "_by_id",
        "_by_place",
        "_ended",
        "_frames",
        "_last",
        "_limited_s",
        "_sse",
        "_start",
    )

    def __init__(self) -> None:
        self._sse = sse.Reader()
        self._frames = FrameReader(_wire.FRAME)
        self._blocks = BlockSequencer()
        self._by_id: dict[str, OpenItem] = {}
        self._by_place: dict[int, OpenItem] = {}
        self._last: OpenItem | None = None
        self._start: Start | None = None
        self._ended = False
        self._limited_s: float | None = None
        """seconds that a rate-limit note, which says nothing about this answer, names"""

    def feed(self, data: bytes, /) -> list[Event]:
        """The events that `data` completes."""
        out: list[Event] = []
        if not self._ended:
            try:
                self._take(self._sse.feed(data), out)
            except MuxError as error:
                self._fail(error, out)
        return out

    def eof(self) -> list[Event]:
        """The failure of a stream that ended without a terminal event."""
        out: list[Event] = []
        if self._ended:
            return out
        try:
            self._take(self._sse.eof(), out)
        except MuxError as error:
            self._fail(error, out)
        if not self._ended:
            self._fail(self._cut(), out)
        return out

    def _take(self, frames: list[sse.Frame], out: list[Event]) -> None:
        for _, data in frames:
            if data[:6] == _DONE or not data.strip():
                continue
            frame = self._frames(data)
            if frame is None:
                continue
            handler = _ON.get(frame.type)
            if handler is None:
                continue
            try:
                handler(self, frame, data, out)
            except InvalidRequest:
                continue  # JSON of an unknown shape: dialects grow
            if self._ended:
                return

    def _cut(self) -> MuxError:
        failure = Failure(ErrorKind.SERVER, CUT_SHORT)
        if self._start is None and self._limited_s is not None:
            words = "the upstream's rate limit is reached"
            failure = Failure(ErrorKind.RATE_LIMIT, words, retry_after_s=self._limited_s)
        return failure.error()

    def _fail(self, error: MuxError, out: list[Event]) -> None:
        self._ended = True
        out.append(Failure.of(error))

    # -- the response around its items --------------------------------------------------------

    def begin(self, frame: Frame, data: bytes, out: list[Event]) -> None:
        """``response.created`` and its like: the first one counts."""
        if self._start is None:
            self._begin(_object(data, "response"), out)

    def _begin(self, response: Object, out: list[Event]) -> None:
        self._start = decode_start(response)
        out.append(self._start)

    def end(self, frame: Frame, data: bytes, out: list[Event]) -> None:
        """The terminal events but for errors."""
        response = _object(data, "response")
        if frame.type == "response.failed" or response.get("status") == "failed":
            self._fail(decode_failure(response.get("error")), out)
            return
        if self._start is None:
            self._begin(response, out)
        output = response.get("output")
        if isinstance(output, list):
            self._complete(output, out)
        self._blocks.stop_all(out)
        if (usage := decode_usage(response)) is not None:
            out.append(UsageUpdate(usage))
        out.append(self._finish(response))
        self._ended = True

    def _complete(self, output: list[JSON], out: list[Event]) -> None:
        """Items that no closing event told of, as the final response has them."""
        more = len(output) > len(self._by_place)
        for place, value in enumerate(output):
            fields = value if isinstance(value, dict) else {}
            with suppress(InvalidRequest):
                item = self._by_id.get(word(fields, "id")) or self._by_place.get(place)
                if item is not None and not item.finished:
                    item.finish(fields, out)
                elif item is None and more:
                    self._whole(fields, place, out)

    def _finish(self, response: Object) -> Finish:
        """The end, with what the response object did not say at its beginning."""
        said: list[Part] = []
        for item in self._by_place.values():
            said += item.said
        finish = decode_finish({"status": "completed", **response}, said)
        before = own(self._start.ext) if self._start is not None else {}
        after = own(decode_start(response).ext)
        told: Object = {key: value for key, value in after.items() if before.get(key) != value}
        return replace(finish, ext=keep(told))

    def error(self, frame: Frame, data: bytes, out: list[Event]) -> None:
        """An ``error`` event, nested or flat; a bare object that holds nothing but an error."""
        fields = json.load_object(data) or {}
        nested = fields.get("error")
        if frame.type or nested:
            self._fail(decode_failure(nested or fields), out)

    def limits(self, frame: Frame, data: bytes, out: list[Event]) -> None:
        """``codex.rate_limits``: a note, unless nothing else comes (pitfall 76)."""
        fields = json.load_object(data) or {}
        limits = fields.get("rate_limits")
        limits = limits if isinstance(limits, dict) else fields
        primary = limits.get("primary")
        if limits.get("limit_reached") is True or fields.get("limit_reached") is True:
            wait_s = primary.get("reset_after_seconds") if isinstance(primary, dict) else None
            self._limited_s = float(wait_s) if isinstance(wait_s, int | float) else 0.0

    # -- items --------------------------------------------------------------------------------

    def _item(self, frame: Frame, kind: str, out: list[Event]) -> OpenItem:
        """The item an event belongs to; one that was never announced is opened as a `kind`."""
        last = self._last
        if last is not None and last.id and frame.item_id == last.id:
            return last
        place = frame.output_index
        item = self._by_id.get(frame.item_id) if frame.item_id else None
        if item is None and place is not None:
            item = self._by_place.get(place)
        if item is None:
            fields: Object = {"type": kind, "id": frame.item_id or ""}
            item = self._open(fields, len(self._by_place) if place is None else place, out)
        self._last = item
        return item

    def _open(self, fields: Object, place: int, out: list[Event]) -> OpenItem:
        if self._start is None:
            self._begin({}, out)
        item = OpenItem(place, fields, self._blocks)
        self._by_place[place] = item
        if item.id:
            self._by_id[item.id] = item
        return item

    def added(self, frame: Frame, data: bytes, out: list[Event]) -> None:
        """``response.output_item.added``."""
        place = len(self._by_place) if frame.output_index is None else frame.output_index
        fields = _object(data, "item")
        if place not in self._by_place and fields:
            self._last = self._open(fields, place, out)
            self._last.begin(out)

    def done(self, frame: Frame, data: bytes, out: list[Event]) -> None:
        """``response.output_item.done``: only here items are complete (pitfall 66)."""
        fields = _object(data, "item")
        item = self._by_id.get(word(fields, "id"))
        if item is None and frame.output_index is not None:
            item = self._by_place.get(frame.output_index)
        if item is not None:
            item.finish(fields, out)
            return
        place = len(self._by_place) if frame.output_index is None else frame.output_index
        self._whole(fields, place, out)

    def _whole(self, fields: Object, place: int, out: list[Event]) -> None:
        if word(fields, "type"):
            self._open(fields, place, out).finish(fields, out)

    # -- pieces of items ----------------------------------------------------------------------

    def text(self, frame: Frame, data: bytes, out: list[Event]) -> None:
        """``response.output_text.delta``."""
        if frame.delta:
            item = self._item(frame, "message", out)
            logprobs: tuple[TokenLogprob, ...] = ()
            if len(frame.logprobs) > _EMPTY_LIST:
                logprobs = _logprobs(bytes(frame.logprobs))
            item.text(frame.content_index or 0, frame.delta, logprobs, out)

    def refusal(self, frame: Frame, data: bytes, out: list[Event]) -> None:
        """``response.refusal.delta``."""
        if frame.delta:
            item = self._item(frame, "message", out)
            item.refusal(frame.content_index or 0, frame.delta, out)

    def annotation(self, frame: Frame, data: bytes, out: list[Event]) -> None:
        """``response.output_text.annotation.added``."""
        item = self._item(frame, "message", out)
        annotation = decode_annotation(Doc(_object(data, "annotation")))
        item.annotate(frame.content_index or 0, annotation, out)

    def summary(self, frame: Frame, data: bytes, out: list[Event]) -> None:
        """``response.reasoning_summary_text.delta``."""
        if frame.delta:
            item = self._item(frame, "reasoning", out)
            item.think(frame.summary_index or 0, frame.delta, True, out)

    def thinking(self, frame: Frame, data: bytes, out: list[Event]) -> None:
        """``response.reasoning_text.delta``."""
        if frame.delta:
            item = self._item(frame, "reasoning", out)
            item.think(frame.content_index or 0, frame.delta, False, out)

    def arguments(self, frame: Frame, data: bytes, out: list[Event]) -> None:
        """The deltas of both kinds of calls."""
        if frame.delta:
            kind = "custom_tool_call" if "custom" in frame.type else "function_call"
            self._item(frame, kind, out).argue(frame.delta, out)

    def text_done(self, frame: Frame, data: bytes, out: list[Event]) -> None:
        """``response.output_text.done``."""
        item = self._item(frame, "message", out)
        item.complete_text(frame.content_index or 0, _text(data, "text"), (), out)

    def arguments_done(self, frame: Frame, data: bytes, out: list[Event]) -> None:
        """The end of a call's arguments, for hosts that send them only here (F02)."""
        custom = "custom" in frame.type
        item = self._item(frame, "custom_tool_call" if custom else "function_call", out)
        text = _text(data, "input" if custom else "arguments")
        item.complete_arguments(text, out)


def _object(data: bytes, key: str) -> Object:
    value = (json.load_object(data) or {}).get(key)
    return value if isinstance(value, dict) else {}


def _logprobs(data: bytes) -> tuple[TokenLogprob, ...]:
    try:
        return fill_bytes(decode_logprobs(json.loads(data)))
    except json.JsonError:  # what nobody looked into until now: bad escapes
        return ()


def _text(data: bytes, key: str) -> str:
    value = (json.load_object(data) or {}).get(key)
    return value if isinstance(value, str) else ""


_ON: Final[dict[str, _Handler]] = {
    "response.output_text.delta": ResponseStreamDecoder.text,
    "response.function_call_arguments.delta": ResponseStreamDecoder.arguments,
    "response.custom_tool_call_input.delta": ResponseStreamDecoder.arguments,
    "response.reasoning_summary_text.delta": ResponseStreamDecoder.summary,
    "response.reasoning_text.delta": ResponseStreamDecoder.thinking,
    "response.refusal.delta": ResponseStreamDecoder.refusal,
    "response.output_text.annotation.added": ResponseStreamDecoder.annotation,
    "response.output_text.done": ResponseStreamDecoder.text_done,
    "response.function_call_arguments.done": ResponseStreamDecoder.arguments_done,
    "response.custom_tool_call_input.done": ResponseStreamDecoder.arguments_done,
    "response.output_item.added": ResponseStreamDecoder.added,
    "response.output_item.done": ResponseStreamDecoder.done,
    "response.created": ResponseStreamDecoder.begin,
    "response.queued": ResponseStreamDecoder.begin,
    "response.in_progress": ResponseStreamDecoder.begin,
    "response.completed": ResponseStreamDecoder.end,
    "response.incomplete": ResponseStreamDecoder.end,
    "response.cancelled": ResponseStreamDecoder.end,
    "response.failed": ResponseStreamDecoder.end,
    "error": ResponseStreamDecoder.error,
    "codex.rate_limits": ResponseStreamDecoder.limits,
    "": ResponseStreamDecoder.error,
}
