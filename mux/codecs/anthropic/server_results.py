"""What provider-run tools found, both ways (translation spec section 19).

Results of other providers reach a client under ids of our own making, so that they are known when
it sends them back: no upstream of this dialect made them, and none could read them.
"""

from __future__ import annotations

from typing import Final

from mux.codecs import _arguments, _envelope, _ids
from mux.codecs.anthropic._own import DIALECT, word
from mux.ir import JSON, Object, SearchHit, ServerCall, ServerResult, Signature

_OURS: Final = "srvtoolu_mux_"
_FOREIGN: Final = Signature("none", "")
"""Stands where an upstream of this dialect puts what only it can read."""

_ERROR: Final = "_error"


def is_ours(call_id: str) -> bool:
    """Whether `call_id` was given to another provider's call."""
    return call_id.startswith(_OURS)


def decode_result(block: Object, kind: str) -> ServerResult:
    """A result block, with what other dialects have words for."""
    call_id, content = word(block, "tool_use_id"), block.get("content")
    ours = is_ours(call_id)
    details: Object = content if isinstance(content, dict) else {}
    failed = word(details, "type").endswith(_ERROR)
    printed = word(details, "stdout") + word(details, "stderr")
    return ServerResult(
        kind,
        call_id,
        "" if ours else DIALECT,
        None if ours else block,
        hits=_hits(content if isinstance(content, list) else [details]),
        output=printed,
        is_error=failed or details.get("return_code", 0) != 0,
    )


def _hits(found: list[JSON]) -> tuple[SearchHit, ...]:
    return tuple(
        SearchHit(url, word(hit, "title"), word(hit, "page_age"))
        for hit in found
        if isinstance(hit, dict) and (url := word(hit, "url"))
    )


def encode_call(part: ServerCall) -> Object | None:
    """Another provider's call for a client; None for tools this dialect has no blocks for."""
    given = _arguments.to_object(part.arguments)
    match part.kind:
        case "web_search":
            asked = {key: given[key] for key in ("query",) if key in given}
        case "code_execution":
            asked = {"code": given.get("code", given.get("command", ""))}
        case _:
            return None
    call_id = _call_id(part.id)
    return {"type": "server_tool_use", "id": call_id, "name": part.kind, "input": asked}


def encode_result(part: ServerResult) -> Object | None:
    """Another provider's result for a client; None where there is no call it belongs to."""
    match part.kind:
        case "web_search":
            content: JSON = [_hit(hit) for hit in part.hits]
            if part.is_error:
                content = {"type": "web_search_tool_result_error", "error_code": "unavailable"}
        case "code_execution":
            content = {
                "type": "code_execution_result",
                "stdout": "" if part.is_error else part.output,
                "stderr": part.output if part.is_error else "",
                "return_code": int(part.is_error),
                "content": [],
            }
        case _:
            return None
    kind = f"{part.kind}_tool_result"
    return {"type": kind, "tool_use_id": _call_id(part.call_id), "content": content}


def _hit(hit: SearchHit) -> Object:
    return {
        "type": "web_search_result",
        "title": hit.title or hit.url,
        "url": hit.url,
        "encrypted_content": _envelope.seal(_FOREIGN, DIALECT),
        "page_age": hit.age or None,
    }


def _call_id(original: str) -> str:
    return original if is_ours(original) else _ids.stable_id(_OURS, original)
