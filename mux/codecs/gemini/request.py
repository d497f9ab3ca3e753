"""Requests to generate, both ways.

A request that came in this dialect goes back with everything it held; the passes that put foreign
conversations right are not for it.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

from msgspec.structs import replace

from mux.codecs import (
    _formats,
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
from mux.codecs.gemini._wire import DIALECT
from mux.codecs.gemini.contents_in import decode_contents, decode_system
from mux.codecs.gemini.contents_out import begin, encode_contents, encode_system, fit_media
from mux.codecs.gemini.generation import STOP_LIMIT, decode_generation, encode_generation
from mux.codecs.gemini.parts_in import own
from mux.codecs.gemini.spelling import read_body
from mux.codecs.gemini.tools import (
    NATIVE,
    RULES,
    decode_choice,
    decode_tools,
    encode_config,
    encode_tools,
)
from mux.errors import Unsupported
from mux.ir import (
    JSON,
    Abilities,
    Loss,
    LossKind,
    Object,
    Reasoning,
    Request,
    Visibility,
)
from mux.wire import Doc, json

ARRAY: Final = "array"
"""The variant of a stream that is a JSON array: the client left out ``alt=sse``."""

_TIERS: Final = {
    "flex": "flex",
    "priority": "priority",
    "standard": "standard",
    "standard_only": "standard",
}
_NO_TIER: Final = frozenset({"", "auto", "default"})
_LABEL_KEY: Final = re.compile(r"[a-z][a-z0-9_-]{0,62}\Z")
_LABEL_VALUE: Final = re.compile(r"[a-z0-9_-]{0,63}\Z")


def decode_request(
    body: bytes, *, model: str | None = None, stream: bool | None = None, variant: str = ""
) -> Request:
    """The request in `body`. `variant` is ``array`` for a stream without ``alt=sse``.

    Field names may be spelled either way; errors name the camelCase spelling. Raises
    `InvalidRequest`.
    """
    return decode_fields(read_body(body), model=model, stream=bool(stream), variant=variant)


def decode_fields(doc: Doc, *, model: str | None, stream: bool, variant: str = "") -> Request:
    """The request in the members of `doc`, whose names are in camelCase."""
    named = doc.get_str("model")
    choice, config = decode_choice(doc.get("toolConfig"))
    generation = doc.get("generationConfig")
    request = Request(
        model=(model or named or doc.need_str("model")).removeprefix("models/"),
        messages=decode_contents(doc),
        system=decode_system(doc.get("systemInstruction")),
        tools=decode_tools(doc.get("tools")),
        tool_choice=choice,
        stream=stream,
        include_usage=True,
        reasoning=Reasoning(visible=Visibility.HIDDEN),
        service_tier=doc.get_str("serviceTier").lower(),
        metadata=doc.get_object("labels"),
        store=doc.get_bool("store"),
        origin=DIALECT,
        variant=variant,
    )
    rest = doc.rest()
    if config:
        rest["toolConfig"] = config
    request = replace(request, ext=own(rest))
    return decode_generation(generation, request) if generation is not None else request


def model_path(model: str, method: str) -> str:
    """The path of `method` for `model`, whose name may hold any character."""
    collection, slash, name = model.partition("/")
    if slash and collection == "tunedModels":
        return f"/v1beta/tunedModels/{quote(name, safe='')}:{method}"
    return f"/v1beta/models/{quote(model, safe='')}:{method}"


def path(request: Request) -> str:
    """Path and query: streams are always asked for as server-sent events."""
    if request.stream:
        return model_path(request.model, "streamGenerateContent") + "?alt=sse"
    return model_path(request.model, "generateContent")


def encode_request(request: Request, abilities: Abilities) -> Encoded:
    """The upstream's request. Raises `Unsupported`."""
    watched: list[Loss] = []
    request, stops = _stops.divide(request, abilities, watched, limit=STOP_LIMIT)
    fields, losses, tools = encode_fields(request, abilities)
    return Encoded(json.dumps(fields), (*watched, *losses), tools, stops)


