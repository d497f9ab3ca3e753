"""What to change after an upstream has refused a request, so that it takes the next one.

Translation spec sections 8, 9 and 18. A repair is found by what the refusal names. One that is
about the model (a parameter it does not take) is remembered for that model at that provider for a
while; one that is about the conversation (a signature that is not valid there) is not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from msgspec.structs import replace

from mux.errors import ErrorKind, MuxError
from mux.ir import (
    Abilities,
    Loss,
    LossKind,
    Message,
    Reasoning,
    Request,
    Thinking,
    Visibility,
    sign,
)

REMEMBERED_S: Final = 3600.0

Change: TypeAlias = Callable[[Request], Request]

_REFUSED: Final = re.compile(
    r"unsupported|not supported|n't support|not support|not enabled|not available|unrecogni[sz]ed"
    r"|unknown|unexpected|extra (inputs|fields)|not permitted|not allowed|no longer|deprecated"
    r"|cannot (both )?be|may only|only the default|incompatible|not compatible|must be verified"
    r"|is not a valid|cannot find field",
    re.IGNORECASE,
)
"""How upstreams say that they do not take something, whatever its value."""

_CONVERSATION: Final = re.compile(
    r"encrypted[ _]content|thought[ _]?signature|bound to a different"
    r"|thinking.{0,60}block|(invalid|corrupted).{0,20}signature"
    r"|signature.{0,60}(invalid|not valid)",
    re.IGNORECASE | re.DOTALL,
)
"""How they say that reasoning they are sent back is not theirs, or not in its place."""


@dataclass(frozen=True, slots=True, eq=False)
class Repair:
    """One change. `name` is also the code word of its loss, unless an encoder tells of it itself.

    `spellings` are the fields by which upstreams name what they refuse; `lasts`: it is about the
    model, not about this conversation.
    """

    name: str
    spellings: tuple[str, ...] = ()
    change: Change | None = None
    abilities: Mapping[str, object] = field(default_factory=dict[str, object])
    lasts: bool = True


def _unsampled(name: str) -> Change:
    return lambda request: replace(request, sampling=replace(request.sampling, **{name: None}))


def _unset(**fields: object) -> Change:
    return lambda request: replace(request, **fields)


def _unreasoned(request: Request) -> Request:
    """`request` without the reasoning of earlier turns and all that vouches for it."""
    return replace(request, messages=tuple(map(_bare, request.messages)))


def _bare(message: Message) -> Message:
    parts = tuple(sign(part, None) for part in message.parts if not isinstance(part, Thinking))
    return message if parts == message.parts else replace(message, parts=parts)


_REASONING: Final = Repair("reasoning_history", change=_unreasoned, lasts=False)

_PARAMETERS: Final = (
    Repair(
        "reasoning_summary",
        ("reasoning.summary",),
        change=lambda request: replace(
            request, reasoning=replace(request.reasoning, visible=Visibility.HIDDEN)
        ),
    ),
    Repair(
        "reasoning",
        (
            "reasoning_effort",
            "reasoning.effort",
            "reasoning",
            "thinking",
            "thinking.type",
            "thinkingConfig",
            "thinking_config",
            "thinkingLevel",
            "thinking_level",
            "thinkingBudget",
            "thinking_budget",
            "output_config",
            "output_config.effort",
            "think",
        ),
        change=_unset(reasoning=Reasoning()),
    ),
    Repair("max_tokens", ("max_tokens",), abilities={"max_tokens_field": "max_completion_tokens"}),
    Repair(
        "max_completion_tokens",
        ("max_completion_tokens",),
        abilities={"max_tokens_field": "max_tokens"},
    ),
    Repair("temperature", ("temperature",), change=_unsampled("temperature")),
    Repair("top_p", ("top_p", "topP"), change=_unsampled("top_p")),
    Repair("top_k", ("top_k", "topK"), change=_unsampled("top_k")),
    Repair("min_p", ("min_p",), change=_unsampled("min_p")),
    Repair("seed", ("seed",), change=_unsampled("seed")),
    Repair(
        "presence_penalty",
        ("presence_penalty", "presencePenalty"),
        change=_unsampled("presence_penalty"),
    ),
    Repair(
        "frequency_penalty",
        ("frequency_penalty", "frequencyPenalty"),
        change=_unsampled("frequency_penalty"),
    ),
    Repair(
        "penalties",
        ("Penalty",),
        change=lambda request: _unsampled("presence_penalty")(
            _unsampled("frequency_penalty")(request)
        ),
    ),
    Repair("logit_bias", ("logit_bias",), change=_unsampled("logit_bias")),
    Repair(
        "logprobs", ("logprobs", "top_logprobs", "responseLogprobs"), change=_unset(logprobs=None)
    ),
    Repair("stop", ("stop", "stop_sequences", "stopSequences"), abilities={"stop": False}),
    Repair(
        "response_format",
        (
            "response_format",
            "text.format",
            "output_config.format",
            "output_format",
            "responseSchema",
            "responseJsonSchema",
            "responseMimeType",
        ),
        abilities={"structured": False},
    ),
    Repair(
        "parallel_tool_calls",
        ("parallel_tool_calls", "disable_parallel_tool_use"),
        change=_unset(parallel_tools=None),
    ),
    Repair("tool_choice", ("tool_choice",), abilities={"forced_tool_choice": False}),
    Repair("strict", ("strict", "tools.function.strict"), abilities={"strict_tools": False}),
    Repair("stream_options", ("stream_options",), abilities={"ask_usage": False}),
    Repair(
        "cache_control", ("cache_control",), abilities={"cache_control": False, "auto_cache": False}
    ),
    Repair("developer", ("developer",), abilities={"developer_role": False}),
    Repair("verbosity", ("verbosity", "text.verbosity"), change=_unset(verbosity="")),
    Repair("service_tier", ("service_tier", "serviceTier"), change=_unset(service_tier="")),
    Repair(
        "user",
        ("user", "safety_identifier", "metadata.user_id"),
        change=_unset(user_id="", safety_id=""),
    ),
    Repair("metadata", ("metadata", "labels"), change=_unset(metadata=None)),
    Repair("store", ("store",), change=_unset(store=None)),
    Repair("prompt_cache_key", ("prompt_cache_key",), change=_unset(cache_key="")),
)

_BY_SPELLING: Final = {spelling: repair for repair in _PARAMETERS for spelling in repair.spellings}

_LONG: Final = "|".join(sorted((name for name in _BY_SPELLING if "_" in name), key=len)[::-1])
_MENTION: Final = re.compile(
    r"(?P<quote>['\"`])(?P<quoted>[A-Za-z_.]+)(?P=quote)"
    r"|^(?P<first>[A-Za-z_.]+)(?=:| is not enabled)"
    rf"|\b(?P<long>{_LONG})\b"
    r"|\b(?P<camel>temperature|top[PK]|[a-z]+[A-Z][A-Za-z]+)\b"
)
"""A field as a message names it: quoted, in front of a colon, or a word no prose would hold."""


def find(error: MuxError) -> Iterable[Repair]:
    """The repairs that `error` calls for, the likeliest first; none if it is about a value."""
    if error.kind not in (ErrorKind.INVALID_REQUEST, ErrorKind.UNSUPPORTED):
        return
    if error.code == "invalid_encrypted_content" or _CONVERSATION.search(error.message):
        yield _REASONING
    if error.code != "unsupported_parameter" and not _REFUSED.search(error.message):
        return
    named = [error.param or ""]
    named += [match[match.lastgroup or 0] for match in _MENTION.finditer(error.message)]
    found = [repair for name in named if (repair := _named(name)) is not None]
    yield from dict.fromkeys(found)


def _named(name: str) -> Repair | None:
    """The repair for the field `name`, which may be a path."""
    name = name.strip(".")
    return _BY_SPELLING.get(name) or _BY_SPELLING.get(name.rpartition(".")[2])


def apply(
    repairs: Iterable[Repair], request: Request, abilities: Abilities
) -> tuple[Request, Abilities, list[Loss]]:
    """`request` and `abilities` after `repairs`, and what that loses beyond what encoders tell."""
    losses: list[Loss] = []
    for repair in repairs:
        if repair.abilities:
            abilities = replace(abilities, **repair.abilities)
        if repair.change is not None and (changed := repair.change(request)) != request:
            losses.append(Loss(LossKind.DROP, repair.name, "the upstream refused it"))
            request = changed
    return request, abilities, losses


class Lessons:
    """The repairs that models have needed lately. Seconds are those of `clock`."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._learned: dict[tuple[str, str], dict[str, tuple[Repair, float]]] = {}

    def learn(self, provider: str, model: str, repairs: Iterable[Repair]) -> None:
        """`repairs` have helped, and those about the model will be made at once from now on."""
        for repair in repairs:
            if repair.lasts:
                known = self._learned.setdefault((provider, model), {})
                known[repair.name] = (repair, self._clock() + REMEMBERED_S)

    def of(self, provider: str, model: str) -> tuple[Repair, ...]:
        """What to change in a request to `model` before it is sent."""
        known = self._learned.get((provider, model))
        if known is None:
            return ()
        now_s = self._clock()
        fresh = {name: entry for name, entry in known.items() if entry[1] > now_s}
        if fresh:
            self._learned[provider, model] = fresh
        else:
            del self._learned[provider, model]
        return tuple(repair for repair, _ in fresh.values())
