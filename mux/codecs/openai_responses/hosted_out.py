"""What other providers' own tools did, as items of the tools OpenAI has (translation spec 19)."""

from __future__ import annotations

from typing import Final

from mux.codecs import _arguments
from mux.codecs.openai_responses._own import DIALECT, own
from mux.ir import (
    JSON,
    Media,
    MediaKind,
    Object,
    Request,
    ServerCall,
    ServerResult,
    ServerTool,
    SourceKind,
)

SOURCES: Final = "web_search_call.action.sources"
OUTPUTS: Final = "code_interpreter_call.outputs"
"""Members of ``include`` that ask for results."""


def hosted_item(call: ServerCall, arguments: str, item_id: str) -> Object | None:
    """A search, a page read or a run of code; None for what OpenAI has nothing like."""
    fields = _arguments.to_object(arguments)
    item: Object = {"id": item_id, "status": "completed"}
    match call.kind:
        case "web_search":
            asked: Object = {"type": "search", "query": fields.get("query", "")}
            queries = fields.get("queries")
            action: JSON = {**asked, "queries": queries} if isinstance(queries, list) else asked
        case "web_fetch":
            action = {"type": "open_page", "url": fields.get("url")}
        case "code_execution":
            code = fields.get("code", fields.get("command", ""))
            ran: Object = {"type": "code_interpreter_call", "code": code, "container_id": ""}
            return item | ran | {"outputs": None}
        case _:
            return None
    return {**item, "type": "web_search_call", "action": action}


def result_fields(item: Object, result: ServerResult, request: Request) -> Object:
    """What `result` adds to the `item` of its call: its end, and what the client asked to see."""
    asked = request.own(DIALECT).get("include")
    include = asked if isinstance(asked, list) else []
    out: Object = {"status": "failed"} if result.is_error else {}
    action = item.get("action")
    if result.kind == "web_search" and SOURCES in include and isinstance(action, dict):
        sources: list[JSON] = [{"type": "url", "url": hit.url} for hit in result.hits]
        out["action"] = {**action, "sources": sources}
    if result.kind == "code_execution" and OUTPUTS in include and result.output:
        out["outputs"] = [{"type": "logs", "logs": result.output}]
    return out


def wanted_results(request: Request) -> list[JSON]:
    """The members of ``include`` for the results that clients of other dialects are shown."""
    kinds = {tool.kind for tool in request.tools if isinstance(tool, ServerTool)}
    wanted = (("web_search", SOURCES), ("code_execution", OUTPUTS))
    return [name for kind, name in wanted if kind in kinds]


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