def encode_fields(
    request: Request, abilities: Abilities
) -> tuple[Object, tuple[Loss, ...], ToolMap]:
    """The body as an object, what it lost, and the way back for tool names."""
    losses: list[Loss] = []
    names = None
    if request.origin != DIALECT:
        request, names = _adapt(request, abilities, losses)
    fields: Object = {"contents": _conversation(request, names, abilities, losses)}
    if request.system:
        fields["systemInstruction"] = encode_system(request.system)
    if declared := encode_tools(request, abilities, losses):
        fields["tools"] = declared
    if config := encode_config(request, abilities, losses):
        fields["toolConfig"] = config
    if generation := encode_generation(request, abilities, losses):
        fields["generationConfig"] = generation
    fields |= _envelope(request, losses)
    return fields, tuple(losses), names.map if names is not None else ToolMap()


def _conversation(
    request: Request, names: Names | None, abilities: Abilities, losses: list[Loss]
) -> JSON:
    """``contents``, the user's first; those of a client of this dialect, who has no `names`, in
    its order."""

    def write(request: Request, before: int, losses: list[Loss]) -> list[Object]:
        if names is not None:
            request = _messages.settle(names.messages(request), losses, before)
            request = _media.settle(request, lambda part: fit_media(part, abilities), losses)
            request = _messages.end_of_history(request, abilities, losses, user_last=False)
        return encode_contents(request, abilities, losses)

    contents = _runs.write(request, write, names, (DIALECT, request.origin, abilities), losses)
    begin(contents, losses)
    return contents.json()


def _adapt(request: Request, abilities: Abilities, losses: list[Loss]) -> tuple[Request, Names]:
    """A request of another dialect with the tools this one has a form for."""
    _state.check_state(request, DIALECT, losses)
    if "audio" in request.modalities:
        raise Unsupported(
            "Audio answers are not translated between providers. Ask for text.",
            param="modalities",
        )
    if request.suffix:
        raise Unsupported(
            "This model cannot fill in before a suffix. Put what follows into the prompt.",
            param="suffix",
        )
    request = _server_tools.resolve(request, DIALECT, NATIVE, abilities, losses)
    if request.tools and not abilities.tools:
        raise Unsupported(
            "This model cannot call tools. Leave them out, or use a model that can.",
            param="tools",
        )
    request, names = _tools.adapt(request, RULES, losses)
    if not abilities.forced_tool_choice:
        request = _tool_choice.relax(request, losses)
    if not abilities.structured or (request.tools and not abilities.structured_with_tools):
        request = _formats.instruct(request, losses)
    return request, names


def _envelope(request: Request, losses: list[Loss]) -> Object:
    """The fields around the conversation."""
    out: Object = {}
    if request.origin == DIALECT:
        named: Object = {
            "labels": request.metadata,
            "serviceTier": request.service_tier or None,
            "store": request.store,
        }
        out |= {key: value for key, value in named.items() if value is not None}
        apart = ("toolConfig", "generationConfig")
        kept = request.own(DIALECT).items()
        return out | {key: value for key, value in kept if key not in apart}
    if request.continuation:
        out["continuationToken"] = request.continuation
    if labels := _labels(request.metadata or {}, losses):
        out["labels"] = labels
    if request.service_tier not in _NO_TIER:
        if tier := _TIERS.get(request.service_tier):
            out["serviceTier"] = tier
        else:
            losses.append(Loss(LossKind.DROP, "service_tier"))
    if request.verbosity:
        losses.append(Loss(LossKind.DROP, "verbosity"))
    return out


def _labels(metadata: Object, losses: list[Loss]) -> Object:
    """Metadata as labels; what does not fit their narrower alphabet is left out."""
    out: Object = {}
    for key, value in metadata.items():
        name, word = key.lower(), value
        if _LABEL_KEY.match(name) and isinstance(word, str) and _LABEL_VALUE.match(word.lower()):
            out[name] = word.lower()
    if len(out) < len(metadata):
        losses.append(Loss(LossKind.DROP, "metadata"))
    return out
