"""A client's request, read (translation spec sections 2, 3, 9 to 11)."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from mux.codecs._openai_fields import decode_count, decode_sampling
from mux.codecs.openai_chat._wire import DIALECT, FUNCTIONS
from mux.codecs.openai_chat.messages_in import decode_messages
from mux.codecs.openai_chat.parts_in import own
from mux.codecs.openai_chat.reasoning import decode_reasoning
from mux.codecs.openai_chat.tools import (
    decode_choice,
    decode_function_choice,
    decode_functions,
    decode_search,
    decode_tools,
)
from mux.ir import (
    FormatKind,
    Object,
    Request,
    ResponseFormat,
    ServerTool,
    Tool,
    ToolChoice,
)
from mux.wire import Doc

_TOOLS: Final = frozenset(
    {"tools", "functions", "tool_choice", "function_call", "web_search_options"}
)

_OPTIONS: Final = frozenset(
    {
        "parallel_tool_calls",
        "stop",
        "n",
        "stream_options",
        "response_format",
        "logprobs",
        "top_logprobs",
        "modalities",
        "service_tier",
        "verbosity",
        "user",
        "safety_identifier",
        "prompt_cache_key",
        "metadata",
        "store",
    }
)


def decode_request(
    body: bytes, *, model: str | None = None, stream: bool | None = None, variant: str = ""
) -> Request:
    """The request in `body`. Raises `InvalidRequest` naming the field."""
    doc = Doc.parse(body, "messages", "tools")
    name = model or doc.need_str("model")
    system, messages = decode_messages(doc.need("messages"))
    tools, choice, legacy = _tools(doc)
    streamed = doc.get_bool("stream")
    kept: Object = {}
    options = _options(doc, kept) if doc.holds(_OPTIONS) else _NO_OPTIONS
    return Request(
        model=name,
        messages=messages,
        system=system,
        tools=tuple(tools),
        tool_choice=choice,
        parallel_tools=options.parallel_tools,
        sampling=decode_sampling(doc),
        max_output=_limit(doc, kept),
        stop=options.stop,
        n=options.n,
        stream=stream if stream is not None else bool(streamed),
        include_usage=options.include_usage,
        reasoning=decode_reasoning(doc),
        response_format=options.response_format,
        logprobs=options.logprobs,
        modalities=options.modalities,
        service_tier=options.service_tier,
        verbosity=options.verbosity,
        user_id=options.user_id,
        safety_id=options.safety_id,
        cache_key=options.cache_key,
        metadata=options.metadata,
        store=options.store,
        origin=DIALECT,
        variant=FUNCTIONS if legacy else variant,
        ext=own({**doc.rest(), **kept}),
    )


class _Options(Struct, frozen=True):
    """Fields of a request that most leave out, as it has them."""

    parallel_tools: bool | None = None
    stop: tuple[str, ...] = ()
    n: int = 1
    include_usage: bool = False
    response_format: ResponseFormat = ResponseFormat()
    logprobs: int | None = None
    modalities: tuple[str, ...] = ()
    service_tier: str = ""
    verbosity: str = ""
    user_id: str = ""
    safety_id: str = ""
    cache_key: str = ""
    metadata: Object | None = None
    store: bool | None = None


_NO_OPTIONS: Final = _Options()


def _options(doc: Doc, kept: Object) -> _Options:
    """What is asked for beside messages and tools; what only some host knows goes to `kept`."""
    return _Options(
        parallel_tools=doc.get_bool("parallel_tool_calls"),
        stop=_stop(doc),
        n=decode_count(doc),
        include_usage=_stream_options(doc, kept),
        response_format=_format(doc, kept),
        logprobs=_logprobs(doc),
        modalities=mode.strings() if (mode := doc.get("modalities")) is not None else (),
        service_tier=doc.get_str("service_tier"),
        verbosity=doc.get_str("verbosity"),
        user_id=doc.get_str("user"),
        safety_id=doc.get_str("safety_identifier"),
        cache_key=doc.get_str("prompt_cache_key"),
        metadata=doc.get_object("metadata"),
        store=doc.get_bool("store"),
    )


def _tools(doc: Doc) -> tuple[list[Tool | ServerTool], ToolChoice | None, bool]:
    """Tools, the choice among them, and whether they came as functions."""
    if not doc.holds(_TOOLS):
        return [], None, False
    tools = decode_tools(doc.get("tools"))
    functions = decode_functions(doc.get_items("functions"))
    choice, old_choice = doc.get("tool_choice"), doc.get("function_call")
    if (search := doc.get("web_search_options")) is not None:
        tools.append(decode_search(search))
    if functions and not tools:
        wanted = decode_function_choice(old_choice) if old_choice is not None else None
        return functions, wanted, True
    return tools, decode_choice(choice) if choice is not None else None, False


def _limit(doc: Doc, kept: Object) -> int | None:
    """The output limit, None if there is none."""
    limit = doc.get_int("max_completion_tokens", "max_tokens")
    if limit is not None and limit < 0:  # quirk(lmstudio): unlimited; kept for its like
        kept["max_tokens"] = limit
        return None
    return limit


def _stop(doc: Doc) -> tuple[str, ...]:
    stop = doc.get("stop")
    return tuple(filter(None, stop.strings())) if stop is not None else ()


def _stream_options(doc: Doc, kept: Object) -> bool:
    """Whether usage is wanted; what else the options say goes to `kept`."""
    options = doc.get("stream_options")
    if options is None:
        return False
    usage = bool(options.get_bool("include_usage"))
    if more := options.rest():
        kept["stream_options"] = more
    return usage


def _logprobs(doc: Doc) -> int | None:
    """The number of alternatives, None if log probabilities are not wanted at all."""
    wanted, top = doc.get("logprobs"), doc.get_int("top_logprobs")
    if wanted is None:
        return None
    if not isinstance(wanted.value, bool):
        return wanted.integer()  # quirk(together): a number, as in completions
    return (top or 0) if wanted.value else None


def _format(doc: Doc, kept: Object) -> ResponseFormat:
    """``response_format``; a type only some host knows is kept in `kept` as it is."""
    found = doc.get("response_format")
    if found is None:
        return ResponseFormat()
    kind = found.need_str("type")
    if kind == FormatKind.JSON_OBJECT and found.get("schema") is not None:
        # quirk(together): a schema beside `json_object`; so it is at Fireworks
        kept["response_format"] = found.mapping()
        return ResponseFormat(FormatKind.JSON_SCHEMA, schema=found.need("schema").mapping())
    if kind == FormatKind.JSON_OBJECT:
        return ResponseFormat(FormatKind.JSON_OBJECT)
    if kind != FormatKind.JSON_SCHEMA:
        if kind != FormatKind.TEXT:
            kept["response_format"] = found.mapping()
        return ResponseFormat()
    inner = found.need("json_schema")
    return ResponseFormat(
        FormatKind.JSON_SCHEMA,
        name=inner.get_str("name"),
        schema=inner.get_object("schema"),
        strict=inner.get_bool("strict"),
        description=inner.get_str("description"),
    )
