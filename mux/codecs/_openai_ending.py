"""How Chat and Completions streams end: the usage and ``[DONE]``, or an error and nothing more."""

from __future__ import annotations

from typing import Final

from mux.codecs._openai_errors import encode_error
from mux.codecs._openai_usage import encode_usage
from mux.errors import MuxError, UpstreamFailed
from mux.ir import Failure, Finish, Object, Request, StopReason, Usage, UsageUpdate
from mux.wire import json, sse

PING: Final = b": keep-alive\n\n"
"""A comment, the only keep-alive that all clients ignore (pitfalls 10 and 11)."""
_DONE: Final = sse.write(b"[DONE]")


class StreamEnding:
    """Knows whether a stream is over and writes its end. One per response.

    `base` is what every chunk repeats; it is set when the answer begins. `closed`: nothing more may
    be written.
    """

    __slots__ = ("_dialect", "_finished", "_request", "_usage", "base", "closed")

    def __init__(self, dialect: str, request: Request) -> None:
        self.base: Object = {}
        self.closed = False
        self._dialect = dialect
        self._request = request
        self._finished = False
        self._usage: Usage | None = None

    def chunk(self, fields: Object) -> bytes:
        """A chunk of no choice."""
        return sse.write(json.dumps(self.base | {"choices": []} | fields))

    def count(self, event: UsageUpdate) -> bytes:
        """The usage is told at the end, and only if it was asked for."""
        self._usage = event.usage
        return b""

    def finish(self, event: Finish) -> bytes:
        """The bytes of an answer that ended in an error; none if it ended well."""
        if event.reason is StopReason.ERROR:
            return self._fail(UpstreamFailed(event.explanation or "The upstream failed"))
        self._finished = True
        return b""

    def failure(self, event: Failure) -> bytes:
        """The error object, after which there is no ``[DONE]``."""
        return self._fail(event.error())

    def eof(self, late: Object) -> bytes:
        """The usage, a chunk of the `late` fields if there are any, and ``[DONE]``."""
        if self.closed:
            return b""
        if not self._finished:
            return self._fail(UpstreamFailed("The answer broke off before it was complete"))
        self.closed = True
        out = b""
        if self._request.include_usage and self._usage is not None:
            out += self.chunk({"usage": encode_usage(self._usage, self._dialect)})
        if late:
            out += self.chunk(late)
        return out + _DONE

    def _fail(self, error: MuxError) -> bytes:
        self.closed = True
        return sse.write(encode_error(error))
