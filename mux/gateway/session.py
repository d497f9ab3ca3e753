"""Which conversation a call belongs to, so that it finds the prompt cache it left behind."""

from __future__ import annotations

import hashlib
from typing import Final

from mux.gateway.call import Call
from mux.ir import Message, Role, Text

_HEADERS: Final = (
    "x-claude-code-session-id",
    "session_id",
    "session-id",
    "x-session-id",
    "conversation_id",
)
_MOST_CHARS: Final = 65_536
"""What is alike for so long has a cache in common."""


def session_of(call: Call) -> str:
    """A name for the conversation (translation spec section 22).

    What the client says itself, else a hash of how the conversation begins. Client and model are
    part of it.
    """
    request = call.request
    said = next((call.headers[name] for name in _HEADERS if name in call.headers), "")
    said = said or request.cache_key or request.user_id or _beginning(request.messages)
    if not said and request.system:
        said = request.system[0].text
    words = "\0".join((call.client, request.model, said[:_MOST_CHARS]))
    return hashlib.sha256(words.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _beginning(messages: tuple[Message, ...]) -> str:
    """The first thing the user said."""
    for message in messages:
        if message.role is Role.USER:
            return "\n".join(part.text for part in message.parts if isinstance(part, Text))
    return ""
