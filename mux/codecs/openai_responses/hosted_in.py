"""Items of the tools OpenAI runs: calls, and what they found for dialects that say so apart."""

from __future__ import annotations

from mux.codecs.openai_responses._own import DIALECT
from mux.ir import JSON, Object, Part, SearchHit, ServerCall, ServerResult
from mux.wire import Doc, json


def hosted(item: Doc, kind: str, arguments: Object | str | None, name: str = "") -> ServerCall:
    """The call an item tells of; the item itself goes along for the way back."""
    text = arguments if isinstance(arguments, str) else json.text(arguments) if arguments else ""
    item_id = item.get_str("id") or item.get_str("call_id")
    return ServerCall(kind, item_id, name or kind, text, DIALECT, item.mapping())


def decode_search(item: Doc) -> tuple[Part, ...]:
    """A search or a page that was opened, and the pages: those named, if any were asked for."""
    action = dict(item.get_object("action") or {})
    queries = action.get("queries")
    if "query" not in action and isinstance(queries, list) and queries:
        action["query"] = queries[0]
    kind = "web_fetch" if action.pop("type", None) == "open_page" else "web_search"
    asked = ("query", "queries", "url", "pattern")
    fields: Object = {key: action[key] for key in asked if key in action}
    call = hosted(item, kind, fields)
    opened: list[JSON] = [{"url": action.get("url")}]
    found = action.get("sources") if kind == "web_search" else opened
    return call, _result(call, item, hits=_hits(found))


def decode_code(item: Doc) -> tuple[Part, ...]:
    """Code that ran, and what it printed, if that was asked for."""
    call = hosted(item, "code_execution", {"code": item.get_str("code")})
    printed = [output.get_str("logs") for output in item.get_items("outputs")]
    return call, _result(call, item, output="\n".join(text for text in printed if text))


def _result(
    call: ServerCall, item: Doc, hits: tuple[SearchHit, ...] = (), output: str = ""
) -> ServerResult:
    failed = item.get_str("status") in ("failed", "incomplete")
    return ServerResult(call.kind, call.id, DIALECT, hits=hits, output=output, is_error=failed)


def _hits(sources: JSON) -> tuple[SearchHit, ...]:
    pages = (
        [page for page in sources if isinstance(page, dict)] if isinstance(sources, list) else []
    )
    return tuple(
        SearchHit(url, title if isinstance(title := page.get("title"), str) else "")
        for page in pages
        if isinstance(url := page.get("url"), str)
    )
