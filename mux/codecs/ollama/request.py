"""Requests to ``/api/chat`` and ``/api/generate``, both ways.

A request that came in this dialect goes back with everything it held: the server takes histories
in any order, so the passes that put foreign ones right are not for it.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from mux.codecs import _media, _messages, _runs, _server_tools, _state, _tools
from mux.codecs._base import Encoded
from mux.codecs._tool_names import Names, ToolMap, ToolRules
from mux.codecs.ollama._wire import DIALECT
from mux.codecs.ollama.messages_in import decode_images, decode_messages, own
from mux.codecs.ollama.messages_out import (
    check_media,
    encode_messages,
    encode_prompt,
    encode_system,
)
from mux.codecs.ollama.options import decode_options, encode_options
from mux.codecs.ollama.reasoning import decode_think, encode_think
from mux.codecs.ollama.tools import choose, decode_tools, encode_tools
from mux.errors import InvalidRequest, Unsupported
from mux.ir import (
    JSON,
    Abilities,
    FormatKind,
    Loss,
    LossKind,
    Message,
    Object,
    Request,
    ResponseFormat,
    Role,
    Text,
)
from mux.wire import Doc, json

GENERATE: Final = "generate"
CHAT: Final = "chat"


def decode_request(
    body: bytes, *, model: str | None = None, stream: bool | None = None, variant: str = ""
) -> Request:
    """The request in `body`. `variant` is ``generate`` for ``/api/generate``.

    No messages, or an empty prompt, is a request to load or unload the model: see `is_load`.
    Raises `InvalidRequest` naming the field.
    """
    generate = variant == GENERATE
    doc = Doc.parse(body, "tools") if generate else Doc.parse(body, "messages", "tools")
    system, messages = _prompt(doc) if generate else decode_messages(doc.get("messages"))
    asked = doc.get_bool("stream")
    sampling, max_output, stop, own_options = decode_options(doc.get("options"))
    request = Request(
        model=_model(doc, model),
        messages=messages,
        system=system,
        tools=decode_tools(doc.get("tools")),
        sampling=sampling,
        max_output=max_output,
        stop=stop,
        stream=asked is not False if stream is None else stream,
        include_usage=True,
        reasoning=decode_think(doc.get("think")),
        response_format=_format(doc.get("format")),
        logprobs=(doc.get_int("top_logprobs") or 0) if doc.get_bool("logprobs") else None,
        suffix=doc.get_str("suffix") if generate else "",
        origin=DIALECT,
        variant=GENERATE if generate else CHAT,
    )
    rest = doc.rest()
    if own_options:
        rest["options"] = own_options
    return replace(request, ext=own(rest))


def is_load(request: Request) -> bool:
    """Whether `request` only loads or unloads a model: it is answered without an upstream."""
    if request.origin != DIALECT or request.messages:
        return False
    return request.variant == GENERATE or not request.system


def path(request: Request) -> str:
    """``/api/generate`` for a prompt of that endpoint or one with a suffix, else ``/api/chat``."""
    return "/api/generate" if _generates(request) else "/api/chat"


def encode_request(request: Request, abilities: Abilities) -> Encoded:
    """The upstream's request. Raises `Unsupported`."""
    losses: list[Loss] = []
    names = None
    if request.origin != DIALECT:
        request, names = _adapt(request, abilities, losses)
    body: Object = {"model": request.model}
    if _generates(request):
        body |= _prompt_out(_settled(request, names, abilities, losses), abilities, losses)
    else:
        body["messages"] = _conversation(request, names, abilities, losses)
    body["stream"] = request.stream
    if (wanted := _format_out(request.response_format)) is not None:
        body["format"] = wanted
    if options := encode_options(request, losses):
        body["options"] = options
    if request.tools:
        body["tools"] = encode_tools(request, losses)
    if (think := encode_think(request, abilities, losses)) is not None:
        body["think"] = think
    if request.logprobs is not None:
        body["logprobs"] = True
    if request.logprobs:
        body["top_logprobs"] = request.logprobs
    tools = names.map if names is not None else ToolMap()
    return Encoded(json.dumps(body | _others(request)), tuple(losses), tools)


