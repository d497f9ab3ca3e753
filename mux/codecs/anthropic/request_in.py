"""Requests to ``/v1/messages``, read."""

from __future__ import annotations

from itertools import chain
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from mux.codecs import _carried
from mux.codecs.anthropic import formats, history, reasoning
from mux.codecs.anthropic._own import DIALECT, nested, own
from mux.codecs.anthropic.blocks_in import decode_blocks
from mux.codecs.anthropic.tools_in import decode_choice, decode_tool
from mux.ir import (
    Message,
    Object,
    Reasoning,
    Request,
    ResponseFormat,
    Role,
    Sampling,
    Text,
    ToolChoice,
    ToolResult,
)
from mux.wire import Doc, each, remembered

_ROLES: Final = ("user", "assistant", "system")

_OPTIONS: Final = frozenset(
    {
        "tool_choice",
        "output_config",
        "output_format",
        "thinking",
        "metadata",
        "stop_sequences",
        "temperature",
        "top_p",
        "top_k",
        "service_tier",
    }
)


def decode_request(
    body: bytes, *, model: str | None = None, stream: bool | None = None, variant: str = ""
) -> Request:
    """The request in `body`. Raises `InvalidRequest` naming the field."""
    doc = Doc.parse(body, "messages", "tools")
    name = model or doc.need_str("model")
    system, messages = _history(doc)
    system, attribution = _unattributed(system)
    asked = doc.get_bool("stream")
    kept: Object = {}
    options = _options(doc, kept) if doc.holds(_OPTIONS) else _NO_OPTIONS
    if attribution:
        kept[history.ATTRIBUTION] = attribution
    return Request(
        model=name,
        messages=messages,
        system=system,
        tools=tuple(each(decode_tool, doc.get("tools"))),
        tool_choice=options.tool_choice,
        parallel_tools=options.parallel_tools,
        sampling=options.sampling,
        max_output=_limit(doc.get("max_tokens")),
        stop=options.stop,
        stream=bool(asked) if stream is None else stream,
        include_usage=True,
        reasoning=options.reasoning,
        response_format=options.response_format,
        service_tier=options.service_tier,
        user_id=options.user_id,
        origin=DIALECT,
        variant=variant,
        ext=own({**doc.rest(), **kept}),
    )


class _Options(Struct, frozen=True):
    """Fields of a request that many leave out, as it has them."""

    tool_choice: ToolChoice | None = None
    parallel_tools: bool | None = None
    sampling: Sampling = Sampling()
    stop: tuple[str, ...] = ()
    reasoning: Reasoning = Reasoning()
    response_format: ResponseFormat = ResponseFormat()
    service_tier: str = ""
    user_id: str = ""


_NO_OPTIONS: Final = _Options()


def _options(doc: Doc, kept: Object) -> _Options:
    """What is asked for beside messages and tools; what only this dialect says goes to `kept`."""
    choice, parallel = decode_choice(doc.get("tool_choice"))
    output, old = doc.get("output_config"), doc.get("output_format")
    effort = output.get_str("effort") if output is not None else ""
    wanted = output.get("format") if output is not None else None
    thinking = reasoning.decode_reasoning(doc.get("thinking"), effort)
    if output is not None and (more := output.rest()):
        kept["output_config"] = more
    if effort and thinking.effort is None:  # a word that is not ours to judge
        kept["output_config"] = {**nested(kept, "output_config"), "effort": effort}
    metadata, stops = doc.get("metadata"), doc.get("stop_sequences")
    user_id = metadata.get_str("user_id") if metadata is not None else ""
    if metadata is not None and (more := metadata.rest()):
        kept["metadata"] = more
    return _Options(
        choice,
        parallel,
        Sampling(
            temperature=doc.get_float("temperature"),
            top_p=doc.get_float("top_p"),
            top_k=doc.get_int("top_k"),
        ),
        stops.strings() if stops is not None else (),
        thinking,
        formats.decode_format(wanted or old),
        doc.get_str("service_tier"),
        user_id,
    )


def _limit(doc: Doc | None) -> int | None:
    if doc is None:
        return None
    limit = doc.integer()
    if limit < 0:
        raise doc.error("must not be negative")
    return limit


def _history(doc: Doc) -> tuple[tuple[Text, ...], tuple[Message, ...]]:
    """The system texts, those of system messages before all others included, and the rest."""
    docs = doc.need("messages")
    messages = list(chain.from_iterable(each(_decode_message, docs)))
    if not messages:
        raise docs.error("at least one message is required")
    found = doc.get("system")
    parts = list(decode_blocks(found)) if found is not None else []
    if found is not None and not all(isinstance(part, Text) for part in parts):
        raise found.error("only text blocks may stand here")
    while messages and _is_plain_system(messages[0]):
        parts += messages.pop(0).parts
    texts = [part for part in parts if isinstance(part, Text) and part.text]
    return tuple(texts), tuple(messages)


def _unattributed(system: tuple[Text, ...]) -> tuple[tuple[Text, ...], str]:
    """The system texts without Claude Code's attribution, and the attribution, empty if none.

    It changes with every request, so that for no other upstream the prompt cache would ever hit
    (pitfall 109).
    """
    if system and system[0].text.startswith(history.ATTRIBUTION):
        return system[1:], system[0].text
    return system, ""


def _is_plain_system(message: Message) -> bool:
    plain = all(isinstance(part, Text) for part in message.parts)
    return message.role is Role.SYSTEM and plain and not message.ext


@remembered
def _decode_message(doc: Doc) -> tuple[Message, ...]:
    """One message, or several: tool results are messages of their own."""
    role = Role(doc.need("role").one_of(*_ROLES))
    content = doc.need("content")
    parts = _carried.restore(decode_blocks(content), DIALECT)
    ext = own(doc.rest())
    if role is not Role.USER:
        return (Message(role, parts, ext=ext),)
    out: list[Message] = []
    for part in parts:
        role = Role.TOOL if isinstance(part, ToolResult) else Role.USER
        if out and out[-1].role is role:
            out[-1] = replace(out[-1], parts=(*out[-1].parts, part))
        else:
            out.append(Message(role, (part,), ext=ext))
    return tuple(out) or (Message(Role.USER, (), ext=ext),)
