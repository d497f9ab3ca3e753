"""Requests to ``/v1/messages``, written."""

from __future__ import annotations

from typing import Final

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
from mux.codecs._runs import Conversation
from mux.codecs._tool_names import Names, ToolRules
from mux.codecs.anthropic import caching, formats, history, reasoning, sampling, tools_out
from mux.codecs.anthropic._own import DIALECT, nested
from mux.codecs.anthropic.blocks_out import Blocks
from mux.errors import Unsupported
from mux.ir import (
    JSON,
    Abilities,
    Loss,
    LossKind,
    Object,
    Request,
)
from mux.wire import json

_NAME_CHARS: Final = 64
_OWN_NAME_CHARS: Final = 128
_SERVICE_TIERS: Final = {"auto": "auto", "default": "standard_only", "standard": "standard_only"}
"""Other dialects' words for what capacity may serve a request; all others are dropped."""


def path(request: Request) -> str:
    """Path below the provider's base URL, which does not end in ``/v1``."""
    return "/v1/messages"


def encode_request(request: Request, abilities: Abilities) -> Encoded:
    """The upstream's request. Raises `Unsupported`."""
    losses: list[Loss] = []
    request, stops = _stops.divide(request, abilities, losses, blank=False)
    body, names = build(request, abilities, losses)
    return Encoded(json.dumps(body), tuple(losses), names.map, stops)


def build(request: Request, abilities: Abilities, losses: list[Loss]) -> tuple[Object, Names]:
    """The body of the upstream's request, in the order its fields are documented."""
    native = request.origin == DIALECT
    _refuse(request)
    _state.check_state(request, DIALECT, losses)
    kinds = tools_out.native_kinds(request)
    request = _server_tools.resolve(request, DIALECT, kinds, abilities, losses)
    rules = ToolRules(
        max_length=_OWN_NAME_CHARS if native else _NAME_CHARS,
        reserved=tools_out.own_names(request),
    )
    request, names = _tools.adapt(request, rules, losses)
    if not abilities.forced_tool_choice:
        request = _tool_choice.relax(request, losses)

    limit = sampling.max_tokens(request, abilities, losses)
    messages = _conversation(request, names, abilities, losses)
    offer = tools_out.encode_tools(request, names, abilities, losses)
    wanted, words = formats.encode_format(request, abilities, losses)
    plan = reasoning.plan(
        request, abilities, losses, max_tokens=limit, forced=offer.forced, messages=messages.last
    )
    body: Object = {"model": request.model, "max_tokens": limit}
    body["messages"] = None  # below, when their breakpoints are set
    if system := history.encode_system(request, words):
        body["system"] = list[JSON](system)
    if request.stop:
        body["stop_sequences"] = list(request.stop)
    if request.stream:
        body["stream"] = True
    body |= sampling.encode_sampling(request, abilities, losses, thinks=plan.thinks)
    if plan.thinking is not None:
        body["thinking"] = plan.thinking
    if output := _output_config(request, plan, wanted):
        body["output_config"] = output
    if offer.tools:
        body["tools"] = offer.tools
    if offer.choice is not None:
        body["tool_choice"] = offer.choice
    body |= _account(request, losses)
    own_fields = request.own(DIALECT)
    said = {*body, history.ATTRIBUTION}
    body |= {key: own_fields[key] for key in own_fields if key not in said}
    caching.mark(body, messages, request, abilities, losses)
    body["messages"] = messages.json()
    return body, names


def _conversation(
    request: Request, names: Names, abilities: Abilities, losses: list[Loss]
) -> Conversation:
    """``messages``: one entry a turn, the user's first."""
    native = request.origin == DIALECT
    check = Blocks(abilities, [], native=False).media

    def write(request: Request, before: int, losses: list[Loss]) -> list[Object]:
        request = _messages.settle(names.messages(request), losses, before)
        if not native:
            request = _media.settle(request, check, losses)
        request = _messages.end_of_history(request, abilities, losses, user_last=True)
        return history.encode_messages(request, abilities, losses)

    messages = _runs.write(request, write, names, (DIALECT, request.origin, abilities), losses)
    history.finish(messages, losses, native=native)
    return messages


def _output_config(request: Request, plan: reasoning.Plan, wanted: Object | None) -> Object:
    out: Object = {}
    if plan.effort is not None:
        out["effort"] = plan.effort.value
    if wanted is not None:
        out["format"] = wanted
    return out | nested(request.own(DIALECT), "output_config")


def _account(request: Request, losses: list[Loss]) -> Object:
    """Who asks, and how they are to be served; what only other providers know is a loss."""
    out: Object = {}
    user = request.user_id or request.safety_id
    metadata: Object = {"user_id": user} if user else {}
    if metadata := metadata | nested(request.own(DIALECT), "metadata"):
        out["metadata"] = metadata
    tier = request.service_tier
    if request.origin != DIALECT and tier:
        tier = _SERVICE_TIERS.get(tier, "")
        if not tier:
            losses.append(Loss(LossKind.DROP, "service_tier", request.service_tier))
    if tier:
        out["service_tier"] = tier
    unsaid = {
        "logprobs": request.logprobs is not None,
        "metadata": bool(request.metadata),
        "verbosity": bool(request.verbosity),
    }
    losses += [Loss(LossKind.DROP, name) for name, given in unsaid.items() if given]
    return out


def _refuse(request: Request) -> None:
    """Raise `Unsupported` for what would be another answer if it were left out."""
    if "audio" in map(str.lower, request.modalities):
        raise Unsupported("This model does not answer in sound.", param="modalities")
    if request.suffix:
        raise Unsupported(
            "This model does not fill in text before a suffix. Ask for it in words.",
            param="suffix",
        )