def _conversation(
    request: Request, names: Names | None, abilities: Abilities, losses: list[Loss]
) -> JSON:
    """The ``messages`` list, leading system texts first."""

    def write(request: Request, before: int, losses: list[Loss]) -> list[Object]:
        request = _settled(request, names, abilities, losses, before)
        return encode_messages(request, abilities, losses)

    key = DIALECT, request.origin, abilities
    messages = _runs.write(request, write, names, key, losses)
    return messages.json(encode_system(request))


def _settled(
    request: Request,
    names: Names | None,
    abilities: Abilities,
    losses: list[Loss],
    before: int = 0,
) -> Request:
    """`request` with its messages in order, but for a client of this dialect, who has no `names`.

    A history that ends with the assistant stays as it is: the server continues that text.
    """
    if names is None:
        return request
    request = _messages.settle(names.messages(request), losses, before)
    return _media.settle(request, lambda part: check_media(part, abilities), losses)


def _adapt(request: Request, abilities: Abilities, losses: list[Loss]) -> tuple[Request, Names]:
    """A request of another dialect with tools and choice such as the server can be sent."""
    _state.check_state(request, DIALECT, losses)
    if "audio" in request.modalities:
        raise Unsupported("This model cannot answer in audio.", param="modalities")
    if {*request.modalities} - {"text"}:
        losses.append(Loss(LossKind.DROP, "modalities"))
    unsaid = ("verbosity", "service_tier", "metadata")
    losses += [Loss(LossKind.DROP, name) for name in unsaid if getattr(request, name)]
    request = _server_tools.resolve(request, DIALECT, frozenset(), abilities, losses)
    request, names = _tools.adapt(request, ToolRules(), losses)
    return choose(request, abilities, losses), names


def _others(request: Request) -> Object:
    """The client's own further fields, or for a foreign client: an overflow must be an error.

    Left to itself the server drops the oldest messages in silence (pitfall 165).
    """
    if request.origin != DIALECT:
        return {"truncate": False, "shift": False}
    return {key: value for key, value in request.own(DIALECT).items() if key != "options"}


def _generates(request: Request) -> bool:
    if request.origin == DIALECT:
        return request.variant == GENERATE
    return bool(request.suffix)


def _model(doc: Doc, given: str | None) -> str:
    asked = doc.get_str("model")
    if not (given or asked):
        raise InvalidRequest("model is required", param="model")
    return given or asked


def _prompt(doc: Doc) -> tuple[tuple[Text, ...], tuple[Message, ...]]:
    system, prompt = doc.get_str("system"), doc.get_str("prompt")
    images = decode_images(doc.get_items("images"))
    messages = (Message(Role.USER, (Text(prompt), *images)),) if prompt else ()
    return (Text(system),) if system else (), messages


def _prompt_out(request: Request, abilities: Abilities, losses: list[Loss]) -> Object:
    fields = encode_prompt(request, abilities, losses)
    if request.suffix:
        fields["suffix"] = request.suffix
    if request.system:
        fields["system"] = "\n\n".join(part.text for part in request.system)
    return fields


def _format(doc: Doc | None) -> ResponseFormat:
    """``"json"`` or a schema; an empty string asks for nothing (pitfall 167)."""
    if doc is None or doc.value == "":
        return ResponseFormat()
    if doc.value == "json":
        return ResponseFormat(FormatKind.JSON_OBJECT)
    if isinstance(doc.value, str):
        raise doc.error('must be "json" or a JSON Schema')
    return ResponseFormat(FormatKind.JSON_SCHEMA, schema=doc.mapping())


def _format_out(wanted: ResponseFormat) -> JSON:
    if wanted.kind is FormatKind.TEXT:
        return None
    return wanted.schema if isinstance(wanted.schema, dict) else "json"
