"""Chat streams, written by hand in as few words as possible."""

from __future__ import annotations

import json
from typing import Any

from mux.codecs.openai_chat import ChatStreamDecoder
from mux.ir import Checker, Event

DONE = b"data: [DONE]\n\n"


def sse(*payloads: Any) -> bytes:
    """Events with these payloads."""
    return b"".join(b"data: %b\n\n" % json.dumps(payload).encode() for payload in payloads)


def chunk(delta: dict[str, Any] | None = None, index: int = 0, **fields: Any) -> dict[str, Any]:
    """A chunk of one choice. `finish` is its reason to stop, the rest are fields of the chunk."""
    choice = {"index": index, "delta": delta or {}, "finish_reason": fields.pop("finish", None)}
    choice |= fields.pop("choice", {})
    return {"id": "c1", "model": "m", "created": 5, "choices": [choice], **fields}


def text(content: str, **fields: Any) -> dict[str, Any]:
    return chunk({"content": content}, **fields)


def call(index: int | str | None = 0, **fields: Any) -> dict[str, Any]:
    """A piece of a call: `id`, `name`, `args`, or any other field."""
    function = {
        key: fields.pop(given)
        for key, given in (("name", "name"), ("arguments", "args"))
        if given in fields
    }
    piece: dict[str, Any] = {**fields, "function": function}
    if index is not None:
        piece["index"] = index
    return {"tool_calls": [piece]}


def calls(index: int | str | None = 0, **fields: Any) -> dict[str, Any]:
    return chunk(call(index, **fields))


def read(*payloads: Any, done: bool = True) -> list[Event]:
    """The events of a stream of these payloads, checked against the grammar."""
    return read_bytes(sse(*payloads) + (DONE if done else b""))


def read_bytes(body: bytes) -> list[Event]:
    decoder, check = ChatStreamDecoder(), Checker()
    events = decoder.feed(body) + decoder.eof()
    for event in events:
        check(event)
    assert check.done
    return events
