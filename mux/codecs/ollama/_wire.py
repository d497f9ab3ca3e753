"""The shapes of answer lines, every field optional, and the dialect's own name.

One shape serves both endpoints: chat puts its text into ``message``, generate into the line itself.
What only the last line holds is read from its JSON directly, so that no field of it is lost.
"""

from __future__ import annotations

from typing import Final

import msgspec

DIALECT: Final = "ollama"

METRICS: Final = (
    "total_duration",
    "load_duration",
    "prompt_eval_count",
    "prompt_eval_duration",
    "eval_count",
    "eval_duration",
)
"""Durations are integer nanoseconds, counts are tokens; a zero is left out on the wire."""


class Struct(msgspec.Struct, gc=False):
    """Base of the shapes."""


class Candidate(Struct):
    """A token that was possible at one position."""

    token: str = ""
    logprob: float = 0.0
    bytes: list[int] | None = None


class Logprob(Candidate):
    """The token that was chosen there, with its alternatives."""

    top_logprobs: list[Candidate] | None = None


ABSENT: Final = msgspec.Raw(b"")
"""A raw field that is not there."""


class Function(Struct):
    """Name and arguments of a call. Arguments stay the text they were."""

    name: str = ""
    arguments: msgspec.Raw = ABSENT
    index: int | None = None


class Call(Struct):
    """A whole tool call; older servers give no id."""

    function: Function = msgspec.field(default_factory=Function)
    id: str | None = None


class Message(Struct):
    """The assistant's message, or a fragment of it."""

    content: str | None = None
    thinking: str | None = None
    images: list[str] | None = None
    tool_calls: list[Call] | None = None


class Line(Struct):
    """One line of a stream, or a whole answer."""

    model: str | None = None
    created_at: str | None = None
    message: Message | None = None
    response: str | None = None
    thinking: str | None = None
    image: str | None = None
    tool_calls: list[Call] | None = None
    logprobs: list[Logprob] | None = None
    done: bool = False
    error: msgspec.Raw = ABSENT


LINE: Final = msgspec.json.Decoder(Line)
