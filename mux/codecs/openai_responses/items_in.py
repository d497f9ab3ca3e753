"""Items to parts: what stands in a request's ``input`` and what a response's ``output`` holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from mux.codecs import _envelope
from mux.codecs.openai_responses import client_tools
from mux.codecs.openai_responses._own import DIALECT, keep
from mux.codecs.openai_responses.hosted_in import decode_code, decode_search, hosted
from mux.codecs.openai_responses.media import decode_file, decode_image
from mux.codecs.openai_responses.texts import decode_refusal, decode_text
from mux.ir import (
    JSON,
    Media,
    MediaKind,
    Object,
    Opaque,
    Part,
    ServerResult,
    Signature,
    SourceKind,
    Text,
    Thinking,
    ToolCall,
    ToolKind,
    ToolResult,
)
from mux.wire import Doc, json

_TEXTS: Final = frozenset({"input_text", "output_text", "text"})


def decode_item(item: Doc, *, status: bool = False) -> tuple[Part, ...]:
    """The parts of one item the assistant said; what is not known is kept as it is.

    `status` keeps that field of messages, calls and reasoning. Responses do without: there it
    follows from how the answer ended. Raises `InvalidRequest` for an item that is malformed.
    """
    decode = _ASSISTANT.get(item.get_str("type"))
    if decode is None:
        return (Opaque(DIALECT, item.mapping()),)
    if not status:
        item.get("status")
    return decode(item)


def is_assistants(kind: str) -> bool:
    """Whether items of that type are the assistant's doing."""
    return kind in _ASSISTANT


def decode_content(content: Doc, message: Object | None = None) -> tuple[Part, ...]:
    """The parts of a message's content. `message`: fields of the item that each text must keep."""
    around = message or {}
    if isinstance(content.value, str):
        return (Text(content.value, ext=keep({"message": around} if around else {})),)
    return tuple(_content_part(part, around) for part in content.items())


def _content_part(part: Doc, message: Object) -> Part:
    kind = part.need_str("type")
    if kind in _TEXTS:
        return decode_text(part, message)
    match kind:
        case "refusal":
            return decode_refusal(part, message)
        case "input_image":
            return decode_image(part)
        case "input_file":
            return decode_file(part)
        case _:
            return Opaque(DIALECT, {"part": part.mapping()})


def decode_output(item: Doc) -> ToolResult | ServerResult:
    """What a tool answered."""
    kind = item.get_str("type")
    if kind in client_tools.OUTPUTS:
        if client_tools.is_clients(item):
            return client_tools.decode_output(item)
        return ServerResult(
            client_tools.OUTPUTS[kind], item.get_str("call_id"), DIALECT, item.mapping()
        )
    output = item.get("output")
    content: tuple[Part, ...] = decode_content(output) if output is not None else ()
    call_id, name = item.get_str("call_id"), item.get_str("name")
    fields = item.rest()
    if output is not None and isinstance(output.value, list):
        fields["list"] = True
    return ToolResult(
        call_id,
        tuple(part for part in content if isinstance(part, Text | Media | Opaque)),
        name=name,
        kind=ToolKind.CUSTOM if kind == "custom_tool_call_output" else ToolKind.FUNCTION,
        ext=keep(fields),
    )


def _message(item: Doc) -> tuple[Part, ...]:
    role, content = item.get_str("role"), item.get("content")
    parts: tuple[Part, ...] = ()
    if content is not None and role in ("", "assistant"):
        parts = decode_content(content, item.rest())
    if all(isinstance(part, Text) and not part.text for part in parts):
        return (Opaque(DIALECT, item.mapping()),)
    return parts


def _reasoning(item: Doc) -> tuple[Part, ...]:
    summary = [part.get_str("text") for part in item.get_items("summary")]
    content = [part.get_str("text") for part in item.get_items("content")]
    texts = summary or content
    item_id, sealed = item.get_str("id"), item.get_str("encrypted_content")
    signature = unsealed(sealed, item_id)
    if not any(texts) and signature is None:
        return (Opaque(DIALECT, item.mapping()),)
    fields = item.rest()
    if summary and content:
        fields["content"] = item.mapping()["content"]
    return (Thinking(tuple(texts), bool(summary), signature, item_id, {DIALECT: fields}),)


def unsealed(value: str, item_id: str) -> Signature | None:
    """The signature in ``encrypted_content``: our envelope's, or OpenAI's own with its item id."""
    if not value:
        return None
    signature = _envelope.unseal(value, DIALECT, "enc")
    if signature is not None and signature.dialect == DIALECT and not signature.id:
        return Signature(DIALECT, value, "enc", id=item_id)
    return signature


def _function_call(item: Doc) -> tuple[Part, ...]:
    return (_call(item, "arguments", ToolKind.FUNCTION),)


def _custom_call(item: Doc) -> tuple[Part, ...]:
    return (_call(item, "input", ToolKind.CUSTOM),)


def _call(item: Doc, field: str, kind: ToolKind) -> ToolCall:
    value = item.get(field)
    arguments = ""
    if value is not None:
        arguments = value.value if isinstance(value.value, str) else json.text(value.value)
    call_id, name = item.get_str("call_id"), item.need_str("name")
    namespace = item.get_str("namespace")
    if not call_id:
        call_id = item.get_str("id")
    return ToolCall(call_id, name, arguments, kind, namespace, ext=keep(item.rest()))


def _builtin_call(item: Doc) -> tuple[Part, ...]:
    if client_tools.is_clients(item):
        return (client_tools.decode_call(item),)
    return (hosted(item, client_tools.CALLS[item.get_str("type")], item.get_object("arguments")),)


def _builtin_output(item: Doc) -> tuple[Part, ...]:
    return (decode_output(item),)


def _file_search(item: Doc) -> tuple[Part, ...]:
    return (hosted(item, "file_search", {"queries": [*_list(item.mapping().get("queries"))]}),)


def _mcp(item: Doc) -> tuple[Part, ...]:
    return (hosted(item, "mcp", item.get_str("arguments"), item.get_str("name")),)


def _computer(item: Doc) -> tuple[Part, ...]:
    return (hosted(item, "computer", item.get_object("action")),)


def _image(item: Doc) -> tuple[Part, ...]:
    result = item.get_str("result")
    if not result:
        return (hosted(item, "image_generation", None),)
    mime = f"image/{item.get_str('output_format') or 'png'}"
    fields = {key: value for key, value in item.mapping().items() if key != "result"}
    ext = keep({"item": fields})
    return (Media(MediaKind.IMAGE, SourceKind.BASE64, result, mime, ext=ext),)


def _list(value: JSON) -> list[JSON]:
    return value if isinstance(value, list) else []


_ASSISTANT: Final[dict[str, Callable[[Doc], tuple[Part, ...]]]] = {
    "message": _message,
    "reasoning": _reasoning,
    "function_call": _function_call,
    "custom_tool_call": _custom_call,
    **dict.fromkeys(client_tools.CALLS, _builtin_call),
    **dict.fromkeys(client_tools.OUTPUTS, _builtin_output),
    "web_search_call": decode_search,
    "file_search_call": _file_search,
    "code_interpreter_call": decode_code,
    "image_generation_call": _image,
    "mcp_call": _mcp,
    "computer_call": _computer,
}
