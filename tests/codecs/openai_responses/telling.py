"""Short ways to say requests, streams and events in tests."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from mux.codecs.openai_responses import CODEC
from mux.ir import Abilities, Checker, Event, Loss, Request

OPENAI = Abilities(custom_tools=True)
"""A model at OpenAI itself."""


def decoded(**fields: Any) -> Request:
    """The request of a client that sends `fields`."""
    return CODEC.server.decode_request(json.dumps({"model": "m", **fields}).encode())


def encoded(
    request: Request, abilities: Abilities = OPENAI
) -> tuple[dict[str, Any], list[str], dict[str, Any]]:
    """What the upstream is sent, the codes of what was lost, and the names to restore."""
    out = CODEC.client.encode_request(request, abilities)
    return json.loads(out.body), codes(out.losses), dict(out.tools.originals)


def codes(losses: Iterable[Loss]) -> list[str]:
    return [loss.code for loss in losses]


def sse(*events: dict[str, Any]) -> bytes:
    """The events as an upstream sends them."""
    return b"".join(
        f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events
    )


def heard(data: bytes) -> list[Event]:
    """The events of a stream, checked for their order."""
    decoder, check = CODEC.client.stream_decoder(), Checker()
    events = [*decoder.feed(data), *decoder.eof()]
    for event in events:
        check(event)
    assert check.done
    return events


def told(events: Iterable[Event], request: Request | None = None) -> bytes:
    """A stream as the client gets it."""
    encoder = CODEC.server.stream_encoder(request or Request("m", origin="openai_responses"))
    return b"".join(encoder.encode(event) for event in events) + encoder.eof()


def parsed(data: bytes) -> list[dict[str, Any]]:
    """The events of a written stream; their names and numbers are checked on the way."""
    events = []
    for number, frame in enumerate(data.decode().split("\n\n")[:-1]):
        name, _, payload = frame.partition("\n")
        event = json.loads(payload.removeprefix("data: "))
        assert name == f"event: {event['type']}"
        assert event["sequence_number"] == number
        events.append(event)
    return events


def kinds(data: bytes) -> list[str]:
    """The types of the events of a written stream."""
    return [event["type"].removeprefix("response.") for event in parsed(data)]


CREATED = {
    "type": "response.created",
    "response": {"id": "resp_1", "created_at": 1, "model": "m", "status": "in_progress"},
}


def added(place: int, **item: Any) -> dict[str, Any]:
    return {"type": "response.output_item.added", "output_index": place, "item": item}


def done(place: int, **item: Any) -> dict[str, Any]:
    return {"type": "response.output_item.done", "output_index": place, "item": item}


def delta(kind: str, place: int, item_id: str, text: str, **more: Any) -> dict[str, Any]:
    return {
        "type": f"response.{kind}.delta",
        "output_index": place,
        "item_id": item_id,
        "delta": text,
        **more,
    }


def ended(status: str = "completed", **fields: Any) -> dict[str, Any]:
    response = {"id": "resp_1", "status": status, "output": [], **fields}
    return {"type": f"response.{status}", "response": response}
