"""Interleaved pieces to one open block at a time.

Upstreams may interleave tool calls (Chat by ``index``, Responses by ``output_index``). The first
open block is streamed as it comes; what belongs to later ones waits until it closes. Encoders
therefore never meet two open blocks.
"""

from __future__ import annotations

from collections.abc import Hashable

from msgspec.structs import replace

from mux.ir import (
    AnnotationDelta,
    ArgsDelta,
    BlockStart,
    BlockStop,
    Event,
    Part,
    SignatureDelta,
    TextDelta,
    ThinkingBreak,
    ThinkingDelta,
    ToolCall,
)
from mux.wire import json

Delta = TextDelta | ThinkingDelta | ThinkingBreak | ArgsDelta | SignatureDelta | AnnotationDelta


class _Held:
    """A block that waits for its turn."""

    __slots__ = ("deltas", "key", "part", "stopped")

    def __init__(self, key: Hashable, part: Part) -> None:
        self.key = key
        self.part = part
        self.deltas: list[Delta] = []
        self.stopped = False


class BlockSequencer:
    """Numbers blocks and keeps one open. One per choice of one response.

    `key` names a block to the caller (an upstream index, a word); a key may be used again once its
    block is stopped. `index` is the number of the open block if `key` has it, else -1: make the
    delta with it and hand it to `put`.
    """

    __slots__ = ("_args", "_held", "_index", "_key", "_open", "calls")

    def __init__(self) -> None:
        self._index = -1
        self._key: Hashable = None
        self._open: Part | None = None
        self._args: list[str] = []
        self._held: list[_Held] = []
        self.calls = 0
        """how many tool calls were started: decides whether ``stop`` means ``tool_calls``"""

    def is_open(self, key: Hashable) -> bool:
        """Whether a block of that key is open or waiting and may take deltas."""
        if self._open is not None and self._key == key:
            return True
        return any(held.key == key and not held.stopped for held in self._held)

    def index(self, key: Hashable) -> int:
        """The open block's number if it is `key`'s, else -1."""
        return self._index if self._open is not None and self._key == key else -1

    def start(self, key: Hashable, part: Part, out: list[Event]) -> None:
        """Begin a block. It is opened at once if none is open, else as soon as its turn comes."""
        if isinstance(part, ToolCall):
            self.calls += 1
        if self._open is not None and self._complete():
            self._close(out)
        if self._open is None:
            self._begin(key, part, out)
        else:
            self._held.append(_Held(key, part))

    def put(self, key: Hashable, delta: Delta, out: list[Event]) -> None:
        """Add `delta` to the block of `key`; it is dropped if there is no such block."""
        if self._open is not None and self._key == key:
            if type(delta) is ArgsDelta:
                self._args.append(delta.arguments)
            out.append(delta)
            if self._held and self._complete():
                self._close(out)
            return
        for held in reversed(self._held):
            if held.key == key and not held.stopped:
                held.deltas.append(delta)
                return

    def stop(self, key: Hashable, out: list[Event]) -> None:
        """The block of `key` is complete."""
        if self._open is not None and self._key == key:
            self._close(out)
            return
        for held in self._held:
            if held.key == key and not held.stopped:
                held.stopped = True
                return

    def stop_all(self, out: list[Event]) -> None:
        """The choice ends: close what is open and everything that waits, in order."""
        for held in self._held:
            held.stopped = True
        if self._open is not None:
            self._close(out)

    def _begin(self, key: Hashable, part: Part, out: list[Event]) -> None:
        self._index += 1
        self._key, self._open, self._args = key, part, []
        if isinstance(part, ToolCall) and part.arguments:
            self._args.append(part.arguments)
        out.append(BlockStart(self._index, part))

    def _close(self, out: list[Event]) -> None:
        out.append(BlockStop(self._index))
        self._open = None
        while self._held and self._open is None:
            held = self._held.pop(0)
            self._begin(held.key, held.part, out)
            for delta in held.deltas:
                if type(delta) is ArgsDelta:
                    self._args.append(delta.arguments)
                out.append(replace(delta, index=self._index))
            if held.stopped or (self._held and self._complete()):
                out.append(BlockStop(self._index))
                self._open = None

    def _complete(self) -> bool:
        """Whether the open block needs no more: text always, a call when its JSON has closed."""
        if not isinstance(self._open, ToolCall):
            return True
        if not self._args or not self._args[-1].rstrip().endswith("}"):
            return False
        return json.load_object("".join(self._args)) is not None
