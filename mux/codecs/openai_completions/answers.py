"""What of an answer a completion can hold: text (completions reference, section 5)."""

from __future__ import annotations

from typing import Final

from mux.codecs import _ids
from mux.codecs.openai_completions._wire import DIALECT
from mux.ir import Ext, Finish, Object, Request, StopReason

_READ: Final = {
    "": StopReason.STOP,
    "stop": StopReason.STOP,
    "eos": StopReason.STOP,  # quirk(together): the token that ended the text
    "length": StopReason.LENGTH,
    "content_filter": StopReason.CONTENT_FILTER,
}
_WRITTEN: Final = {
    StopReason.LENGTH: "length",
    StopReason.CONTEXT_WINDOW: "length",
    StopReason.CONTINUATION: "length",
    StopReason.CONTENT_FILTER: "content_filter",
    StopReason.REFUSAL: "content_filter",
}


def decode_finish(reason: str, extra: Object | None = None) -> Finish:
    """The end of a choice. Empty: the host gave no reason."""
    read = _READ.get(reason, StopReason.UNKNOWN)
    return Finish(read, dialect=DIALECT, native=reason, ext={DIALECT: extra} if extra else None)


def encode_finish(finish: Finish) -> str:
    """The ``finish_reason``. There are no calls here, so asking for some is simply the end."""
    if finish.dialect == DIALECT and finish.native:
        return finish.native
    return _WRITTEN.get(finish.reason, "stop")


def head(upstream_id: str, model: str, created: int, ext: Ext | None, request: Request) -> Object:
    """The fields every chunk and every whole answer begins with."""
    native = DIALECT in (ext or {}) and bool(upstream_id)
    made = _ids.response_id("cmpl-", upstream_id, model, created)
    return {
        "id": upstream_id if native else made,
        "object": "text_completion",
        "created": created,
        "model": request.model or model,
        **(ext or {}).get(DIALECT, {}),
    }


def extra(finish: Finish) -> Object:
    """What a choice holds beside its documented fields."""
    return (finish.ext or {}).get(DIALECT, {})
