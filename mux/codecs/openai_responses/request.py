"""Requests to ``/responses``, both ways.

A request that came in this dialect goes back with everything it held. Histories and tools of
other dialects are put right first, and of their provider's state nothing is taken over.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from mux.codecs import (
    _formats,
    _ids,
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
from mux.codecs._tool_names import Names, ToolMap
from mux.codecs.openai_responses import compaction
from mux.codecs.openai_responses._own import DIALECT, keep
from mux.codecs.openai_responses.history import decode_input, merge_tools
from mux.codecs.openai_responses.hosted_out import wanted_results
from mux.codecs.openai_responses.items_out import encode_input_items, encode_items
from mux.codecs.openai_responses.media import check_media
from mux.codecs.openai_responses.settings import (
    decode_reasoning,
    decode_sampling,
    decode_text,
    encode_max_output,
    encode_reasoning,
    encode_sampling,
    encode_text,
)
from mux.codecs.openai_responses.tools_in import decode_choice, decode_tools
from mux.codecs.openai_responses.tools_out import NATIVE, encode_choice, encode_tools
from mux.errors import Unsupported
from mux.ir import (
    JSON,
    Abilities,
    FormatKind,
    Loss,
    LossKind,
    Object,
    ReasoningMode,
    Request,
    Text,
)
from mux.wire import Doc, json

_STATE: Final = ("previous_response_id", "conversation", "prompt")
_ENCRYPTED: Final = "reasoning.encrypted_content"
_LOGPROBS: Final = "message.output_text.logprobs"
_TYPED: Final = frozenset({"late", "text"})
"""Members of the request's own fields that are written elsewhere."""

_ID_CHARS: Final = 64
"""The longest cache key, user or safety identifier the API takes."""

_TIERS: Final = {
    "standard_only": "default",
    "standard": "default",
    **{tier: tier for tier in ("auto", "default", "flex", "scale", "priority", "fast")},
}
"""Other dialects' service tiers (translation spec section 2)."""


def decode_request(
    body: bytes, *, model: str | None = None, stream: bool | None = None, variant: str = ""
) -> Request:
    """The request in `body`. `variant` is ``compact`` for ``/responses/compact``.

    Raises `InvalidRequest` naming the field.
    """
    doc = Doc.parse(body, "input", "tools")
    asked = doc.get_bool("stream") or False
    name = model or doc.get_str("model")
    if not name and doc.get("prompt") is None:
        name = doc.need_str("model")
    request = _decode_body(doc, Request(name, variant=variant))
    request = replace(request, stream=asked if stream is None else stream)
    return compaction.ask(request) if variant == compaction.VARIANT else request


def _decode_body(doc: Doc, request: Request) -> Request:
    """`request` with what `doc` says of it."""
    history = decode_input(_input(doc))
    instructions = doc.get_str("instructions")
    system = (Text(instructions), *history.system) if instructions else tuple(history.system)
    response_format, verbosity, text = decode_text(doc.get("text"))
    include = doc.get("include")
    logprobs = doc.get_int("top_logprobs")
    if logprobs is None and include is not None and _LOGPROBS in include.strings():
        logprobs = 0
    request = replace(
        request,
        messages=tuple(history.messages),
        system=system,
        tools=merge_tools(decode_tools(doc.get_items("tools")), history.tools),
        tool_choice=decode_choice(doc.get("tool_choice")),
        parallel_tools=doc.get_bool("parallel_tool_calls"),
        sampling=decode_sampling(doc),
        max_output=doc.get_int("max_output_tokens"),
        include_usage=True,
        reasoning=decode_reasoning(doc.get("reasoning")),
        response_format=response_format,
        logprobs=logprobs,
        service_tier=doc.get_str("service_tier"),
        verbosity=verbosity,
        user_id=doc.get_str("user"),
        safety_id=doc.get_str("safety_identifier"),
        cache_key=doc.get_str("prompt_cache_key"),
        metadata=doc.get_object("metadata"),
        store=doc.get_bool("store"),
        previous_id=doc.get_str("previous_response_id"),
        origin=DIALECT,
    )
    fields = doc.rest()
    if include is not None:
        fields["include"] = include.value
    if text:
        fields["text"] = text
    if history.late:
        fields["late"] = history.late
    for state in _STATE[1:]:
        if (found := doc.get(state)) is not None:
            fields[state] = found.value
    return replace(request, ext=keep(fields))


def _input(doc: Doc) -> Doc | None:
    """``input``, which only a request that builds on stored state may leave out."""
    found = doc.get("input")
    if not (found and found.value) and all(doc.get(name) is None for name in _STATE):
        raise (found or doc.need("input")).error("there must be something in it")
    return found


def path(request: Request) -> str:
    """``/responses``, or ``/responses/compact`` for a client that asked for that."""
    compacts = request.origin == DIALECT and request.variant == compaction.VARIANT
    return "/responses/compact" if compacts else "/responses"


def encode_request(request: Request, abilities: Abilities) -> Encoded:
    """The upstream's request. Raises `Unsupported`."""
    losses: list[Loss] = []
    names = None
    no_stops = replace(abilities, stop=False)  # the dialect has no field for them
    request, stops = _stops.divide(request, no_stops, losses)
    if request.origin != DIALECT:
        request, names = _adapt(request, abilities, losses)
    body = _encode_body(request, names, abilities, losses)
    tools = names.map if names is not None else ToolMap()
    return Encoded(json.dumps(body), tuple(losses), tools, stops)


