"""What only its own provider can honour: refused or reported where the target is another one.

Translation spec section 22. What the gateway could resolve itself (a stored previous response) it
has resolved before a request is encoded, so whatever is still here cannot be honoured.
"""

from __future__ import annotations

from typing import Final

from mux.errors import Unsupported
from mux.ir import (
    JSON,
    Loss,
    LossKind,
    Media,
    Message,
    Object,
    Opaque,
    Part,
    Request,
    SourceKind,
    ToolResult,
)

_REFUSED: Final[dict[str, tuple[str, ...]]] = {
    "openai_responses": ("conversation", "prompt", "background"),
    "anthropic": ("container", "thread"),
    "gemini": ("cachedContent",),
}
"""Fields, by dialect, without which the answer would be an answer to something else."""

_DROPPED: Final[dict[str, tuple[str, ...]]] = {
    "openai_responses": ("truncation", "context_management", "multi_agent"),
    "anthropic": ("context_management", "fallbacks", "fallback_credit_token", "mcp_servers"),
    "gemini": (
        "generationConfig.responseMimeType",
        "generationConfig.mediaResolution",
        "generationConfig.speechConfig",
    ),
    "ollama": ("context", "template"),
}
"""Fields, by dialect, that only change how a conversation is kept going or put to the model."""

_RAW: Final = "raw"
"""Ollama's word for a prompt that no template is put around."""

_UNTEMPLATED: Final = frozenset({"openai_completions"})
"""Dialects whose prompts never have one."""

_IDLE: Final[tuple[object, ...]] = (None, False, "", [], {}, "disabled", "text/plain")
"""Values by which a client says that it does not use the feature."""

_REFERENCES: Final = {
    "item_reference": "input",
    "container_upload": "messages",
}
"""Native parts that only name something the provider keeps, and the field they come in."""

_STATEFUL: Final = frozenset({Media, Opaque})

_FAMILY: Final = {"openai_responses": "openai", "openai_chat": "openai"}
"""Dialects that share a provider's files."""


def check_state(request: Request, target: str, losses: list[Loss]) -> None:
    """Refuse or report what `request` keeps at its provider, if `target` is another dialect.

    Raises `Unsupported` naming the client's field where the answer would lack something the client
    relies on; adds a `Loss` for what merely goes unused.
    """
    if request.origin in ("", target):
        return
    if request.previous_id:
        raise Unsupported(
            f"The response {request.previous_id!r} is not known here, so it cannot be continued. "
            "Send the whole conversation in the request.",
            param="previous_response_id",
            code="previous_response_not_found",
        )
    if own := request.own(request.origin):
        _check_own(own, request.origin, target, losses)
    for message in request.messages:
        if not message.kinds.isdisjoint(_STATEFUL):
            _check_message(message, request.origin, target)


def _check_own(own: Object, origin: str, target: str, losses: list[Loss]) -> None:
    """The same for the fields that only the client's dialect knows."""
    for name in _REFUSED.get(origin, ()):
        if own.get(name) not in _IDLE:
            raise _refusal(name, name)
    losses += [
        Loss(LossKind.DROP, name.rpartition(".")[2])
        for name in _DROPPED.get(origin, ())
        if _at(own, name) not in _IDLE
    ]
    if own.get(_RAW) is True and target not in _UNTEMPLATED:
        losses.append(Loss(LossKind.DEGRADE, _RAW))


def _at(fields: Object, path: str) -> JSON:
    """The member of `fields` at a dotted `path`, None if there is none."""
    name, _, rest = path.partition(".")
    value = fields.get(name)
    if not rest:
        return value
    return _at(value, rest) if isinstance(value, dict) else None


def _check_message(message: Message, origin: str, target: str) -> None:
    for part in message.parts:
        _check_part(part, origin, target)
        if isinstance(part, ToolResult):
            for piece in part.content:
                _check_part(piece, origin, target)


def _check_part(part: Part, origin: str, target: str) -> None:
    match part:
        case Opaque(raw=raw):
            kind = raw.get("type")
            if isinstance(kind, str) and kind in _REFERENCES:
                raise _refusal(kind, _REFERENCES[kind])
        case Media(source=SourceKind.FILE_ID):
            if _FAMILY.get(origin, origin) != _FAMILY.get(target, target):
                raise _refusal("a file id", "file_id")
        case _:
            pass


def _refusal(what: str, param: str) -> Unsupported:
    return Unsupported(
        f"{what} names something that is kept at its own provider and means nothing to the "
        "provider of the chosen model. Send the content itself, or use a model of that provider.",
        param=param,
        code="unsupported_parameter",
    )
