"""Output items while they are being written, each in the order its clients insist on.

An item opens with ``output_item.added``, closes with ``output_item.done`` and is one thing
throughout: its id, its place and its text are the same in every event and in the final response
(specification of the dialect, section 8; cases F07).
"""

from __future__ import annotations

from typing import Final, Protocol

import orjson

from mux.codecs._openai_logprobs import encode_logprobs
from mux.codecs.openai_responses.event_writer import EventWriter, begin_whole, end_whole
from mux.codecs.openai_responses.texts import encode_annotation, fill_bytes
from mux.ir import JSON, Annotation, Object, Refusal, Text, TokenLogprob, ToolKind
from mux.wire import json

# The deltas that make up nearly every stream are spliced.
_TEXT_DELTA: Final = (
    b"event: response.output_text.delta\n"
    b'data: {"type":"response.output_text.delta","sequence_number":%d,%b%b,"logprobs":%b}\n\n'
)
_INPUT_DELTA: Final = b'event: %b\ndata: {"type":"%b","sequence_number":%%d,%b%%b}\n\n'


class LiveItem(Protocol):
    """What every item in the making can do."""

    def close(self, status: str) -> bytes:
        """The events that complete it. `status`: ``completed``, or ``incomplete`` if cut short."""
        ...


class MessageItem:
    """A message: text and refusals. `around` is what its own dialect knows of it."""

    __slots__ = (
        "_annotations",
        "_content",
        "_head",
        "_logprobs",
        "_part",
        "_place",
        "_refuses",
        "_texts",
        "_where",
        "_writer",
        "around",
        "id",
    )

    def __init__(self, writer: EventWriter, place: int, item_id: str, around: Object) -> None:
        self.id = item_id
        self.around = around
        self._writer = writer
        self._place = place
        self._content: list[JSON] = []
        self._part: Text | Refusal | None = None
        self._texts: list[str] = []
        self._logprobs: list[TokenLogprob] = []
        self._annotations: list[JSON] = []
        self._refuses = False
        self._where = b""
        self._head = b""

    def open(self) -> bytes:
        """The announcement."""
        return self._writer.added(self._place, self._item("in_progress"))

    def start(self, part: Text | Refusal) -> bytes:
        """Begin a part."""
        self._part, self._texts, self._logprobs, self._annotations = part, [], [], []
        self._refuses = isinstance(part, Refusal)
        self._where = b'"item_id":%b,"output_index":%d,"content_index":%d,' % (
            json.dumps(self.id),
            self._place,
            len(self._content),
        )
        self._head = self._where + b'"delta":'
        return self._writer.write(
            b"response.content_part.added", self._where + b'"part":%b' % json.dumps(self._now(""))
        )

    def text(self, text: str, logprobs: tuple[TokenLogprob, ...]) -> bytes:
        """More of the part."""
        self._texts.append(text)
        if self._refuses:
            return self._writer.write(b"response.refusal.delta", self._head + orjson.dumps(text))
        told = b"[]"
        if logprobs:
            self._logprobs.extend(logprobs)
            told = json.dumps(encode_logprobs(fill_bytes(logprobs)))
        writer = self._writer
        number = writer.number
        writer.number = number + 1
        return _TEXT_DELTA % (number, self._head, orjson.dumps(text), told)

    def annotate(self, annotation: Annotation) -> bytes:
        """A citation of the part."""
        told = encode_annotation(annotation, "".join(self._texts))
        self._annotations.append(told)
        return self._writer.write(
            b"response.output_text.annotation.added",
            self._where
            + b'"annotation_index":%d,"annotation":%b'
            % (len(self._annotations) - 1, json.dumps(told)),
        )

    def end(self) -> bytes:
        """Complete the part, if one is begun."""
        if self._part is None:
            return b""
        text = "".join(self._texts)
        part = self._now(text)
        if isinstance(self._part, Refusal):
            kind, told = b"response.refusal.done", b'"refusal":%b' % orjson.dumps(text)
        else:
            kind = b"response.output_text.done"
            told = b'"text":%b,"logprobs":%b' % (orjson.dumps(text), json.dumps(part["logprobs"]))
        self._content.append(part)
        self._part = None
        return self._writer.write(kind, self._where + told) + self._writer.write(
            b"response.content_part.done", self._where + b'"part":%b' % json.dumps(part)
        )

    def close(self, status: str) -> bytes:
        """The events that complete it."""
        return self.end() + self._writer.done(self._place, self._item(status))

    def _now(self, text: str) -> Object:
        """The part with all that was said of it so far."""
        if isinstance(self._part, Refusal):
            return {"type": "refusal", "refusal": text}
        return {
            "type": "output_text",
            "text": text,
            "annotations": self._annotations,
            "logprobs": encode_logprobs(fill_bytes(self._logprobs)),
        }

    def _item(self, status: str) -> Object:
        return {
            "id": self.id,
            "type": "message",
            "status": status,
            "role": "assistant",
            "content": self._content,
            **self.around,
        }


