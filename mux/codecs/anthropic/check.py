"""The grammar of a stream of this dialect, held strictly."""

from __future__ import annotations

from typing import Final

from mux.codecs._check import Rules
from mux.ir import Object
from mux.wire import json

_DELTAS: Final = {
    "text": ("text_delta", "citations_delta"),
    "thinking": ("thinking_delta", "signature_delta"),
    "tool_use": ("input_json_delta",),
    "server_tool_use": ("input_json_delta",),
    "mcp_tool_use": ("input_json_delta",),
    "compaction": ("compaction_delta",),
    "redacted_thinking": (),
    "container_upload": (),
    "fallback": (),
}
"""Block types, and the deltas each may get. Results of the server's tools get none either."""

_RESULT: Final = "_tool_result"
_PAYLOADS: Final = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "signature_delta": "signature",
    "input_json_delta": "partial_json",
}
_CALLS: Final = ("tool_use", "server_tool_use", "mcp_tool_use")
_STOPS: Final = frozenset(
    {
        "end_turn",
        "max_tokens",
        "stop_sequence",
        "tool_use",
        "pause_turn",
        "refusal",
        "compaction",
        "model_context_window_exceeded",
    }
)


class MessageRules(Rules):
    """Rules for the events of one message."""

    def __init__(self) -> None:
        super().__init__()
        self._on = {
            "message_start": self._message_start,
            "content_block_start": self._block_start,
            "content_block_delta": self._delta,
            "content_block_stop": self._block_stop,
            "message_delta": self._message_delta,
            "message_stop": self._message_stop,
            "ping": self._ping,
        }
        self._started = self._message = False
        self._input_tokens = 0
        self._blocks = 0
        """how many were started"""
        self._open: int | None = None
        self._type = ""
        """of the last block"""
        self._input: list[str] = []
        self._signed = False
        self._ids: set[str] = set()
        self._calls = False
        self._stop_reason = ""

    def event(self, name: bytes | None, fields: Object) -> None:
        kind = self.named_by_type(name, fields)
        if kind == "error":
            error = self.nested(fields, "error")
            self.named(error, "type", "error")
            self.string(error, "message", "error")
            self.over = True
            return
        look = self._on.get(kind)
        if look is None and not kind:
            return
        if look is None:
            self.wrong("event-type", f"{kind[:60]!r} is no event of this dialect; leave it out")
            return
        if not self._started and kind != "message_start":
            self.wrong("order", f"{kind} before message_start; begin with that")
            self._started = True
        if self._stop_reason and kind not in ("message_stop", "ping"):
            self.wrong("order", f"{kind} after message_delta; only message_stop may follow")
        look(fields)

    def end(self) -> None:
        if not self.over:
            text = "no message_stop at the end: the answer was cut off, or ends in no error event"
            self.wrong("terminal", text)

    # -- the message ------------------------------------------------------------------------------

    def _message_start(self, fields: Object) -> None:
        if self._message:
            self.wrong("order", "a second message_start; there is one for each stream")
        self._started = self._message = True
        message = self.nested(fields, "message")
        self.named(message, "id", "message")
        self.named(message, "model", "message")
        if message.get("type") != "message" or message.get("role") != "assistant":
            text = "message must have type message and role assistant"
            self.wrong("message", text)
        if message.get("content") != [] or message.get("stop_reason") is not None:
            self.wrong("message", "message must begin with content [] and stop_reason null")
        usage = self.nested(message, "usage", "message")
        self._input_tokens = self.integer(usage, "input_tokens", "message.usage") or 0
        self.integer(usage, "output_tokens", "message.usage")

    def _message_delta(self, fields: Object) -> None:
        if self._open is not None:
            text = f"message_delta while block {self._open} is open; send content_block_stop first"
            self.wrong("order", text)
            self._open = None
        delta = self.nested(fields, "delta")
        reason = self.named(delta, "stop_reason", "delta")
        self._stop_reason = reason or "none"
        if reason and reason not in _STOPS:
            self.wrong("stop-reason", f"{reason[:60]!r} is no stop_reason of this dialect")
        if self._calls and reason in ("end_turn", "stop_sequence"):
            self.wrong("stop-reason", f"{reason} after tool_use blocks; say tool_use")
        if reason == "tool_use" and not self._calls:
            self.wrong("stop-reason", "tool_use without a tool_use block; say end_turn")
        if reason == "stop_sequence" and not isinstance(delta.get("stop_sequence"), str):
            self.wrong("stop-reason", "stop_sequence must say which one matched")
        usage = self.nested(fields, "usage")
        self.integer(usage, "output_tokens", "usage")
        if self._input_tokens and usage.get("input_tokens") == 0:
            text = "usage.input_tokens 0 replaces the count of message_start; repeat or omit it"
            self.wrong("usage", text)

    def _message_stop(self, fields: Object) -> None:
        if not self._stop_reason:
            self.wrong("order", "message_stop without message_delta, which has the stop_reason")
        self.over = True

    def _ping(self, fields: Object) -> None:
        pass

    # -- blocks -----------------------------------------------------------------------------------

    def _block_start(self, fields: Object) -> None:
        index = self.integer(fields, "index")
        if self._open is not None:
            text = f"block {index} starts while block {self._open} is open; stop that first"
            self.wrong("one-block", text)
        if index is not None and index != self._blocks:
            text = f"block index {index} where {self._blocks} is next; indices have no gaps"
            self.wrong("block-index", text)
        self._blocks = (self._blocks if index is None else index) + 1
        self._open = self._blocks - 1
        self._input, self._signed = [], False
        block = self.nested(fields, "content_block")
        self._type = self.named(block, "type", "content_block")
        self._block(self._type, block)

    def _block(self, kind: str, block: Object) -> None:
        if kind in _CALLS:
            self._call(kind, block)
        elif kind in ("text", "thinking"):
            self.string(block, kind, "content_block")
        elif kind == "redacted_thinking":
            self.named(block, "data", "content_block")
        elif kind.endswith(_RESULT):
            self.named(block, "tool_use_id", "content_block")
        elif kind and kind not in _DELTAS:
            self.wrong("block-type", f"{kind[:60]!r} is no block of this dialect")

    def _call(self, kind: str, block: Object) -> None:
        self._calls |= kind == "tool_use"
        called = self.named(block, "id", "content_block")
        if called and called in self._ids:
            self.wrong("tool-id", f"a second call with the id {called[:60]!r}; make ids unique")
        self._ids.add(called)
        self.named(block, "name", "content_block")
        if self.nested(block, "input", "content_block") and kind == "tool_use":
            text = "input must begin as {}: clients read input_json_delta only; send it there"
            self.wrong("tool-input", text)

    def _delta(self, fields: Object) -> None:
        self._at_open_block(fields)
        delta = self.nested(fields, "delta")
        kind = self.named(delta, "type", "delta")
        if kind not in _DELTAS.get(self._type, () if self._type.endswith(_RESULT) else (kind,)):
            text = f"{kind[:60]} inside a block of type {self._type}; start a block of its own type"
            self.wrong("delta-type", text)
            return
        if kind in _PAYLOADS:
            self._payload(kind, self.string(delta, _PAYLOADS[kind], "delta"), delta)
        elif kind == "citations_delta":
            self.nested(delta, "citation", "delta")

    def _payload(self, kind: str, value: str, delta: Object) -> None:
        if kind == "input_json_delta":
            self._input.append(value)
        elif kind == "signature_delta":
            if self._signed:
                self.wrong("signature", "a second signature replaces the first; send one")
            self._signed = True
        elif kind == "thinking_delta" and self._signed and value:
            self.wrong("signature", "thinking after its signature; send the signature last")

    def _block_stop(self, fields: Object) -> None:
        self._at_open_block(fields)
        self._open = None
        text = "".join(self._input)
        if self._type in _CALLS and text and json.load_object(text) is None:
            self.wrong("tool-input", "the input of the call is no JSON object; complete it first")

    def _at_open_block(self, fields: Object) -> None:
        index = self.integer(fields, "index")
        if index is None or index == self._open:
            return
        is_open = "no block is" if self._open is None else f"block {self._open} is"
        self.wrong("block-index", f"for block {index}, but {is_open} open")
