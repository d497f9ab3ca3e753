"""Events: what a stream is made of, between any two dialects.

A stream is ``Start (BlockStart delta* BlockStop)* Finish``. One block is open at a time; indices
count 0, 1, 2 within a choice. `UsageUpdate` may come any time after `Start` and before the last
`Finish`; `Failure` any time, and then nothing more. Further choices (n > 1) follow one another:
after `Finish` a `Choice` opens the next. `mux.ir.grammar` holds the order as a table.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias

import msgspec

from mux.errors import BY_KIND, ErrorKind, MuxError
from mux.ir.content import Annotation, Part, Signature, TokenLogprob
from mux.ir.jsontypes import Ext, Object


class Usage(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Token counts. None = the dialect did not say.

    `input_total` is everything the model read (cache included), `output_total` everything it wrote
    (reasoning included): translation spec section 14. `raw` is the native object of `dialect`.
    """

    input_total: int | None = None
    output_total: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    cache_write_5m: int | None = None
    cache_write_1h: int | None = None
    reasoning: int | None = None
    audio_in: int | None = None
    audio_out: int | None = None
    image_in: int | None = None
    tool_prompt: int | None = None
    web_searches: int | None = None
    web_fetches: int | None = None
    dialect: str = ""
    raw: Object | None = None

    @property
    def total(self) -> int:
        """Input and output together, 0 for what is unknown."""
        return (self.input_total or 0) + (self.output_total or 0)


class StopReason(StrEnum):
    """Why a model stopped: the rows of translation spec section 15."""

    STOP = "stop"
    STOP_SEQUENCE = "stop_sequence"
    TOOL_CALLS = "tool_calls"
    LENGTH = "length"
    CONTEXT_WINDOW = "context_window"
    CONTENT_FILTER = "content_filter"
    REFUSAL = "refusal"
    PAUSE = "pause"
    CONTINUATION = "continuation"
    MALFORMED_TOOL = "malformed_tool"
    CANCELLED = "cancelled"
    ERROR = "error"
    UNKNOWN = "unknown"


class _Event(msgspec.Struct, frozen=True, gc=False, tag=True, tag_field="event"):
    """Base of all events. Immutable, compared by value, never subclassed outside."""


class Start(_Event, frozen=True):
    """The answer begins. `created` is in seconds since the epoch, 0 = unknown."""

    id: str = ""
    model: str = ""
    created: int = 0
    ext: Ext | None = None


class BlockStart(_Event, frozen=True):
    """A block opens. `part` is what is known of it: empty for text, name and id for a call, or
    the whole part where nothing more will come (media, results, opaque)."""

    index: int
    part: Part


class TextDelta(_Event, frozen=True):
    """More text of a `Text` or `Refusal` block."""

    index: int
    text: str
    logprobs: tuple[TokenLogprob, ...] = ()


class ThinkingDelta(_Event, frozen=True):
    """More text of a `Thinking` block."""

    index: int
    text: str


class ThinkingBreak(_Event, frozen=True):
    """The next `ThinkingDelta` begins another part (`Thinking.texts`)."""

    index: int


class ArgsDelta(_Event, frozen=True):
    """More of a `ToolCall`'s or `ServerCall`'s arguments: a fragment of their text."""

    index: int
    arguments: str


class SignatureDelta(_Event, frozen=True):
    """The open block's signature; the last one wins."""

    index: int
    signature: Signature


class AnnotationDelta(_Event, frozen=True):
    """A citation of the open `Text` block."""

    index: int
    annotation: Annotation


class BlockStop(_Event, frozen=True):
    """The open block is complete."""

    index: int


class UsageUpdate(_Event, frozen=True):
    """Cumulative counts, the last one wins."""

    usage: Usage


class Choice(_Event, frozen=True):
    """The next alternative answer begins (n > 1). Block indices count from 0 again."""

    index: int


class Finish(_Event, frozen=True):
    """The choice ends. `native` is the reason as `dialect` spelled it, empty if overridden."""

    reason: StopReason
    stop_sequence: str = ""
    explanation: str = ""
    dialect: str = ""
    native: str = ""
    ext: Ext | None = None


class Failure(_Event, frozen=True):
    """The answer broke off. Always the last event, never followed by a success marker."""

    kind: ErrorKind
    message: str
    code: str = ""
    retry_after_s: float | None = None

    @staticmethod
    def of(error: MuxError) -> Failure:
        """The event that tells of `error`."""
        return Failure(error.kind, error.message, error.code or "", error.retry_after_s)

    def error(self) -> MuxError:
        """The exception to raise where no stream has begun yet."""
        return BY_KIND[self.kind](
            self.message, code=self.code or None, retry_after_s=self.retry_after_s
        )


BlockEvent: TypeAlias = (
    BlockStart
    | TextDelta
    | ThinkingDelta
    | ThinkingBreak
    | ArgsDelta
    | SignatureDelta
    | AnnotationDelta
    | BlockStop
)
"""What belongs to one block, and carries its index."""

Event: TypeAlias = Start | BlockEvent | UsageUpdate | Choice | Finish | Failure
