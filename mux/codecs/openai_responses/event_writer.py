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
    "web_search_call": ("in_progress", "searching", "completed"),
    "file_search_call": ("in_progress", "searching", "completed"),
    "code_interpreter_call": ("in_progress", "interpreting", "completed"),
    "image_generation_call": ("in_progress", "generating", "completed"),
    "mcp_list_tools": ("in_progress", "completed"),
    "mcp_call": ("in_progress", "completed"),
}
"""What items that are complete at once are seen to go through."""


def write_whole(writer: EventWriter, place: int, item: Object) -> bytes:
    """All events of an item that is complete already."""
    kind, status = str(item.get("type")), item.get("status")
    announced = {key: value for key, value in item.items() if key != "result"}
    if "status" in item:
        announced["status"] = "in_progress"
    out = writer.added(place, announced)
    where = b'"item_id":%b,"output_index":%d' % (json.dumps(item.get("id")), place)
    for step in _STEPS.get(kind, ()):
        failed = step == "completed" and status == "failed" and kind.startswith("mcp")
        event = f"response.{kind}.{'failed' if failed else step}"
        out += writer.write(event.encode(), where)
    return out + writer.done(place, item)
