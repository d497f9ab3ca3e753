"""Whole answers, both ways."""

from __future__ import annotations

from typing import Final

from mux.codecs._openai_errors import decode_error_value
from mux.codecs._openai_usage import decode_usage, encode_usage
from mux.codecs._seams import Seams
from mux.codecs.openai_completions._wire import DIALECT
from mux.codecs.openai_completions.answers import decode_finish, encode_finish, extra, head
from mux.codecs.openai_completions.logprobs import decode_logprobs, encode_logprobs
from mux.codecs.openai_completions.prompts import echo_of, prompts
from mux.errors import UpstreamProtocolError
from mux.ir import (
    JSON,
    Answer,
    Object,
    Refusal,
    Request,
    Response,
    Text,
    TokenLogprob,
)
from mux.wire import json

_TOP: Final = frozenset({"id", "object", "created", "model", "choices", "usage"})
_CHOICE: Final = frozenset({"index", "text", "finish_reason", "logprobs"})


def decode_response(body: bytes) -> Response:
    """The answer in `body`. Raises the error it reports, or `UpstreamProtocolError`."""
    fields = json.load_object(body)
    if fields is None:
        raise UpstreamProtocolError("the upstream's answer is not a JSON object")
    if error := fields.get("error"):
        raise decode_error_value(error)
    listed = fields.get("choices")
    choices = (
        [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
    )
    if not choices:
        raise UpstreamProtocolError("the upstream's answer has no choices")
    usage, created = fields.get("usage"), fields.get("created")
    return Response(
        id=_text(fields.get("id")),
        model=_text(fields.get("model")),
        created=int(created) if isinstance(created, int | float) else 0,
        answers=tuple(_answer(choice) for choice in sorted(choices, key=_index)),
        usage=decode_usage(usage, DIALECT) if isinstance(usage, dict) and usage else None,
        ext={DIALECT: _others(fields, _TOP)},
    )


def encode_response(response: Response, request: Request) -> bytes:
    """The body of a whole answer. The echo is ours, unless the upstream speaks this dialect."""
    native = DIALECT in (response.ext or {})
    out = head(response.id, response.model, response.created, response.ext, request)
    choices: list[JSON] = [
        _choice(index, answer, "" if native else echo_of(request, index), request)
        for index, answer in enumerate(response.answers)
    ]
    out["choices"] = choices
    if response.usage is not None:
        out["usage"] = encode_usage(response.usage, DIALECT)
    return json.dumps(out)


def first_offset(request: Request, choice: int) -> int:
    """Where the first token of `choice` begins, counted from the beginning of its prompt."""
    if request.own(DIALECT).get("echo") is True:
        return 0
    found = prompts(request)
    place = choice // request.n
    prompt = found[place] if place < len(found) else None
    return len(prompt) if isinstance(prompt, str) else 0


def _answer(choice: Object) -> Answer:
    if error := choice.get("error"):
        raise decode_error_value(error)
    text = _text(choice.get("text"))
    tokens = decode_logprobs(choice.get("logprobs"))
    parts = (Text(text, logprobs=tokens),) if text or tokens else ()
    finish = decode_finish(_text(choice.get("finish_reason")), _others(choice, _CHOICE))
    return Answer(parts, finish)


def _choice(index: int, answer: Answer, echo: str, request: Request) -> Object:
    seams = Seams()
    texts = [echo]
    tokens: list[TokenLogprob] = []
    for part in answer.parts:
        seams.meet(part)
        if isinstance(part, Text | Refusal):
            texts.append(seams.join(part.text))
            tokens += part.logprobs
    echoed = request.own(DIALECT).get("echo") is True
    offset = first_offset(request, index)
    return {
        "text": "".join(texts),
        "index": index,
        "logprobs": encode_logprobs(tokens, offset, echoed=echoed),
        "finish_reason": encode_finish(answer.finish),
        **extra(answer.finish),
    }


def _index(choice: Object) -> int:
    index = choice.get("index")
    return index if isinstance(index, int) else 0


def _others(fields: Object, known: frozenset[str]) -> Object:
    return {key: value for key, value in fields.items() if key not in known and value is not None}


def _text(value: JSON) -> str:
    return value if isinstance(value, str) else ""
