"""One request that takes several upstream calls, and their answers made one.

A batch of prompts is one call for each, and alternative answers (n > 1) are one call for each where
the upstream gives one at a time (translation spec sections 23 and 27).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec.structs import asdict, replace

from mux.codecs import openai_completions
from mux.errors import Unsupported
from mux.ir import Abilities, Request, Response, Usage

_ANSWERS_LIMIT: Final = 8
_ONE_ANSWER: Final = frozenset({"anthropic", "ollama", "openai_responses"})
"""Dialects whose answers have no alternatives."""


def split(request: Request, dialect: str, abilities: Abilities) -> list[Request]:
    """The calls to an upstream of `dialect` that answer `request`, in the order of its choices.

    Raises `Unsupported` for more than one request may cost.
    """
    singles = [request]
    if request.origin == "openai_completions" and dialect != request.origin:
        singles = list(openai_completions.singles(request, abilities))
    if request.n == 1 or (abilities.n and dialect not in _ONE_ANSWER):
        return singles
    if request.n > _ANSWERS_LIMIT:
        raise Unsupported(
            f"At most {_ANSWERS_LIMIT} alternative answers can be had from this model; lower `n`",
            param="n",
        )
    return [replace(single, n=1) for single in singles for _ in range(request.n)]


def merge(responses: Sequence[Response]) -> Response:
    """One response with all answers in order and the usage of all calls."""
    if len(responses) == 1:
        return responses[0]
    usage: Usage | None = None
    for response in responses:
        usage = add(usage, response.usage)
    answers = tuple(answer for response in responses for answer in response.answers)
    return replace(responses[0], answers=answers, usage=usage)


def add(one: Usage | None, other: Usage | None) -> Usage | None:
    """What two calls cost together; None if neither says."""
    if one is None or other is None:
        return one or other
    left, right = asdict(one), asdict(other)
    counts = {
        name: (left[name] or 0) + (right[name] or 0)
        for name in left
        if isinstance(left[name], int) or isinstance(right[name], int)
    }
    return replace(Usage(), **counts)
