"""``logprobsResult``, both ways (translation spec section 23)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mux.ir import JSON, Object, TokenLogprob


def decode_logprobs(result: JSON) -> tuple[TokenLogprob, ...]:
    """The chosen tokens with their alternatives; bytes are those of the token's text."""
    if not isinstance(result, dict):
        return ()
    tops = [
        tuple(map(_token, _objects(entry.get("candidates"))))
        for entry in _objects(result.get("topCandidates"))
    ]
    return tuple(
        _token(chosen, tops[place] if place < len(tops) else ())
        for place, chosen in enumerate(_objects(result.get("chosenCandidates")))
    )


def encode_logprobs(tokens: Sequence[TokenLogprob]) -> Object:
    """`tokens` as the service tells of them."""
    out: Object = {"chosenCandidates": [_told(token) for token in tokens]}
    if any(token.top for token in tokens):
        out["topCandidates"] = [
            {"candidates": [_told(top) for top in token.top]} for token in tokens
        ]
    return out


def join_logprobs(first: JSON, second: JSON) -> JSON:
    """Two results of one answer, as one."""
    if not isinstance(first, dict) or not isinstance(second, dict):
        return second
    out: Object = {**first, **second}
    for key in ("chosenCandidates", "topCandidates"):
        before, after = first.get(key), second.get(key)
        if isinstance(before, list) and isinstance(after, list):
            out[key] = [*before, *after]
    return out


def _token(entry: Object, top: tuple[TokenLogprob, ...] = ()) -> TokenLogprob:
    token, logprob = entry.get("token"), entry.get("logProbability")
    text = token if isinstance(token, str) else ""
    value = float(logprob) if isinstance(logprob, int | float) else 0.0
    return TokenLogprob(text, value, tuple(text.encode()), top)


def _told(token: TokenLogprob) -> Object:
    return {"token": token.token, "logProbability": token.logprob}


def _objects(value: JSON) -> Iterator[Object]:
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, dict))
