"""What other providers' own tools did, as items of the tools OpenAI has (translation spec 19)."""

from __future__ import annotations

from mux.codecs import _arguments
from mux.codecs.openai_responses._own import own
from mux.ir import JSON, Media, MediaKind, Object, ServerCall, SourceKind


def hosted_item(call: ServerCall, arguments: str, item_id: str) -> Object | None:
    """A search, a page read or a run of code; None for what OpenAI has nothing like."""
    fields = _arguments.to_object(arguments)
    item: Object = {"id": item_id, "status": "completed"}
    match call.kind:
        case "web_search":
            action: JSON = {"type": "search", "query": fields.get("query", "")}
        case "web_fetch":
            action = {"type": "open_page", "url": fields.get("url")}
        case "code_execution":
            code = fields.get("code", fields.get("command", ""))
            ran: Object = {"type": "code_interpreter_call", "code": code, "container_id": ""}
            return item | ran | {"outputs": None}
        case _:
            return None
    return {**item, "type": "web_search_call", "action": action}


def image_item(part: Media, item_id: str) -> Object | None:
    """An image the model made; None for other media."""
    raw = own(part.ext).get("item")
    if isinstance(raw, dict):
        return {**raw, "result": part.data}
    if part.kind is not MediaKind.IMAGE or part.source is not SourceKind.BASE64:
        return None
    return {
        "id": item_id,
        "type": "image_generation_call",
        "status": "completed",
        "result": part.data,
        "output_format": part.mime.rpartition("/")[2] or "png",
    }
