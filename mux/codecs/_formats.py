"""A format asked for in words, for models that cannot be bound to it (translation spec 11)."""

from __future__ import annotations

import re
from typing import Final

from msgspec.structs import replace

from mux.ir import (
    Answer,
    FormatKind,
    Loss,
    LossKind,
    Part,
    Request,
    Response,
    ResponseFormat,
    Text,
)
from mux.wire import json

_FENCED: Final = re.compile(r"\s*```\w*[ \t]*\r?\n(.*?)\s*```\s*\Z", re.DOTALL)


def words_for(wanted: ResponseFormat) -> str:
    """What to tell a model that is to answer as `wanted`; empty for plain text."""
    if wanted.kind is FormatKind.TEXT:
        return ""
    words = "Answer with a single JSON value only (no prose, no code fence)"
    if wanted.schema is None:
        return f"{words}."
    return f"{words} that matches this JSON Schema:\n{json.text(wanted.schema)}"


def instruct(request: Request, losses: list[Loss]) -> Request:
    """`request` with its format in the last system text and no longer as a parameter."""
    words = words_for(request.response_format)
    if not words:
        return request
    losses.append(Loss(LossKind.DEGRADE, "response_format"))
    system = (*request.system, Text(words))
    return replace(request, system=system, response_format=ResponseFormat())


def unfenced(response: Response, wanted: ResponseFormat) -> Response:
    """`response` without the code fence around an answer that is to be JSON.

    Models that were only told so in words put one there. A stream is left as it is: what it began
    with is with the client when its end is known.
    """
    if wanted.kind is FormatKind.TEXT:
        return response
    return replace(response, answers=tuple(map(_bare, response.answers)))


def _bare(answer: Answer) -> Answer:
    texts = [part for part in answer.parts if isinstance(part, Text) and part.text]
    if len(texts) != 1 or texts[0].annotations:
        return answer
    return replace(answer, parts=tuple(map(_without_fence, answer.parts)))


def _without_fence(part: Part) -> Part:
    found = _FENCED.match(part.text) if isinstance(part, Text) else None
    if found is None or not isinstance(part, Text):
        return part
    return replace(part, text=found[1], logprobs=())
