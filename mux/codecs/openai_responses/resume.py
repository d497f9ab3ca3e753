"""A request that goes on from an answer given before, made whole (translation spec section 22)."""

from __future__ import annotations

from msgspec.structs import replace

from mux.codecs import _ids
from mux.codecs.openai_responses._own import own
from mux.codecs.openai_responses.head import Head
from mux.codecs.openai_responses.items_out import encode_input_items
from mux.ir import JSON, Abilities, Message, Object, Request, Response, Role, Start
from mux.wire import json


def response_id(response: Response, request: Request) -> str:
    """The id by which a client was told of `response` to its `request`."""
    start = Start(response.id, response.model, response.created, response.ext)
    return Head(start, request).id


def resume(request: Request, before: Request, answer: Response) -> Request:
    """`request` with the conversation it builds on: that of `before`, and the `answer` to it.

    ``instructions`` hold for one call only; system and developer items are part of the input.
    """
    kept = (text for text in before.system if "message" in own(text.ext))
    return replace(
        request,
        system=(*request.system, *kept),
        messages=(*before.messages, Message(Role.ASSISTANT, answer.parts), *request.messages),
        previous_id="",
    )


def input_items(request: Request, order: str = "desc") -> Object:
    """What was asked, as ``GET /v1/responses/{id}/input_items`` lists it; the newest first."""
    _, found = encode_input_items(request, Abilities(), [])
    items = [_listed(item, place) for place, item in enumerate(found) if isinstance(item, dict)]
    if order != "asc":
        items.reverse()
    ids = [item["id"] for item in items] or [None]
    return {
        "object": "list",
        "data": list[JSON](items),
        "first_id": ids[0],
        "last_id": ids[-1],
        "has_more": False,
    }


def _listed(item: Object, place: int) -> Object:
    """An input item as the API gives it back: with a type, an id, and content in parts."""
    kind = item.get("type", "message")
    prefix = "msg_" if kind == "message" else "item_"
    out: Object = {"id": _ids.stable_id(prefix, place, json.text(item)), "type": kind} | item
    if kind == "message" and isinstance(text := item.get("content"), str):
        word = "output_text" if item.get("role") == "assistant" else "input_text"
        out["content"] = [{"type": word, "text": text}]
    return out
