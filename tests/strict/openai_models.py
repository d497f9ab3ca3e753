"""What OpenAI's models refuse, by name, beside what the endpoint's types say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple


class Model(NamedTuple):
    """Efforts it takes (empty: it does not reason), its own, and whether tools need Responses."""

    efforts: tuple[str, ...] = ()
    default: str = ""
    chat_without_tools: bool = False
    never_samples: bool = False
    max_output: int = 128_000


_LADDER = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_ABOVE_NONE = ("low", "medium", "high", "xhigh")
_KNOWN = (
    (r"gpt-6-astra|gpt-6\.1-sol", Model((*_ABOVE_NONE, "max"), "medium", True, True)),
    (r"gpt-6", Model(("none", *_ABOVE_NONE, "max"), "medium", True, True)),
    (r"gpt-5\.6", Model(("none", *_ABOVE_NONE, "max"), "medium", True)),
    (r"gpt-5\.[245]-pro", Model(("medium", "high", "xhigh"), "high", True, True)),
    (r"gpt-5\.5", Model(("none", "minimal", *_ABOVE_NONE), "medium", True)),
    (r"gpt-5\.\d-chat-latest", Model(("medium",), "medium", False, True)),
    (r"gpt-5\.4", Model(("none", "minimal", *_ABOVE_NONE), "none", True)),
    (r"gpt-5\.[123]", Model(("none", "minimal", *_ABOVE_NONE), "none")),
    (r"gpt-5-pro", Model(("high",), "high", True, True)),
    (r"gpt-5-chat", Model(max_output=16_384)),
    (r"gpt-5", Model(("minimal", "low", "medium", "high"), "medium", False, True)),
    (r"o[1-9]", Model(("low", "medium", "high"), "medium", False, True, 100_000)),
    (r"gpt-4o", Model(max_output=16_384)),
    (r"gpt-4\.1", Model(max_output=32_768)),
    (r"gpt-4-turbo|gpt-3\.5", Model(max_output=4_096)),
)
_NEUTRAL = {"temperature": 1, "top_p": 1, "presence_penalty": 0, "frequency_penalty": 0}
"""What a reasoning model takes after all: the value it would use anyway."""
_REFUSED = ("stop", "logit_bias", "logprobs", "top_logprobs")


def known(model: str) -> Model | None:
    """The row of `model`; None for those the table does not know."""
    return next((row for names, row in _KNOWN if re.match(names, model)), None)


def problems(body: dict[str, Any], effort: str | None, *, chat: bool) -> Iterator[str]:
    """What `body` asks for that its model refuses; `effort` is the one it asks for."""
    model = known(body["model"])
    if model is None:
        return
    if effort is not None and not model.efforts:
        yield "reasoning effort: unsupported parameter for this model"
    elif effort is not None and effort not in model.efforts:
        yield f"reasoning effort: {effort!r} is not supported, use one of {model.efforts}"
    elif effort == "max" and chat:
        yield "reasoning_effort: 'max' is refused on this endpoint"
    thinks = (effort or model.default) != "none"
    if chat and body.get("tools") and model.chat_without_tools and thinks:
        yield "tools with reasoning_effort are not supported, please use /v1/responses"
    most = body.get("max_completion_tokens") or body.get("max_output_tokens")
    if most is not None and most > model.max_output:
        yield f"max tokens: {most} is too large, this model supports {model.max_output}"
    if model.efforts:
        yield from _sampling(body, model, effort)


def _sampling(body: dict[str, Any], model: Model, effort: str | None) -> Iterator[str]:
    if body.get("max_tokens") is not None:
        yield "max_tokens: unsupported, use max_completion_tokens instead"
    if body.get("stop") is not None and not re.match("o1|o3-mini", body["model"]):
        yield "stop: unsupported parameter with this model"
    if not model.never_samples and (effort or model.default) == "none":
        return
    strict = body["model"].startswith("gpt-6")
    for name, neutral in _NEUTRAL.items():
        if body.get(name) is not None and (strict or body[name] != neutral):
            yield f"{name}: only the default ({neutral}) value is supported"
    for name in _REFUSED[1:]:
        if body.get(name):
            yield f"{name}: unsupported parameter with this model"
