"""Responses that are kept here: looked at, listed, deleted (translation spec section 22)."""

from __future__ import annotations

from mux.codecs import CODECS, openai_responses
from mux.errors import InvalidRequest, NotFound
from mux.gateway.conversations import Conversations, Stored
from mux.ir import Object
from mux.server.visit import JSON_TYPE, Visit
from mux.wire import json


class KeptResponses:
    """The endpoints below ``/v1/responses/{id}``. A client sees its own responses alone."""

    def __init__(self, conversations: Conversations) -> None:
        self._conversations = conversations

    async def show(self, visit: Visit) -> None:
        """The response as it was answered."""
        stored = self._find(visit)
        body = CODECS["openai_responses"].server.encode_response(stored.response, stored.request)
        await visit.sink.whole(200, JSON_TYPE, body)

    async def delete(self, visit: Visit) -> None:
        """Forget a response."""
        self._find(visit)
        self._conversations.forget(visit.client, visit.name or "")
        told: Object = {"id": visit.name, "object": "response", "deleted": True}
        await visit.sink.whole(200, JSON_TYPE, json.dumps(told))

    async def input_items(self, visit: Visit) -> None:
        """What the response answered."""
        order = visit.inbound.query.get("order", "desc")
        items = openai_responses.input_items(self._find(visit).request, order)
        await visit.sink.whole(200, JSON_TYPE, json.dumps(items))

    async def cancel(self, visit: Visit) -> None:
        """Nothing runs in the background here."""
        self._find(visit)
        raise InvalidRequest("Only background responses can be cancelled, and none are made here.")

    def _find(self, visit: Visit) -> Stored:
        stored = self._conversations.find(visit.client, visit.name or "")
        if stored is None:
            raise NotFound(
                f"Response with id {visit.name!r} not found. Answers are kept here for a day, "
                "unless `store` is false or a provider of the Responses API keeps them itself.",
                code="not_found",
            )
        return stored
