"""Requests as an upstream of this dialect would get them."""

from __future__ import annotations

import json
from typing import Any

from mux.codecs.anthropic import CODEC
from mux.ir import Abilities, Message, Part, Request, Role, Text

ABLE = Abilities(max_output=64000)


def user(*parts: Part | str) -> Message:
    return Message(Role.USER, tuple(Text(p) if isinstance(p, str) else p for p in parts))


def assistant(*parts: Part | str) -> Message:
    return Message(Role.ASSISTANT, tuple(Text(p) if isinstance(p, str) else p for p in parts))


def asked(*messages: Message, origin: str = "openai_chat", **fields: Any) -> Request:
    return Request("claude-x", messages=messages or (user("hi"),), origin=origin, **fields)


def sent(request: Request, abilities: Abilities = ABLE) -> tuple[dict[str, Any], list[str]]:
    """The body, and the codes of what was lost."""
    encoded = CODEC.client.encode_request(request, abilities)
    return json.loads(encoded.body), [loss.code for loss in encoded.losses]


def body(request: Request, abilities: Abilities = ABLE) -> dict[str, Any]:
    """The body of a request nothing of which is lost."""
    found, losses = sent(request, abilities)
    assert losses == []
    return found


def native(**fields: Any) -> Request:
    """What a client of this dialect asks for."""
    messages = [{"role": "user", "content": "hi"}]
    asks = {"model": "claude-x", "max_tokens": 8000, "messages": messages, **fields}
    return CODEC.server.decode_request(json.dumps(asks).encode())
