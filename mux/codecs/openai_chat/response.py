"""Whole answers, both ways (translation spec sections 5, 8, 14 to 16, 20)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mux.codecs import _finish, _ids
from mux.codecs._openai_errors import decode_error_value
from mux.codecs._openai_logprobs import decode_logprobs
from mux.codecs._openai_stream import LATE, failure_of
from mux.codecs._openai_usage import decode_usage, encode_usage
from mux.codecs.openai_chat import answer_in, reasoning_details
from mux.codecs.openai_chat._wire import DIALECT
from mux.codecs.openai_chat.answer_out import encode_choice, late_fields
from mux.codecs.openai_chat.finish import decode_finish
from mux.errors import UpstreamProtocolError
from mux.ir import (
    JSON,
    Answer,
    Object,
    Part,
    Refusal,
    Request,
    Response,
    Signature,
    Text,
    Thinking,
    ToolCall,
    ToolKind,
)
from mux.wire import json

ID_PREFIX: Final = "chatcmpl-"
_TOP: Final = frozenset({"id", "object", "created", "model", "choices", "usage", *LATE})
_CHOICE: Final = frozenset({"index", "message", "finish_reason", "logprobs"})
_MESSAGE: Final = frozenset(
    {
        "role",
        "content",
        "refusal",
        "reasoning_content",
        "reasoning",
        "reasoning_details",
        "annotations",
        "images",
        "audio",
        "tool_calls",
        "function_call",
    }
)


_REASONING: Final = frozenset({"reasoning_content", "reasoning", "reasoning_details"})
_RARE: Final = frozenset({"images", "tool_calls", "function_call", "audio"})


def decode_response(body: bytes) -> Response:
    """The answer in `body`. Raises the error it reports, or `UpstreamProtocolError`."""
    fields = json.load_object(body)
    if fields is None:
        raise UpstreamProtocolError("the upstream's answer is not a JSON object")
    if error := fields.get("error"):  # quirk(azure): under status 200 too
        raise decode_error_value(error)
    choices = _objects(fields.get("choices"))
    if not choices:
        raise UpstreamProtocolError("the upstream's answer has no choices")
    upstream_id, created = _text(fields.get("id")), fields.get("created")
    late: Object = {key: value for key in LATE if (value := fields.get(key)) is not None}
    answers = [
        _answer(choice, (upstream_id, number), late if number == len(choices) - 1 else {})
        for number, choice in enumerate(sorted(choices, key=_index))
    ]
    usage = fields.get("usage")
    return Response(
        id=upstream_id,
        model=_text(fields.get("model")),
        created=int(created) if isinstance(created, int | float) else 0,
        answers=tuple(answers),
        usage=decode_usage(usage, DIALECT) if isinstance(usage, dict) and usage else None,
        ext={DIALECT: _others(fields, _TOP)},
    )


def encode_response(response: Response, request: Request) -> bytes:
    """The body of a whole answer. Clients compare `model`, so it is the one they asked for."""
    native = DIALECT in (response.ext or {})
    out: Object = {
        "id": answer_id(response.id, response.model, response.created, native=native),
        "object": "chat.completion",
        "created": response.created,
        "model": request.model or response.model,
        "choices": [
            encode_choice(index, answer, response.created, request)
            for index, answer in enumerate(response.answers)
        ],
    }
    if response.usage is not None:
        out["usage"] = encode_usage(response.usage, DIALECT)
    out |= (response.ext or {}).get(DIALECT, {})
    if response.answers:
        out |= late_fields(response.answers[-1].finish)
    return json.dumps(out)


def answer_id(upstream_id: str, model: str, created: int, *, native: bool) -> str:
    """The id a client sees: the upstream's if it is of this dialect or looks like it."""
    if native and upstream_id:
        return upstream_id
    return _ids.response_id(ID_PREFIX, upstream_id, model, created)


def _answer(choice: Object, seed: tuple[object, ...], late: Object) -> Answer:
    reason = choice.get("finish_reason")
    if error := choice.get("error"):
        raise decode_error_value(error)
    if (failure := failure_of(_text(reason))) is not None:
        raise failure
    message = choice.get("message")
    fields: Object = message if isinstance(message, dict) else {}
    ext = {**_others(choice, _CHOICE), **late}
    if kept := _others(fields, _MESSAGE):
        ext["message"] = kept
    logprobs = choice.get("logprobs")
    tokens: Object = logprobs if isinstance(logprobs, dict) else {}
    parts = [*_thinking(fields), *_texts(fields, tokens), *_rest(fields, seed)]
    kinds = [type(part) for part in parts]
    if tokens.get("content") and Text not in kinds:
        ext["logprobs"] = tokens
    finish = decode_finish(_text(reason), refused=Refusal in kinds, ext=ext)
    return Answer(tuple(parts), _finish.settle(finish, kinds.count(ToolCall)))


