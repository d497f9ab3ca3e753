"""The response object around its output, both ways.

A client is told its own request again: tools, instructions, format and the rest. An answer that
came in this dialect keeps what its upstream said about them.
"""

from __future__ import annotations

from typing import Final

from mux.codecs import _ids
from mux.codecs.openai_responses._own import DIALECT, is_own, own
from mux.codecs.openai_responses.settings import encode_text
from mux.codecs.openai_responses.tools_out import encode_choice, native_tools
from mux.ir import (
    JSON,
    Finish,
    Object,
    Part,
    Refusal,
    Request,
    Start,
    StopReason,
    ToolCall,
)
from mux.wire import json

_READ: Final = frozenset(
    {
        "id",
        "object",
        "created_at",
        "status",
        "model",
        "output",
        "usage",
        "error",
        "incomplete_details",
    }
)
"""Fields of a response object that the IR has words for."""

_INCOMPLETE: Final = {
    "max_output_tokens": StopReason.LENGTH,
    "content_filter": StopReason.CONTENT_FILTER,
    "max_messages": StopReason.STOP,
    "steered": StopReason.STOP,
}
_REASONS: Final = {
    StopReason.LENGTH: "max_output_tokens",
    StopReason.CONTEXT_WINDOW: "max_output_tokens",
    StopReason.CONTINUATION: "max_output_tokens",
    StopReason.CONTENT_FILTER: "content_filter",
}
_STATUSES: Final = frozenset({"completed", "cancelled", "queued", "in_progress"})


def decode_start(fields: Object) -> Start:
    """What a response object says before its output."""
    made = fields.get("created_at")
    rest: Object = {
        key: value for key, value in fields.items() if key not in _READ and value is not None
    }
    return Start(
        _text(fields, "id"),
        _text(fields, "model"),
        # quirk(bedrock): the time is a float.
        int(made) if isinstance(made, int | float) and made >= 0 else 0,
        {DIALECT: rest},
    )


def decode_finish(fields: Object, parts: list[Part]) -> Finish:
    """How the response in `fields`, which holds `parts`, ended (translation spec section 15)."""
    status = _text(fields, "status") or "completed"
    if status == "incomplete":
        details = fields.get("incomplete_details")
        native = _text(details, "reason") if isinstance(details, dict) else ""
        reason = _INCOMPLETE.get(native, StopReason.UNKNOWN)
        return Finish(reason, dialect=DIALECT, native=native or status)
    reason = StopReason.STOP
    if status == "cancelled":
        reason = StopReason.CANCELLED
    elif status in ("queued", "in_progress"):
        reason = StopReason.UNKNOWN
    elif any(isinstance(part, ToolCall) for part in parts):
        reason = StopReason.TOOL_CALLS
    elif any(isinstance(part, Refusal) for part in parts):
        reason = StopReason.REFUSAL
    return Finish(reason, dialect=DIALECT, native=status if status in _STATUSES else "")


def encode_finish(finish: Finish, *, refused: bool) -> tuple[str, str]:
    """(status, reason of incompleteness). `refused`: the answer holds a refusal in words."""
    native = finish.native if finish.dialect == DIALECT else ""
    if native:
        return (native, "") if native in _STATUSES else ("incomplete", native)
    if finish.reason is StopReason.REFUSAL and not refused:
        return "incomplete", "content_filter"
    if finish.reason in (StopReason.ERROR, StopReason.MALFORMED_TOOL):
        return "failed", ""
    if finish.reason is StopReason.CANCELLED:
        return "cancelled", ""
    reason = _REASONS.get(finish.reason, "")
    return ("incomplete" if reason else "completed"), reason


class Head:
    """The response object but for its output, which grows. One per response.

    `id` is the response's. The part that stays the same is serialised once.
    """

    __slots__ = ("_created", "_fields", "_rest", "id")

    def __init__(self, start: Start, request: Request) -> None:
        self._created = start.created
        if is_own(start.ext):
            self.id = start.id
            self._fields = {**_REQUIRED, **own(start.ext)}
        else:
            self.id = _ids.response_id(
                "resp_", start.id, start.created, start.model, len(request.messages)
            )
            self._fields = _echo(request)
        self._fields["model"] = request.model or start.model
        self._rest = json.dumps(self._fields)[1:-1]

    def update(self, fields: Object) -> None:
        """Take over what the upstream said only at the end."""
        if fields:
            self._fields |= fields
            self._rest = json.dumps(self._fields)[1:-1]

    def write(
        self,
        status: str,
        output: bytes = b"",
        *,
        usage: JSON = None,
        error: JSON = None,
        reason: str = "",
    ) -> bytes:
        """The response object; `output` holds its items, comma-separated."""
        details: JSON = {"reason": reason} if reason else None
        return (
            b'{"id":%b,"object":"response","created_at":%d,"status":%b,"error":%b,'
            b'"incomplete_details":%b,%b,"output":[%b],"usage":%b}'
            % (
                json.dumps(self.id),
                self._created,
                json.dumps(status),
                json.dumps(error),
                json.dumps(details),
                self._rest,
                output,
                json.dumps(usage),
            )
        )


_REQUIRED: Final[Object] = {"parallel_tool_calls": True, "tool_choice": "auto", "tools": []}
_FORMAT: Final[Object] = {"format": {"type": "text"}, "verbosity": "medium"}


def _echo(request: Request) -> Object:
    """What a client of this dialect finds of its request in the answer, with the defaults."""
    asked = request.own(DIALECT)
    sampling = request.sampling
    instructions = [part.text for part in request.system if "message" not in own(part.ext)]
    reasoning = own(request.reasoning.ext)
    effort: JSON = reasoning.get("effort")
    if effort is None and request.reasoning.effort is not None:
        effort = str(request.reasoning.effort)
    return {
        "background": False,
        "instructions": "\n\n".join(instructions) or None,
        "max_output_tokens": request.max_output,
        "max_tool_calls": asked.get("max_tool_calls"),
        "parallel_tool_calls": request.parallel_tools is not False,
        "previous_response_id": request.previous_id or None,
        "prompt_cache_key": request.cache_key or None,
        "reasoning": {"effort": effort, "summary": reasoning.get("summary")},
        "safety_identifier": request.safety_id or None,
        "store": False,
        "temperature": 1.0 if sampling.temperature is None else sampling.temperature,
        "text": _FORMAT | encode_text(request, []),
        "tool_choice": encode_choice(request) or "auto",
        "tools": native_tools(request),
        "top_logprobs": request.logprobs or 0,
        "top_p": 1.0 if sampling.top_p is None else sampling.top_p,
        "truncation": asked.get("truncation") or "disabled",
        "user": request.user_id or None,
        "metadata": request.metadata or {},
    }


def _text(fields: Object, key: str) -> str:
    value = fields.get(key)
    return value if isinstance(value, str) else ""