def _encode_body(
    request: Request, names: Names | None, abilities: Abilities, losses: list[Loss]
) -> Object:
    """The body of a request that fits this dialect, in the order of its documentation."""
    native = request.origin == DIALECT
    instructions, items = _conversation(request, names, abilities, losses)
    instructions = _json_asked(request, instructions)
    body: Object = {"model": request.model} if request.model else {}
    if instructions:
        body["instructions"] = instructions
    if items or not native:
        body["input"] = items
    wanted: Object = {
        "tools": encode_tools(request, abilities, losses) or None,
        "tool_choice": encode_choice(request),
        "parallel_tool_calls": _parallel(request),
        "max_output_tokens": encode_max_output(request, abilities, losses),
        **encode_sampling(request, abilities, losses),
        "reasoning": encode_reasoning(request, abilities, losses) or None,
        "text": encode_text(request, losses) or None,
        **_include(request, abilities, losses),
        "store": request.store if native else request.store or False,
        "previous_response_id": request.previous_id or None,
        "prompt_cache_key": _short(request, request.cache_key),
        "safety_identifier": _short(request, request.safety_id),
        "user": _short(request, request.user_id),
        "service_tier": _tier(request, losses),
        "metadata": request.metadata,
    }
    body |= {key: value for key, value in wanted.items() if value is not None}
    if request.stream:
        body["stream"] = True
    written = _TYPED if request.stream else _TYPED | {"stream_options"}
    own_fields = request.own(DIALECT)
    return body | {key: value for key, value in own_fields.items() if key not in written}


def _conversation(
    request: Request, names: Names | None, abilities: Abilities, losses: list[Loss]
) -> tuple[str, JSON]:
    """``instructions``, and ``input`` if there is any.

    A client of this dialect has no `names`, and items that know their place among all others.
    """
    if names is None:
        return encode_input_items(request, abilities, losses)

    def write(request: Request, before: int, losses: list[Loss]) -> list[Object]:
        request = _messages.settle(names.messages(request), losses, before)
        request = _media.settle(request, lambda part: check_media(part, abilities), losses)
        request = _messages.end_of_history(request, abilities, losses, user_last=False)
        return encode_items(request, abilities, losses)

    items = _runs.write(request, write, names, (DIALECT, request.origin, abilities), losses)
    return "\n\n".join([part.text for part in request.system if part.text]), items.json()


def _adapt(request: Request, abilities: Abilities, losses: list[Loss]) -> tuple[Request, Names]:
    """A request of another dialect with tools, choice and format such as this API can be sent."""
    _state.check_state(request, DIALECT, losses)
    _refuse(request, abilities)
    if any(word.lower() != "text" for word in request.modalities):
        losses.append(Loss(LossKind.DROP, "modalities"))
    request = _server_tools.resolve(request, DIALECT, NATIVE, abilities, losses)
    rules = _tools.openai_rules(abilities, namespaces=True)
    request, names = _tools.adapt(request, rules, losses)
    if not abilities.custom_tools:  # only OpenAI's own hosts know ``allowed_tools``
        request = _tool_choice.narrow(request)
    if not abilities.forced_tool_choice:
        request = _tool_choice.relax(request, losses)
    if not abilities.structured or (request.tools and not abilities.structured_with_tools):
        request = _formats.instruct(request, losses)
    return request, names


def _refuse(request: Request, abilities: Abilities) -> None:
    """Raises `Unsupported` for what has no place here but would change the answer."""
    if request.n > 1:
        raise Unsupported("This model gives one answer at a time; ask for n=1.", param="n")
    if request.suffix:
        raise Unsupported("This model cannot fill in before a suffix.", param="suffix")
    if "audio" in request.modalities:
        raise Unsupported("This model cannot answer in audio.", param="modalities")
    if request.modalities and "text" not in {word.lower() for word in request.modalities}:
        raise Unsupported("This model answers in text only.", param="modalities")
    if request.tools and not abilities.tools:
        raise Unsupported(
            "This model cannot call tools. Leave them out, or use a model that can.", param="tools"
        )


def _json_asked(request: Request, instructions: str) -> str:
    """`instructions`, naming JSON if that is wanted and nobody did: the API insists on it."""
    if request.response_format.kind is not FormatKind.JSON_OBJECT or request.origin == DIALECT:
        return instructions
    said = [
        part.text
        for message in request.messages
        for part in message.parts
        if isinstance(part, Text)
    ]
    if any("json" in text.lower() for text in (instructions, *said)):
        return instructions
    return f"{instructions}\n\nRespond in JSON." if instructions else "Respond in JSON."


def _parallel(request: Request) -> bool | None:
    """Only together with tools (pitfall 179)."""
    return request.parallel_tools if request.origin == DIALECT or request.tools else None


def _include(request: Request, abilities: Abilities, losses: list[Loss]) -> Object:
    """``include`` and ``top_logprobs``; a client of this dialect has said them itself."""
    out: Object = {}
    if request.logprobs and (request.origin == DIALECT or abilities.logprobs):
        out["top_logprobs"] = request.logprobs
    if request.origin == DIALECT:
        return out
    include: list[JSON] = []
    if abilities.reasoning is not ReasoningMode.NONE:
        include.append(_ENCRYPTED)
    include += wanted_results(request)
    if request.logprobs is not None:
        if abilities.logprobs:
            include.append(_LOGPROBS)
        else:
            losses.append(Loss(LossKind.DROP, "logprobs"))
    if include:
        out["include"] = include
    return out


def _short(request: Request, value: str) -> str | None:
    if request.origin == DIALECT or len(value) <= _ID_CHARS:
        return value or None
    return _ids.stable_id("", value, length=32)


def _tier(request: Request, losses: list[Loss]) -> str | None:
    tier = request.service_tier
    if not tier or request.origin == DIALECT:
        return tier or None
    known = _TIERS.get(tier.lower())
    if known is None:
        losses.append(Loss(LossKind.DROP, "service_tier"))
    return known