class ReasoningItem:
    """Reasoning, as summary parts or, for models whose reasoning is open, as content parts."""

    __slots__ = ("_around", "_id", "_parts", "_place", "_raw", "_sealed", "_texts", "_writer")

    def __init__(
        self, writer: EventWriter, place: int, item_id: str, around: Object, *, raw: bool
    ) -> None:
        self._writer = writer
        self._place = place
        self._id = item_id
        self._around = around
        self._raw = raw
        self._parts: list[JSON] = []
        self._texts: list[str] | None = None
        self._sealed = ""

    def open(self) -> bytes:
        """The announcement."""
        return self._writer.added(self._place, {"id": self._id, "type": "reasoning", "summary": []})

    def text(self, text: str) -> bytes:
        """More of the part, which begins with its first text."""
        out = b""
        if self._texts is None:
            self._texts = []
            out = self._part_event(b"added", "")
        self._texts.append(text)
        return out + self._text_event(b"delta", b'"delta":%b' % orjson.dumps(text))

    def end(self) -> bytes:
        """Complete the part, if one is begun."""
        if self._texts is None:
            return b""
        text = "".join(self._texts)
        out = self._text_event(b"done", b'"text":%b' % orjson.dumps(text))
        out += self._part_event(b"done", text)
        self._parts.append(self._part(text))
        self._texts = None
        return out

    def seal(self, value: str) -> None:
        """The ciphertext or the envelope that the client must send back."""
        self._sealed = value

    def close(self, status: str) -> bytes:
        """The events that complete it. Reasoning has no status of its own."""
        out = self.end()
        item: Object = {"id": self._id, "type": "reasoning"}
        item["summary"] = [] if self._raw else self._parts
        if self._raw:
            item["content"] = self._parts
        if self._sealed:
            item["encrypted_content"] = self._sealed
        return out + self._writer.done(self._place, item | self._around)

    def _part(self, text: str) -> Object:
        return {"type": "reasoning_text" if self._raw else "summary_text", "text": text}

    def _where(self) -> bytes:
        return b'"item_id":%b,"output_index":%d,"%b":%d,' % (
            json.dumps(self._id),
            self._place,
            b"content_index" if self._raw else b"summary_index",
            len(self._parts),
        )

    def _part_event(self, what: bytes, text: str) -> bytes:
        kind = b"content_part" if self._raw else b"reasoning_summary_part"
        fields = self._where() + b'"part":%b' % json.dumps(self._part(text))
        return self._writer.write(b"response.%b.%b" % (kind, what), fields)

    def _text_event(self, what: bytes, fields: bytes) -> bytes:
        kind = b"reasoning_text" if self._raw else b"reasoning_summary_text"
        return self._writer.write(b"response.%b.%b" % (kind, what), self._where() + fields)


class CallItem:
    """A call of one of the client's tools: a function, or one that takes free text."""

    __slots__ = ("_delta", "_item", "_kind", "_place", "_texts", "_where", "_writer")

    def __init__(self, writer: EventWriter, place: int, item: Object, kind: ToolKind) -> None:
        self._writer = writer
        self._place = place
        self._item = item
        self._kind = kind
        self._texts: list[str] = []
        self._where = b'"item_id":%b,"output_index":%d,' % (json.dumps(item["id"]), place)
        event = b"response.function_call_arguments.delta"
        if kind is ToolKind.CUSTOM:
            event = b"response.custom_tool_call_input.delta"
        where = (self._where + b'"delta":').replace(b"%", b"%%")
        self._delta = _INPUT_DELTA % (event, event, where)

    def open(self) -> bytes:
        """The announcement."""
        return self._writer.added(self._place, self._now("in_progress", ""))

    def text(self, text: str) -> bytes:
        """More of the arguments."""
        self._texts.append(text)
        writer = self._writer
        number = writer.number
        writer.number = number + 1
        return self._delta % (number, orjson.dumps(text))

    def close(self, status: str) -> bytes:
        """The events that complete it; arguments nobody wrote are an empty object."""
        out = b""
        text = "".join(self._texts)
        if self._kind is ToolKind.FUNCTION and status == "completed" and not text.strip():
            out, text = self.text("{}"), "{}"
        if self._kind is ToolKind.CUSTOM:
            kind, field = b"response.custom_tool_call_input.done", b"input"
        else:
            kind, field = b"response.function_call_arguments.done", b"arguments"
        out += self._writer.write(kind, self._where + b'"%b":%b' % (field, orjson.dumps(text)))
        return out + self._writer.done(self._place, self._now(status, text))

    def _now(self, status: str, text: str) -> Object:
        field = "input" if self._kind is ToolKind.CUSTOM else "arguments"
        return {**self._item, "status": status, field: text}


class HostedItem:
    """A tool the provider runs: announced when it is called, complete when its result is known."""

    __slots__ = ("_place", "_writer", "item")

    def __init__(self, writer: EventWriter, place: int, item: Object) -> None:
        self.item = item
        self._writer = writer
        self._place = place

    def open(self) -> bytes:
        """The announcement, and the steps it takes."""
        return begin_whole(self._writer, self._place, self.item)

    def close(self, status: str) -> bytes:
        """The events that complete it."""
        if status != "completed" and self.item.get("status") == "completed":
            return self._writer.done(self._place, {**self.item, "status": status})
        return end_whole(self._writer, self._place, self.item)
