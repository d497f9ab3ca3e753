"""``/responses/compact``: a long conversation made short.

OpenAI answers with the user's messages and a ciphertext. Where another model has to do it, that
model is asked for a summary, which travels to the client in an envelope and comes back as a
system text.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from mux.codecs import _envelope, _ids
from mux.codecs.openai_responses._own import DIALECT, is_own, keep, own
from mux.codecs.openai_responses.contents_out import Contents
from mux.codecs.openai_responses.usage import encode_usage
from mux.ir import (
    JSON,
    Abilities,
    Message,
    Object,
    Opaque,
    Request,
    Response,
    Role,
    Signature,
    Text,
)
from mux.wire import json

VARIANT: Final = "compact"
"""The variant of requests to this endpoint."""

SUMMARY: Final = "summary"
"""The kind of signature that is such a summary."""

_ASKED: Final = """\
Summarise the conversation so far for somebody who takes over and sees nothing else of it. Keep \
what was asked for, what was decided and why, what was done, names, paths, values and results that \
will be needed again, what is still open, and what comes next. Answer with the summary alone."""

_HEADING: Final = "Summary of the conversation before:"


def ask(request: Request) -> Request:
    """`request` as other dialects' models can answer it: with the wish for a summary at its end."""
    wish = Message(Role.USER, (Text(_ASKED),), ext=keep({VARIANT: True}))
    return replace(request, messages=(*request.messages, wish), stream=False)


def is_asking(message: Message) -> bool:
    """Whether `message` is the wish that `ask` added, which OpenAI needs not."""
    return VARIANT in own(message.ext)


def read(sealed: str) -> str:
    """The text in a compaction item's ciphertext, empty if it is not of our making."""
    signature = _envelope.unseal(sealed, DIALECT, "enc")
    if signature is None or signature.kind != SUMMARY:
        return ""
    return f"{_HEADING}\n\n{signature.value}"


def encode(response: Response, request: Request) -> bytes:
    """The body of the answer: the user's messages, and the compaction."""
    if is_own(response.ext):
        output: list[JSON] = [part.raw for part in response.parts if isinstance(part, Opaque)]
    else:
        output = [*_said(request), _compaction(response)]
    return json.dumps(
        {
            "id": _ids.response_id("resp_", response.id),
            "object": "response.compaction",
            "created_at": response.created,
            "output": output,
            "usage": encode_usage(response.usage),
        }
    )


def _said(request: Request) -> list[JSON]:
    contents = Contents(request, Abilities(), [])
    out: list[JSON] = []
    for place, message in enumerate(request.messages):
        if message.role is not Role.USER or is_asking(message):
            continue
        content: list[JSON] = [
            told for part in message.parts if (told := contents.of_user(part)) is not None
        ]
        item: Object = {"id": _ids.stable_id("msg_", request.model, place), "type": "message"}
        item |= {"status": "completed", "role": "user", "content": content}
        out.append(item | own(message.ext))
    return out


def _compaction(response: Response) -> Object:
    summary = "\n\n".join(part.text for part in response.parts if isinstance(part, Text))
    sealed = _envelope.seal(Signature("mux", summary, SUMMARY), DIALECT)
    item_id = _ids.stable_id("cmp_", response.id, summary)
    return {"type": "compaction", "id": item_id, "encrypted_content": sealed}
