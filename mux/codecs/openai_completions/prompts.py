"""Prompts: a text, a batch of texts, or tokens, and what of that other dialects can be sent."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from mux.codecs import _thinking
from mux.codecs.openai_completions._wire import DIALECT
from mux.errors import Unsupported
from mux.ir import (
    JSON,
    Abilities,
    Effort,
    Message,
    Object,
    ReasoningMode,
    Request,
    Role,
    Text,
)
from mux.wire import Doc

PROMPTS: Final = "prompts"
"""The key of a batch in `Request.ext`: a list of texts and lists of tokens."""

ALONE: Final = "<|endoftext|>"
"""What OpenAI's models are given where the client gives no prompt."""

_CALLS_LIMIT: Final = 16
_THINKS: Final = (ReasoningMode.DEFAULT, ReasoningMode.ALWAYS)


def decode_prompt(doc: Doc | None) -> tuple[tuple[Message, ...], list[JSON] | None]:
    """The user message that a single text is, and the batch, None if the prompt is no list."""
    if doc is None:
        return (), None
    if isinstance(doc.value, str):
        return _said(doc.value), None
    items = doc.items()
    if items and all(isinstance(item.value, int) for item in items):
        return (), [[item.integer() for item in items]]
    if not items:
        raise doc.error("give at least one prompt")
    batch = [_prompt(item) for item in items]
    if len(batch) == 1 and isinstance(batch[0], str):
        return _said(batch[0]), batch
    return (), batch


def _prompt(doc: Doc) -> JSON:
    if isinstance(doc.value, str):
        return doc.value
    return [token.integer() for token in doc.items()]


def _said(prompt: str) -> tuple[Message, ...]:
    return (Message(Role.USER, (Text(prompt),)),)


def prompts(request: Request) -> list[JSON]:
    """All prompts of a request of this dialect, in order."""
    batch = request.own(DIALECT).get(PROMPTS)
    if isinstance(batch, list):
        return batch
    return [text_prompt(request)]


def text_prompt(request: Request) -> str:
    """The single text prompt."""
    if not request.messages:
        return ALONE
    return "".join(part.text for part in request.messages[0].parts if isinstance(part, Text))


def echo_of(request: Request, choice: int) -> str:
    """What is written before the text of `choice`: its prompt, if the client wants it echoed."""
    if request.own(DIALECT).get("echo") is not True:
        return ""
    found, place = prompts(request), choice // request.n
    prompt = found[place] if place < len(found) else None
    return prompt if isinstance(prompt, str) else ""


def singles(request: Request, abilities: Abilities) -> tuple[Request, ...]:
    """One request for each prompt, such as an upstream of any other dialect can be sent.

    Their answers, one after the other, are the answer to `request`. Raises `Unsupported` for what
    only a completions upstream can do (completions reference, section 5).
    """
    own = request.own(DIALECT)
    batch = prompts(request)
    if not all(isinstance(prompt, str) for prompt in batch):
        raise _unsupported("prompt", "This model has no endpoint that takes tokens. Send text.")
    if own.get("echo") is True and request.logprobs is not None:
        raise _unsupported("echo", "Log probabilities of the prompt cannot be had from this model.")
    best_of = own.get("best_of")
    if isinstance(best_of, int) and best_of > request.n:
        raise _unsupported("best_of", "This model cannot choose among more answers than it gives.")
    if len(batch) * request.n > _CALLS_LIMIT:
        raise _unsupported(
            "prompt", f"More than {_CALLS_LIMIT} answers in one request are too many."
        )
    limit = request.max_output
    if limit is not None and abilities.reasoning in _THINKS:
        limit += _thinking.BUDGETS[Effort.MEDIUM]
    return tuple(
        replace(request, messages=_said(prompt), max_output=limit, ext=_without_batch(own))
        for prompt in batch
        if isinstance(prompt, str)
    )


def _without_batch(own: Object) -> dict[str, Object]:
    return {DIALECT: {key: value for key, value in own.items() if key != PROMPTS}}


def _unsupported(param: str, message: str) -> Unsupported:
    return Unsupported(message, param=param)
