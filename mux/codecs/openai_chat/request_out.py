"""The request an upstream of this dialect is sent (translation spec sections 2 to 13)."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from mux.codecs import (
    _media,
    _messages,
    _runs,
    _server_tools,
    _state,
    _stops,
    _tool_choice,
    _tools,
)
from mux.codecs._base import Encoded
from mux.codecs._tool_names import Names
from mux.codecs.openai_chat._wire import DIALECT, FUNCTIONS
from mux.codecs.openai_chat.format import encode_format
from mux.codecs.openai_chat.messages_out import encode_messages, encode_system
from mux.codecs.openai_chat.parts_out import check_media
from mux.codecs.openai_chat.reasoning import encode_reasoning, reasons
from mux.codecs.openai_chat.tools import encode_functions, encode_tools
from mux.errors import Unsupported
from mux.ir import (
    JSON,
    Abilities,
    Loss,
    LossKind,
    Object,
    Request,
    Sampling,
    SamplingRule,
)
from mux.wire import json

_TIERS: Final = {
    "auto": "auto",
    "default": "default",
    "standard": "default",
    "standard_only": "default",
    "flex": "flex",
    "scale": "scale",
    "priority": "priority",
    "fast": "fast",
}
"""Service tiers of all dialects in this one's words (section 2)."""

_TOP_LOGPROBS_LIMIT: Final = 20
_UNSAID: Final = Sampling()


def encode_request(request: Request, abilities: Abilities) -> Encoded:
    """The upstream's request. Raises `Unsupported`."""
    losses: list[Loss] = []
    request, names = _adapt(request, abilities, losses)
    request, stops = _stops.divide(request, abilities, losses)
    native = request.origin == DIALECT
    formatted, response_format = encode_format(request, abilities, losses)
    reasoning = encode_reasoning(request, abilities, losses)
    body: Object = {
        "model": request.model,
        "messages": _conversation(formatted, names, abilities, losses),
        **_streaming(request, abilities),
        **_limits(request, abilities, losses),
        **_sampling(request, abilities, reasoning, losses),
    }
    if native and request.variant == FUNCTIONS:
        body |= encode_functions(request)
    else:
        body |= encode_tools(request, abilities, losses)
    body |= response_format | reasoning | _optional(request, abilities, losses)
    if native:
        body |= {key: value for key, value in request.own(DIALECT).items() if key not in body}
    return Encoded(json.dumps(body), tuple(losses), names.map, stops)


def _conversation(request: Request, names: Names, abilities: Abilities, losses: list[Loss]) -> JSON:
    """``messages``, leading system texts first."""

    def write(request: Request, before: int, losses: list[Loss]) -> list[Object]:
        request = _messages.settle(names.messages(request), losses, before)
        request = _media.settle(request, lambda part: check_media(part, abilities), losses)
        request = _messages.end_of_history(request, abilities, losses, user_last=False)
        if not abilities.mid_system:
            request = replace(request, messages=tuple(_messages.remind(request.messages, losses)))
        return encode_messages(request, abilities, losses)

    key = DIALECT, request.origin, request.variant, abilities
    written = _runs.write(request, write, names, key, losses)
    system = encode_system(request, abilities, losses)
    if not (system or written.earlier or written.last):
        raise Unsupported("This model needs at least one message to answer.", param="messages")
    return written.json(system)


def _adapt(request: Request, abilities: Abilities, losses: list[Loss]) -> tuple[Request, Names]:
    """`request` with tools and choice such as this dialect can be sent."""
    _state.check_state(request, DIALECT, losses)
    if request.suffix:
        raise Unsupported(
            "This model answers conversations and cannot fill in a text before a suffix.",
            param="suffix",
        )
    if request.tools and not abilities.tools:
        raise Unsupported(
            "This model cannot call tools. Leave them out, or use a model that can.", param="tools"
        )
    searches = frozenset({"web_search"}) if abilities.web_search else frozenset[str]()
    request = _server_tools.resolve(request, DIALECT, searches, abilities, losses)
    request, names = _tools.adapt(request, _tools.openai_rules(abilities), losses)
    if not abilities.custom_tools:  # only OpenAI's own hosts know ``allowed_tools``
        request = _tool_choice.narrow(request)
    if not abilities.forced_tool_choice:
        request = _tool_choice.relax(request, losses)
    return request, names


