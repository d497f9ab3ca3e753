"""The parallel arrays in which completions write log probabilities, and tokens."""

from __future__ import annotations

from collections.abc import Sequence

from mux.ir import JSON, Object, TokenLogprob


def decode_logprobs(value: JSON) -> tuple[TokenLogprob, ...]:
    """The tokens in the arrays. A token without a number, the first one of a prompt, has 0."""
    if not isinstance(value, dict):
        return ()
    tokens = _list(value.get("tokens"))
    numbers = _list(value.get("token_logprobs"))
    tops = _list(value.get("top_logprobs"))
    return tuple(
        TokenLogprob(token, _at(numbers, place), top=_top(tops, place))
        for place, token in enumerate(tokens)
        if isinstance(token, str)
    )


def encode_logprobs(tokens: Sequence[TokenLogprob], offset: int, *, echoed: bool) -> Object | None:
    """The arrays of `tokens`, the first of which begins at character `offset`.

    `echoed`: it is the first of the prompt, which nothing precedes that could make it likely.
    """
    if not tokens:
        return None
    offsets: list[JSON] = []
    for token in tokens:
        offsets.append(offset)
        offset += len(token.token)
    numbers: list[JSON] = [token.logprob for token in tokens]
    tops: list[JSON] = [{other.token: other.logprob for other in token.top} for token in tokens]
    if echoed:
        numbers[0] = tops[0] = None
    return {
        "tokens": [token.token for token in tokens],
        "token_logprobs": numbers,
        "top_logprobs": tops if any(token.top for token in tokens) else None,
        "text_offset": offsets,
    }


def _top(tops: list[JSON], place: int) -> tuple[TokenLogprob, ...]:
    found = tops[place] if place < len(tops) else None
    if not isinstance(found, dict):
        return ()
    return tuple(
        TokenLogprob(token, float(number))
        for token, number in found.items()
        if isinstance(number, int | float)
    )


def _at(numbers: list[JSON], place: int) -> float:
    number = numbers[place] if place < len(numbers) else None
    return float(number) if isinstance(number, int | float) else 0.0


def _list(value: JSON) -> list[JSON]:
    return value if isinstance(value, list) else []
