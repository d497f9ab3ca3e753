"""Sampling, stop sequences and limits for an upstream (translation spec sections 9 and 10)."""

from __future__ import annotations

from typing import Final

from mux.codecs.anthropic._own import DIALECT
from mux.ir import (
    JSON,
    Abilities,
    Loss,
    LossKind,
    Object,
    ReasoningState,
    Request,
    Sampling,
    SamplingRule,
)

_DEFAULT_MAX_TOKENS: Final = 4096
_TOP_P_WHILE_THINKING: Final = 0.95


def max_tokens(request: Request, abilities: Abilities, losses: list[Loss]) -> int:
    """The limit to send, which this dialect demands: the client's, else all the model can write.

    Models of old are asked for less, unless they are to think (section 10).
    """
    most = abilities.max_output
    if request.max_output is None:
        thinks = request.reasoning.state is ReasoningState.ON
        usual = None if thinks else abilities.default_output
        return usual or most or _DEFAULT_MAX_TOKENS
    if most is not None and request.max_output > most:
        losses.append(Loss(LossKind.DEGRADE, "max_output", f"at most {most} tokens"))
        return most
    return request.max_output


def encode_sampling(
    request: Request, abilities: Abilities, losses: list[Loss], *, thinks: bool
) -> Object:
    """``temperature``, ``top_p`` and ``top_k`` as far as the model takes them; never a default."""
    given = request.sampling
    out: Object = {
        name: value
        for name, value in (
            ("temperature", given.temperature),
            ("top_p", given.top_p),
            ("top_k", given.top_k),
        )
        if value is not None
    }
    dropped = _unknown(given) + [
        name for name, value in out.items() if not _takes(name, value, out, abilities, thinks)
    ]
    losses += [Loss(LossKind.DROP, name) for name in dropped]
    out = {name: value for name, value in out.items() if name not in dropped}
    if request.origin != DIALECT and (given.temperature or 0) > 1 and "temperature" in out:
        losses.append(Loss(LossKind.DEGRADE, "temperature", "at most 1"))
        out["temperature"] = 1.0
    return out


def _unknown(given: Sampling) -> list[str]:
    """What the client set to something else than its default and this dialect has no word for."""
    return [
        name
        for name, wanted in (
            ("min_p", bool(given.min_p)),
            ("seed", given.seed is not None),
            ("presence_penalty", bool(given.presence_penalty)),
            ("frequency_penalty", bool(given.frequency_penalty)),
            ("repeat_penalty", given.repeat_penalty not in (None, 1)),
            ("logit_bias", bool(given.logit_bias)),
        )
        if wanted
    ]


def _takes(name: str, value: JSON, out: Object, abilities: Abilities, thinks: bool) -> bool:
    if abilities.sampling is SamplingRule.NO:
        return False
    if thinks:
        if abilities.sampling is SamplingRule.WHEN_REASONING_OFF:
            return False
        if name == "temperature":
            return value == 1
        return (
            name == "top_p"
            and isinstance(value, int | float)
            and _TOP_P_WHILE_THINKING <= value <= 1
        )
    both = name == "top_p" and "temperature" in out
    return not (both and abilities.temperature_xor_top_p)
