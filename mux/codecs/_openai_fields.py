"""Request fields that OpenAI's chat and completions dialects spell alike."""

from __future__ import annotations

from typing import Final

from mux.ir import Sampling
from mux.wire import Doc

_SAMPLING: Final = frozenset(
    {
        "temperature",
        "top_p",
        "top_k",
        "min_p",
        "seed",
        "presence_penalty",
        "frequency_penalty",
        "repetition_penalty",
        "logit_bias",
    }
)


def decode_sampling(doc: Doc) -> Sampling:
    """The sampling parameters, those that only compatible hosts know among them."""
    if not doc.holds(_SAMPLING):
        return Sampling()
    return Sampling(
        temperature=doc.get_float("temperature"),
        top_p=doc.get_float("top_p"),
        top_k=doc.get_int("top_k"),
        min_p=doc.get_float("min_p"),
        seed=doc.get_int("seed"),
        presence_penalty=doc.get_float("presence_penalty"),
        frequency_penalty=doc.get_float("frequency_penalty"),
        repeat_penalty=doc.get_float("repetition_penalty"),
        logit_bias=doc.get_object("logit_bias"),
    )


def decode_count(doc: Doc) -> int:
    """How many alternative answers are asked for. Raises `InvalidRequest`."""
    n = doc.get("n")
    if n is None:
        return 1
    count = n.integer()
    if count < 1:
        raise n.error("must be at least 1")
    return count
