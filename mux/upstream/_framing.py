"""Where the body of an answer ends (RFC 9112 section 6.3)."""

from __future__ import annotations

from mux.upstream._head import Answer
from mux.wire import chunked
from mux.wire.bodies import Framing, Length, UntilClose


def framing(method: str, answer: Answer) -> Framing:
    """How the body of `answer` to a `method` request is framed."""
    if method == "HEAD" or answer.status in {204, 304}:
        return Length(0)
    if answer.chunked:
        return chunked.Reader()
    return UntilClose() if answer.length is None else Length(answer.length)


def keeps_alive(answer: Answer) -> bool:
    """Whether the connection may serve another request after this one."""
    if answer.chunked and answer.length is not None:
        return False  # two framings in one message: a sign of response splitting
    if answer.version < b"1.1":
        return False
    return not any(
        token.strip() == b"close"
        for name, value in answer.fields
        if name == b"connection"
        for token in value.lower().split(b",")
    )