def _thinking(fields: Object) -> list[Thinking]:
    if _REASONING.isdisjoint(fields):
        return []
    details = reasoning_details.entries(fields.get("reasoning_details"))
    signature = reasoning_details.sign(details)
    for field in ("reasoning_content", "reasoning"):
        if text := _text(fields.get(field)):
            return [_signed(answer_in.thinking(field, text), signature)]
    texts = [text for entry in details if (text := reasoning_details.text_of([entry]))]
    if texts or signature is not None:
        return [_signed(answer_in.thinking("", *texts), signature)]
    return []


def _signed(part: Thinking, signature: Signature | None) -> Thinking:
    return Thinking(part.texts, signature=signature, ext=part.ext)


def _texts(fields: Object, tokens: Object) -> list[Part]:
    content = fields.get("content")
    out: list[Part] = []
    if isinstance(content, list):
        out += _listed(_objects(content))
    logprobs = decode_logprobs(tokens.get("content"))
    annotations = tuple(answer_in.citations(fields.get("annotations")))
    text = _text(content)
    if text or annotations or (logprobs and "content" in fields and text):
        out.append(Text(text, annotations, logprobs))
    if refusal := _text(fields.get("refusal")):
        out.append(Refusal(refusal, decode_logprobs(tokens.get("refusal"))))
    return out


def _listed(parts: Sequence[Object]) -> list[Part]:
    """quirk(mistral): content as a list of text and thinking parts."""
    out: list[Part] = []
    for part in parts:
        thinking = part.get("thinking")
        if isinstance(thinking, list):
            thinking = "".join(_text(piece.get("text")) for piece in _objects(thinking))
        if isinstance(thinking, str) and thinking:
            out.append(Thinking((thinking,)))
        elif text := _text(part.get("text")):
            out.append(Text(text))
    return out


def _rest(fields: Object, seed: tuple[object, ...]) -> list[Part]:
    if _RARE.isdisjoint(fields):
        return []
    out: list[Part] = list(answer_in.images(fields.get("images")))
    calls = _objects(fields.get("tool_calls"))
    legacy = fields.get("function_call")
    if isinstance(legacy, dict):
        calls.append({"function": legacy})
    out += [
        call
        for place, fields_ in enumerate(calls)
        if (call := _call(fields_, (*seed, place))) is not None
    ]
    audio = fields.get("audio")
    if isinstance(audio, dict) and (spoken := answer_in.audio(audio)) is not None:
        out.append(spoken)
    return out


def _call(fields: Object, seed: tuple[object, ...]) -> ToolCall | None:
    """A call, None if it has no name: Snowflake fills in empty ones."""
    kind = ToolKind.CUSTOM if fields.get("type") == ToolKind.CUSTOM else ToolKind.FUNCTION
    function = fields.get("custom" if kind is ToolKind.CUSTOM else "function")
    if not isinstance(function, dict) or not (name := _text(function.get("name"))):
        return None
    arguments = function.get("input" if kind is ToolKind.CUSTOM else "arguments")
    if not isinstance(arguments, str):
        arguments = json.text(arguments) if arguments is not None else ""
    if kind is ToolKind.FUNCTION:
        arguments = arguments or "{}"
    call_id = _text(fields.get("id")) or _ids.stable_id("call_", *seed, name)
    extra = fields.get("extra_content")
    signature = Signature(DIALECT, json.text(extra), "extra") if extra else None
    return ToolCall(call_id, name, arguments, kind, signature=signature)


def _index(choice: Object) -> int:
    index = choice.get("index")
    return index if isinstance(index, int) else 0


def _others(fields: Object, known: frozenset[str]) -> Object:
    """What else there is; some hosts fill in empty strings for what they do not know."""
    if fields.keys() <= known:  # as a rule
        return {}
    return {
        key: value for key, value in fields.items() if key not in known and value not in (None, "")
    }


def _objects(value: JSON) -> list[Object]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text(value: JSON) -> str:
    return value if isinstance(value, str) else ""