def _streaming(request: Request, abilities: Abilities) -> Object:
    """``stream`` and its options, which are refused without it (pitfall 238)."""
    if not request.stream:
        return {}
    options: Object = {"include_usage": True} if abilities.ask_usage else {}
    more = request.own(DIALECT).get("stream_options") if request.origin == DIALECT else None
    options |= more if isinstance(more, dict) else {}
    return {"stream": True, "stream_options": options} if options else {"stream": True}


def _limits(request: Request, abilities: Abilities, losses: list[Loss]) -> Object:
    """The output limit under the name the host knows, ``n`` and ``stop``."""
    out: Object = {}
    limit = request.max_output
    if limit is not None:
        if abilities.max_output is not None and limit > abilities.max_output:
            losses.append(Loss(LossKind.DEGRADE, "max_tokens", f"{limit}"))
            limit = abilities.max_output
        out[abilities.max_tokens_field] = max(limit, abilities.min_output or limit)
    if request.n > 1 and abilities.n:
        out["n"] = request.n
    if request.stop:
        out["stop"] = list(request.stop)
    return out


def _sampling(
    request: Request, abilities: Abilities, reasoning: Object, losses: list[Loss]
) -> Object:
    """How tokens are drawn. What the model refuses is left out (pitfalls 210 and 211)."""
    sampling = request.sampling
    if sampling == _UNSAID and request.logprobs is None:
        return {}
    native = request.origin == DIALECT
    free = _draws_freely(abilities, reasoning)
    penalties = free and abilities.penalties
    wanted: tuple[tuple[str, JSON, bool], ...] = (
        ("temperature", sampling.temperature, free),
        ("top_p", sampling.top_p, free),
        ("top_k", sampling.top_k, free and native),
        ("min_p", sampling.min_p, free and native),
        ("repetition_penalty", sampling.repeat_penalty, free and native),
        ("presence_penalty", sampling.presence_penalty, penalties),
        ("frequency_penalty", sampling.frequency_penalty, penalties),
        ("logit_bias", sampling.logit_bias, free and native and abilities.logit_bias),
        ("seed", sampling.seed, abilities.seed),
        ("logprobs", request.logprobs, free and abilities.logprobs),
    )
    losses += [
        Loss(LossKind.DROP, name)
        for name, value, accepted in wanted
        if value is not None and not accepted
    ]
    out: Object = {
        name: value for name, value, accepted in wanted if value is not None and accepted
    }
    if "logprobs" in out:
        out["logprobs"] = True
        if request.logprobs:
            out["top_logprobs"] = min(request.logprobs, _TOP_LOGPROBS_LIMIT)
    return out


def _draws_freely(abilities: Abilities, reasoning: Object) -> bool:
    """Whether temperature and its kin are accepted, now that `reasoning` is what is sent."""
    if abilities.sampling is SamplingRule.WHEN_REASONING_OFF:
        return not reasons(abilities, reasoning.get("reasoning_effort"))
    return abilities.sampling is SamplingRule.YES


def _optional(request: Request, abilities: Abilities, losses: list[Loss]) -> Object:
    """The other fields. Not every host takes them, so other dialects' clients need not."""
    native = request.origin == DIALECT
    tier = request.service_tier if native else _TIERS.get(request.service_tier, "")
    if not native and not _takes_extras(request, abilities, tier, losses):
        return {}
    told: Object = {
        "service_tier": tier,
        "verbosity": request.verbosity,
        "user": request.user_id,
        "safety_identifier": request.safety_id,
        "prompt_cache_key": request.cache_key,
    }
    if native:
        own: Object = {
            "modalities": list(request.modalities),
            "metadata": request.metadata or None,
            "store": request.store,
        }
        told |= own
    return {name: value for name, value in told.items() if value not in ("", None, [])}


def _takes_extras(request: Request, abilities: Abilities, tier: str, losses: list[Loss]) -> bool:
    """Whether the host takes what clients of other dialects ask for beside the usual; what is left
    out is lost. Raises `Unsupported`."""
    if any([mode != "text" for mode in request.modalities]):
        raise Unsupported("This model answers in text only.", param="modalities")
    taken = abilities.openai_extras
    wanted = (
        ("service_tier", request.service_tier, taken and tier),
        ("verbosity", request.verbosity, taken),
        ("metadata", request.metadata, False),  # refused for answers that are not stored
    )
    losses += [Loss(LossKind.DROP, name) for name, value, told in wanted if value and not told]
    return taken
