"""Events of a stream as bytes: framed, numbered, and the items that are complete kept."""

from __future__ import annotations

from typing import Final

from mux.ir import Object
from mux.wire import json


class EventWriter:
    """Frames and numbers the events of one response, and keeps its finished items.

    Who frames an event himself, as the deltas do, takes its `number` and leaves the next one.
    """

    __slots__ = ("items", "number")

    def __init__(self) -> None:
        self.number = 0
        self.items: list[bytes] = []

    def write(self, kind: bytes, fields: bytes) -> bytes:
        """One event; `fields` are its members without the braces."""
        number = self.number
        self.number = number + 1
        return b'event: %b\ndata: {"type":"%b","sequence_number":%d,%b}\n\n' % (
            kind,
            kind,
            number,
            fields,
        )

    def added(self, place: int, item: Object) -> bytes:
        """``response.output_item.added``."""
        return self.write(
            b"response.output_item.added",
            b'"output_index":%d,"item":%b' % (place, json.dumps(item)),
        )

    def done(self, place: int, item: Object) -> bytes:
        """``response.output_item.done``; the item counts as finished."""
        data = json.dumps(item)
        self.items.append(data)
        return self.write(
            b"response.output_item.done", b'"output_index":%d,"item":%b' % (place, data)
        )


_STEPS: Final = {
    "web_search_call": ("in_progress", "searching"),
    "file_search_call": ("in_progress", "searching"),
    "code_interpreter_call": ("in_progress", "interpreting"),
    "image_generation_call": ("in_progress", "generating"),
    "mcp_list_tools": ("in_progress",),
    "mcp_call": ("in_progress",),
}
"""What items of hosted tools are seen to go through before they are completed."""


def begin_whole(writer: EventWriter, place: int, item: Object) -> bytes:
    """The announcement of an item that comes in one piece, and the steps it is seen to take."""
    announced = {key: value for key, value in item.items() if key != "result"}
    if "status" in item:
        announced["status"] = "in_progress"
    out = writer.added(place, announced)
    for step in _STEPS.get(str(item.get("type")), ()):
        out += _step(writer, place, item, step)
    return out


def end_whole(writer: EventWriter, place: int, item: Object) -> bytes:
    """The completion of such an item."""
    kind, out = str(item.get("type")), b""
    if kind in _STEPS:
        failed = item.get("status") == "failed" and kind.startswith("mcp")
        out = _step(writer, place, item, "failed" if failed else "completed")
    return out + writer.done(place, item)


def _step(writer: EventWriter, place: int, item: Object, step: str) -> bytes:
    where = b'"item_id":%b,"output_index":%d' % (json.dumps(item.get("id")), place)
    return writer.write(f"response.{item.get('type')}.{step}".encode(), where)


def write_whole(writer: EventWriter, place: int, item: Object) -> bytes:
    """All events of an item that is complete already."""
    return begin_whole(writer, place, item) + end_whole(writer, place, item)
