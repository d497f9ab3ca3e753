"""Log probabilities as Chat and Responses write them: one object a token, alternatives inside."""

from __future__ import annotations

from mux.ir import JSON, Object, TokenLogprob


def decode_logprobs(value: JSON) -> tuple[TokenLogprob, ...]:
    """The tokens in the list `value`; anything that is not one is left out."""
    if not isinstance(value, list):
        return ()
    return tuple(_decode(entry) for entry in value if isinstance(entry, dict))


def encode_logprobs(tokens: tuple[TokenLogprob, ...]) -> list[JSON]:
    """The list of `tokens`."""
    return [
        {**_token(token), "top_logprobs": [_token(other) for other in token.top]}
        for token in tokens
    ]


def _decode(entry: Object) -> TokenLogprob:
    token, logprob, data = entry.get("token"), entry.get("logprob"), entry.get("bytes")
    return TokenLogprob(
        token=token if isinstance(token, str) else "",
        logprob=float(logprob) if isinstance(logprob, int | float) else 0.0,
        bytes=(
            tuple(byte for byte in data if isinstance(byte, int))
            if isinstance(data, list)
            else None
        ),
        top=decode_logprobs(entry.get("top_logprobs")),
    )


def _token(token: TokenLogprob) -> Object:
    return {
        "token": token.token,
        "logprob": token.logprob,
        "bytes": None if token.bytes is None else list(token.bytes),
    }
